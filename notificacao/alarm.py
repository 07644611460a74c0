"""Tell ADMIN and AUDITOR people, once in a window, of a person or an address that is refused again and again."""

import contextlib
from functools import partial

from notificacao import audit, eventlog, idempotency, rates, services
from notificacao.catalogue import notices as catalogue
from notificacao.catalogue.notices import Matter
from notificacao.conf import conf
from notificacao.content import InvalidNotification
from notificacao.models import AuditEvent
from notificacao.rates import Rate

EVENT = "seguranca.acesso_negado_repetido"
_HARMLESS = {"not_authenticated", "not_in_rollout"}  # a login that ran out; a page that asked too early


def count(*, who: str, ip: str | None, reason: str) -> None:
    """Count one refusal of the person `who`, or of the address `ip` where `who` is empty; raise the alarm where due.

    The alarm is due once a bucket of ALARM_REFUSALS tokens, which refills within ALARM_WINDOW seconds, is empty; all
    processes count together (`rates`). A `reason` whose first word is in `_HARMLESS` does not count.
    """
    about = who or ip or ""
    if not about or reason.split(" ", maxsplit=1)[0] in _HARMLESS:
        return
    often = Rate(conf.ALARM_REFUSALS * 60 / conf.ALARM_WINDOW, conf.ALARM_REFUSALS)
    told = Rate(60 / conf.ALARM_WINDOW, 1)
    if rates.take(f"refused:{about}", often) and not rates.take(f"told of:{about}", told):
        _sound(about, who, ip, reason)


def _sound(about: str, who: str, ip: str | None, reason: str) -> None:
    """Tell of the refusals once in a window: without Redis several processes may find the alarm due at once."""
    window = int(eventlog.now().timestamp() // conf.ALARM_WINDOW)
    with contextlib.suppress(idempotency.UnderWay):
        idempotency.once("alarm", f"{about} {window}", about, partial(_tell, who, ip, reason))


def _tell(who: str, ip: str | None, reason: str) -> int:
    """Notify ADMIN and AUDITOR people, and record that; return how many people were notified.

    The audit trail alone names the person or the address, for those who may read it.
    """
    try:
        told = len(services.notify_many([catalogue.notice_for(EVENT, Matter())]))
    except InvalidNotification:  # nobody holds either role
        told = 0
    audit.record(AuditEvent.Action.ALARM_RAISED, who=who, ip=ip, reason=reason, told=told)
    return told
