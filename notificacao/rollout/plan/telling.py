"""Tell the administrators what became of the plan, in the transaction of the act, whoever acted."""

import structlog
from django.db import transaction

from notificacao import alerts
from notificacao.conf import conf
from notificacao.models import Priority, RolloutEvent, RolloutPlan

logger = structlog.get_logger(__name__)

State = RolloutPlan.State
TOLD: dict[str, tuple[str, Priority]] = {
    State.COMPLETED: ("Transição concluída", Priority.ALTA),
    State.ROLLED_BACK: ("Transição revertida", Priority.URGENTE),
    State.AWAITING_APPROVAL: ("Transição à espera de aprovação", Priority.ALTA),
}
STEPPED_DOWN = ("Transição voltou uma etapa", Priority.URGENTE)
BY_ITSELF = "Transição revertida automaticamente"


def tell_of(event: RolloutEvent, *, by_guard: bool) -> None:
    """Tell of `event` where it ends the plan, goes back or waits for somebody; `by_guard`: nobody asked for it."""
    told = STEPPED_DOWN if event.action == "step_down" and event.to_state == State.RUNNING else TOLD.get(event.to_state)
    if told is None:
        return
    title, priority = told
    if by_guard and event.to_state == State.ROLLED_BACK:
        title = BY_ITSELF
    tell(title, event.reason, priority)


def tell(title: str, reason: str, priority: Priority) -> None:
    """Notify the administrators. A failure to notify is logged, and undoes nothing of the act."""
    logger.warning("rollout_told", title=title, reason=reason)
    try:
        with transaction.atomic():
            alerts.tell_admins(title, reason, priority, f"/{conf.ADMIN_PATH}notificacao/rolloutplan/")
    except Exception as error:
        logger.exception("rollout_not_told", error=str(error))
