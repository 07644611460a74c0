"""Issue, rotate and revoke the keys of producers, and recognise the key that a request carries."""

import re
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.db.models.functions import Now

from notificacao import audit, eventlog
from notificacao.models import AuditEvent, Person, Producer, ProducerKey

OVERLAP = timedelta(days=7)  # a key is good for as long after another took its place
_keys: Any = ProducerKey.objects  # the package says that they are of its own model
_KEY = re.compile(r"[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}")
_NOTED_EVERY = timedelta(minutes=1)


class KeyRefused(Exception):
    """Refuse a key: `reason` is for the audit trail, `who` is the producer's name there, blank where unknown."""

    def __init__(self, reason: str, who: str = ""):
        super().__init__(reason)
        self.reason = reason
        self.who = who


def ending(within: timedelta) -> QuerySet[Any]:
    """Return the active producers whose last key ends `within` that time, or has ended, each with its end as `ends`.

    A key that another one replaces is none of them.
    """
    keyed = Producer.objects.filter(is_active=True, keys__revoked=False)
    return keyed.annotate(ends=Max("keys__expiry_date")).filter(ends__lt=Now() + within)


@transaction.atomic
def issue(
    producer: Producer, name: str, expires_at: datetime, by: Person, ip: str | None = None
) -> tuple[ProducerKey, str]:
    """Issue a key to `producer`, and return it with its text, which nobody can read again.

    `by` and `ip` are for the audit trail: the person who issues it, and their address.
    """
    key, text = _keys.create_key(producer=producer, name=name, expiry_date=expires_at)
    audit.record(
        AuditEvent.Action.KEY_ISSUED,
        who=by.public_id,
        ip=ip,
        producer=producer.slug,
        key=key.prefix,
        expires_at=expires_at.isoformat(),
    )
    return key, text


@transaction.atomic
def rotate(key: ProducerKey, by: Person, ip: str | None = None) -> tuple[ProducerKey, str]:
    """Issue a key in the place of `key`, for as long as that was issued for, and return it as `issue` does.

    `key` stays good for OVERLAP at most.
    """
    new = issue(key.producer, key.name, eventlog.now() + (key.expiry_date - key.created), by, ip)
    ProducerKey.objects.filter(pk=key.pk, expiry_date__gt=Now() + OVERLAP).update(expiry_date=Now() + OVERLAP)
    return new


@transaction.atomic
def revoke(key: ProducerKey, by: Person, ip: str | None = None) -> None:
    """Revoke `key`: it is refused from the next request on."""
    if ProducerKey.objects.filter(pk=key.pk, revoked=False).update(revoked=True):
        audit.record(AuditEvent.Action.KEY_REVOKED, who=by.public_id, ip=ip, producer=key.producer.slug, key=key.prefix)


def recognise(text: str) -> ProducerKey:
    """Return the key whose text is `text`, with its producer. Raises KeyRefused."""
    if not _KEY.fullmatch(text):
        raise KeyRefused("malformed")
    try:
        key = _keys.get_from_key(text)
    except ProducerKey.DoesNotExist:
        raise KeyRefused("unknown or revoked") from None
    if key.expiry_date <= key.now:
        raise KeyRefused("expired", key.producer.who)
    if not key.producer.is_active:
        raise KeyRefused("producer inactive", key.producer.who)
    _note_use(key)
    return key


def _note_use(key: ProducerKey) -> None:
    """Note the use of `key`, once a minute at most, for whoever rotates it and asks whether the old one is in use."""
    if key.last_used_at is None or key.last_used_at < key.now - _NOTED_EVERY:
        long_ago = Q(last_used_at__isnull=True) | Q(last_used_at__lt=Now() - _NOTED_EVERY)
        ProducerKey.objects.filter(long_ago, pk=key.pk).update(last_used_at=Now())
