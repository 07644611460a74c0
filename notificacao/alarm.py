"""The alarm: whoever is refused again and again is told of to ADMIN and AUDITOR people, once in a window."""

import contextlib
import time
from functools import partial

from notificacao import audit, catalogue, idempotency, services
from notificacao.catalogue import Matter
from notificacao.conf import conf
from notificacao.content import InvalidNotification
from notificacao.models import AuditEvent
from notificacao.rates import Memory, Rate

EVENT = "seguranca.acesso_negado_repetido"
_HARMLESS = {"not_authenticated", "not_in_rollout"}  # a login that ran out; a page that asked too early

_counted = Memory()


def count(*, who: str, ip: str | None, reason: str) -> None:
    """One refusal of `who`, or where nobody is known of the address `ip`."""
    about = who or ip or ""
    if not about or reason.split(" ", maxsplit=1)[0] in _HARMLESS:
        return
    often = Rate(conf.ALARM_REFUSALS * 60 / conf.ALARM_WINDOW, conf.ALARM_REFUSALS)
    if _counted.take(about, often) and not _counted.take(f"told of {about}", Rate(60 / conf.ALARM_WINDOW, 1)):
        _sound(about, who, ip, reason)


def _sound(about: str, who: str, ip: str | None, reason: str) -> None:
    """Other processes may have come to the same: one of them tells."""
    window = int(time.time() // conf.ALARM_WINDOW)
    with contextlib.suppress(idempotency.UnderWay):
        idempotency.once("alarm", f"{about} {window}", about, partial(_tell, who, ip, reason))


def _tell(who: str, ip: str | None, reason: str) -> int:
    """How many people were told. Who it is about is in the audit trail alone, for whoever may read that."""
    try:
        told = len(services.notify_many([catalogue.notice_for(EVENT, Matter())]))
    except InvalidNotification:  # nobody holds either role
        told = 0
    audit.record(AuditEvent.Action.ALARM_RAISED, who=who, ip=ip, reason=reason, told=told)
    return told


def forget() -> None:
    """Nobody was refused yet."""
    global _counted  # noqa: PLW0603 – one a process
    _counted = Memory()
