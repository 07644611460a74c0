"""Tell the administrators what goes wrong in the system itself, once for each opening, and when it is over."""

from notificacao.alerts.definitions import DEFINITIONS, Definition, runbook
from notificacao.alerts.keeping import SEEN_EVERY, close, close_what_is_over, hold, names_of, open, open_alerts
from notificacao.alerts.telling import CLOSED, OPENED, is_about_the_system, tell_admins

__all__ = [
    "CLOSED",
    "DEFINITIONS",
    "OPENED",
    "SEEN_EVERY",
    "Definition",
    "close",
    "close_what_is_over",
    "hold",
    "is_about_the_system",
    "names_of",
    "open",
    "open_alerts",
    "runbook",
    "tell_admins",
]
