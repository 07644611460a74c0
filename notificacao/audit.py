"""Write the audit trail, as the only module that does, and export it as CSV."""

import functools
import getpass
import ipaddress
import json
import platform
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now

from notificacao import spreadsheet
from notificacao.models import AuditEvent

COLUMNS = ("at", "action", "who", "ip", "reason", "data")
_BATCH = 1_000  # events
_ADDRESS_MAX = 64  # characters that are looked at, more than any address has


def record(action: str, *, who: str = "", ip: str | None = None, reason: str = "", **data: Any) -> None:
    """Write one event, in the caller's transaction; `action` is one of `AuditEvent.Action`.

    `data` is small, and never holds a secret or a notification's text.
    """
    AuditEvent.objects.create(at=Now(), action=action, who=who, ip=ip or None, reason=reason, data=data)


def address_of(request) -> str | None:
    """Return the browser's address of `request`; None where there is none that can be understood.

    Behind a proxy uvicorn has read it from the proxy's headers: of several the right-most that is no proxy of ours.
    """
    return _address((request.META.get("REMOTE_ADDR") or "")[:_ADDRESS_MAX])


def address_in(scope: Mapping) -> str | None:
    """Return the browser's address of an ASGI scope, as `address_of` does."""
    return _address(((scope.get("client") or ("",))[0] or "")[:_ADDRESS_MAX])


@functools.lru_cache(maxsize=1_000)  # a house of a thousand pages comes back from one address
def _address(text: str) -> str | None:
    """Return `text` as an address in its one form, without a zone; None for anything else, such as `unknown`."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


def this_console() -> str:
    """Return who runs a command on which machine, such as `deploy@web-1`, or the machine alone for a nameless user."""
    try:
        return f"{getpass.getuser()}@{platform.node()}"
    except (KeyError, OSError):  # a container's user may have no name
        return platform.node()


def in_batches(events: QuerySet[AuditEvent]) -> Iterator[AuditEvent]:
    """Yield `events`, the newest first, of which `_BATCH` at a time are in memory.

    Whoever reads slowly holds no connection meanwhile, unless within a transaction of the caller's.
    """
    last = None
    while batch := list((events if last is None else events.filter(pk__lt=last)).order_by("-pk")[:_BATCH]):
        last = batch[-1].pk
        if not connection.in_atomic_block:
            connection.close()
        yield from batch


def as_csv(events: Iterable[AuditEvent]) -> Iterator[str]:
    """Yield the CSV lines of `events`, after one with the names of `COLUMNS`; no cell can be read as a formula."""
    yield spreadsheet.line(COLUMNS)
    for event in events:
        data = json.dumps(event.data, ensure_ascii=False, sort_keys=True).replace(";", "\\u003b") if event.data else ""
        yield spreadsheet.line((event.at.isoformat(), event.action, event.who, event.ip or "", event.reason, data))
