"""Put behind the demonstration's alarm what is behind a true one: refusals, and the alarm itself, in the audit."""

from notificacao import audit
from notificacao.catalogue.notices import Matter, notice_for
from notificacao.content import Notice
from notificacao.models import AuditEvent

EVENT = "seguranca.acesso_negado_repetido"
FROM = "192.0.2.17"  # an address for examples (RFC 5737)
REASON = "not_found notification"
REFUSALS = 20


def notice() -> Notice:
    """Return the alarm's notice, as the catalogue words it."""
    return notice_for(EVENT, Matter())


def record_what_is_behind(notices: list[Notice]) -> None:
    """Record what each alarm among `notices` tells of, as `denials` and `alarm` would."""
    for one in notices:
        if one.data.get("event") == EVENT:
            refused = {"ip": FROM, "reason": REASON}
            audit.record(AuditEvent.Action.ACCESS_DENIED, **refused)
            audit.record(AuditEvent.Action.ACCESS_DENIED, **refused, alike_before=REFUSALS - 2)
            audit.record(AuditEvent.Action.ALARM_RAISED, **refused, told=len(one.channels))
