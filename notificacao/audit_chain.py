"""Chain the audit trail by hashes, so that an event that was changed, deleted or slipped in is seen.

Each link's hash is of the hash before it and of the event. Who writes an event waits for none of it: the leading
dispatcher links what waits, in the order in which it becomes visible.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from django.db.models import Exists, OuterRef, QuerySet

from notificacao.database import wakeful
from notificacao.models import AuditAnchor, AuditEvent, AuditLink

logger = structlog.get_logger(__name__)

BATCH = 200  # events a transaction
_READ = 1_000  # links that are verified at a time
_TOLD = 20  # faults that are told one by one


def link() -> int:
    """Link at most `BATCH` events that wait for it; return how many."""
    waiting = AuditLink.objects.filter(position=None).order_by("event_id")
    if not waiting.exists():  # no transaction that writes for nothing
        return 0
    with wakeful():
        position, before = _head(_locked_anchor())
        links = list(waiting[:BATCH])
        events = AuditEvent.objects.in_bulk([one.event_id for one in links])
        for one in links:
            position, before = position + 1, _hash(before, one.event_id, events.get(one.event_id))
            one.position, one.hash = position, before
        AuditLink.objects.bulk_update(links, ["position", "hash"])
    if links:
        logger.info("audit_linked", position=position, hash=before)  # a copy of the head where the logs are kept
    return len(links)


def trim(limit: datetime) -> int:
    """Delete the beginning of the chain up to the first event from `limit` on, `BATCH` at most; return how many.

    It ends before a link without its event too: what is missing stays to be seen.
    """
    with wakeful():
        anchor = _locked_anchor()
        links = list(AuditLink.objects.filter(position__gt=anchor.position).order_by("position")[:BATCH])
        events = AuditEvent.objects.in_bulk([one.event_id for one in links])
        kept = (n for n, one in enumerate(links) if one.event_id not in events or events[one.event_id].at >= limit)
        gone = links[: next(kept, len(links))]
        if gone:
            anchor.position, anchor.hash = gone[-1].position or 0, gone[-1].hash
            anchor.save()
            pks = [one.event_id for one in gone]
            QuerySet(AuditEvent).filter(pk__in=pks).delete()  # the model's own manager forbids to delete
            AuditLink.objects.filter(pk__in=pks).delete()
    return len(gone)


@dataclass
class Verdict:
    """Hold what `verify` found: links, events that wait, the last place with its hash, and faults as sentences."""

    linked: int = 0
    waiting: int = 0
    position: int = 0
    hash: str = ""
    faults: list[str] = field(default_factory=list)


def verify(kept: tuple[int, str] | None = None) -> Verdict:
    """Compute each hash anew from the anchor on, and look for events outside the chain.

    `kept` is the place and hash of an earlier head, which must still be there unless retention took it: the end of the
    chain, taken off by force, leaves no gap. Where retention took something meanwhile, what looks amiss is looked at
    again.
    """
    anchor = _anchor()
    while (found := _verified_from(anchor)).faults and (moved := _anchor()).position != anchor.position:
        anchor = moved
    if kept and not _still_has(*kept):
        found.faults.append(f"A posição {kept[0]} não tem mais o hash guardado: o fim da corrente foi refeito.")
    return found


def _still_has(position: int, known: str) -> bool:
    anchor = _anchor()
    if position <= anchor.position:
        return position < anchor.position or known == anchor.hash
    return AuditLink.objects.filter(position=position, hash=known).exists()


def _anchor() -> AuditAnchor:
    return AuditAnchor.objects.filter(pk=1).first() or AuditAnchor()


def _verified_from(anchor: AuditAnchor) -> Verdict:
    found = Verdict(position=anchor.position, hash=anchor.hash)
    for one, event in _linked_after(anchor.position):
        if one.position != found.position + 1:
            found.faults.append(f"Depois da posição {found.position} vem a {one.position}: faltam elos.")
        elif event is None:
            found.faults.append(f"Posição {one.position}: o evento {one.event_id} foi eliminado.")
        elif one.hash != _hash(found.hash, one.event_id, event):
            found.faults.append(f"Posição {one.position}: o evento {one.event_id}, ou o elo, foi alterado.")
        found.position, found.hash = one.position or 0, one.hash
        found.linked += 1
    waiting = AuditLink.objects.filter(position=None)
    found.waiting = waiting.count()
    bereft = waiting.filter(~Exists(AuditEvent.objects.filter(pk=OuterRef("pk"))))
    found.faults += [f"O evento {pk} foi eliminado à espera do seu elo." for pk in _first_of(bereft)]
    if left := AuditLink.objects.filter(position__lte=anchor.position).count():
        found.faults.append(f"Até a posição {anchor.position}, que a retenção diz ter levado, há elos: {left}.")
    outside = AuditEvent.objects.filter(~Exists(AuditLink.objects.filter(event_id=OuterRef("pk"))))
    found.faults += [f"O evento {pk} não tem elo." for pk in _first_of(outside)]
    return found


def _first_of(rows: QuerySet) -> QuerySet:
    return rows.order_by("pk").values_list("pk", flat=True)[:_TOLD]


def _linked_after(position: int) -> Iterator[tuple[AuditLink, AuditEvent | None]]:
    while links := list(AuditLink.objects.filter(position__gt=position).order_by("position")[:_READ]):
        events = AuditEvent.objects.in_bulk([one.event_id for one in links])
        yield from ((one, events.get(one.event_id)) for one in links)
        position = links[-1].position or 0


def _locked_anchor() -> AuditAnchor:
    """Return the anchor, whose lock lets one link or trim at a time."""
    AuditAnchor.objects.get_or_create(pk=1)
    return AuditAnchor.objects.select_for_update().get(pk=1)


def _head(anchor: AuditAnchor) -> tuple[int, str]:
    last = AuditLink.objects.filter(position__isnull=False).order_by("-position").first()
    return (last.position or 0, last.hash) if last else (anchor.position, anchor.hash)


def _hash(before: str, pk: int, event: AuditEvent | None) -> str:
    """Return the hash of a link, 64 hexadecimal digits, over all that the event holds."""
    told: list[Any] = [pk]
    if event is not None:
        at = event.at.astimezone(UTC).isoformat(timespec="microseconds")
        told += [at, event.action, event.who, event.ip, event.reason, event.data]
    return hashlib.sha256(f"{before}\n{json.dumps(told, sort_keys=True)}".encode()).hexdigest()
