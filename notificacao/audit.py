"""The one way to write the audit trail; how it is read out as a table."""

import csv
import getpass
import io
import json
import platform
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from notificacao.models import AuditEvent

COLUMNS = ("at", "action", "who", "ip", "reason", "data")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet takes for the beginning of one


def record(action: str, *, who: str = "", ip: str | None = None, reason: str = "", **data: Any) -> None:
    """Write one event, in the caller's transaction. `data` is small: never a secret, never a notification's text."""
    AuditEvent.objects.create(action=action, who=who, ip=ip or None, reason=reason, data=data)


def address_of(request) -> str | None:
    """The browser's: behind a proxy uvicorn has read it from the proxy's headers."""
    return request.META.get("REMOTE_ADDR")


def address_in(scope: Mapping) -> str | None:
    """The same, where there is an ASGI scope and no request; None by a socket that has none."""
    return (scope.get("client") or (None,))[0]


def this_console() -> str:
    """Whose a command is and on which machine: `deploy@web-1`."""
    try:
        return f"{getpass.getuser()}@{platform.node()}"
    except (KeyError, OSError):  # a container's user may have no name
        return platform.node()


def as_csv(events: Iterable[AuditEvent]) -> Iterator[str]:
    """A line for each event, after one with the names of the columns; no cell is a formula."""
    yield _line(COLUMNS)
    for event in events:
        data = json.dumps(event.data, ensure_ascii=False, sort_keys=True) if event.data else ""
        yield _line((event.at.isoformat(), event.action, event.who, event.ip or "", event.reason, data))


def _line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    harmless = [f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells]
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow(harmless)
    return line.getvalue()
