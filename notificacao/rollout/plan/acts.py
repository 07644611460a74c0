"""The acts on a plan, each with who and why. One transaction writes plan, flag, event and audit, or nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

import structlog
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db import transaction

from notificacao import audit, eventlog
from notificacao.conf import conf
from notificacao.models import AuditEvent, Person, RolloutEvent, RolloutFlag, RolloutPlan
from notificacao.rollout.plan.stages import following, newest

logger = structlog.get_logger(__name__)

PERMISSION = "notificacao.run_rollout"
REASON_MAX = RolloutEvent._meta.get_field("reason").max_length
State = RolloutPlan.State


class SystemActor(StrEnum):
    """Who acts without being a person."""

    GUARD = "guard"
    SHELL = "shell"


By = Person | SystemActor


class NotNow(Exception):
    """The plan, as it is, does not allow this act; in a sentence for staff."""


class Stale(NotNow):
    """Somebody else acted meanwhile."""

    def __init__(self) -> None:
        super().__init__("O plano mudou depois que esta página abriu: recarregue-a e confira antes de agir.")


@dataclass(frozen=True)
class Act:
    """What is to be done, by whom, why, what was measured, and from which address it was asked for."""

    name: str
    by: By
    reason: str
    figures: dict = field(default_factory=dict)
    ip: str | None = None

    @property
    def who(self) -> str:
        return self.by.public_id if isinstance(self.by, Person) else str(self.by)

    @property
    def console(self) -> dict[str, str]:
        """Whose and on which machine, where it was one."""
        return {"console": audit.this_console()} if self.by is SystemActor.SHELL else {}

    def must_say_why(self) -> None:
        """Raises NotNow."""
        if not self.reason.strip():
            raise NotNow("Diga o motivo.")

    def event(self, plan: RolloutPlan, from_percent: Decimal, to_percent: Decimal, to_state: str) -> RolloutEvent:
        """For the plan's history, not saved yet; the plan is still as it was."""
        return RolloutEvent(
            plan=plan,
            action=self.name,
            who=self.who,
            from_state=plan.state,
            to_state=to_state,
            from_percent=from_percent,
            to_percent=to_percent,
            reason=self.reason.strip()[:REASON_MAX],
            figures=self.figures,
        )

    def audit(self, percents: str, **data) -> None:
        audit.record(
            AuditEvent.Action.ROLLOUT_CHANGED,
            who=self.who,
            ip=self.ip,
            reason=self.reason.strip()[:100],
            percent=percents,
            **data,
            **self.console,
        )


# From which states staff may do what.
ACTS: dict[str, tuple[str, ...]] = {
    "start": (State.DRAFT, State.COMPLETED, State.ROLLED_BACK),
    "pause": (State.RUNNING, State.AWAITING_APPROVAL),
    "resume": (State.PAUSED,),
    "advance": (State.RUNNING, State.AWAITING_APPROVAL),
    "step_down": RolloutPlan.UNDER_WAY,
    "roll_back": RolloutPlan.REVERSIBLE,
}


def start(by: By, *, version: int, reason: str, ip: str | None = None) -> RolloutPlan:
    """To the first stage; where the last plan is over, a new one of the same stages begins."""
    return _do(Act("start", by, reason, ip=ip), version, lambda plan: (State.RUNNING, 1))


def pause(by: By, *, version: int, reason: str, ip: str | None = None) -> RolloutPlan:
    """The percent stays, the clock stands; the guard still acts upon harm."""
    return _do(Act("pause", by, reason, ip=ip), version, lambda plan: (State.PAUSED, plan.position))


def resume(by: By, *, version: int, reason: str, ip: str | None = None) -> RolloutPlan:
    return _do(Act("resume", by, reason, ip=ip), version, lambda plan: (State.RUNNING, plan.position))


def advance(by: By, *, version: int, reason: str, ip: str | None = None) -> RolloutPlan:
    """To the next stage; from the last one the plan is completed, and its percent stays."""
    return _do(Act("advance", by, reason, ip=ip), version, _after)


def step_down(by: By, *, version: int, reason: str, figures: dict | None = None, ip: str | None = None) -> RolloutPlan:
    """A stage back, which begins anew; from the first, to nobody."""
    return _do(Act("step_down", by, reason, figures or {}, ip), version, _before)


def roll_back(by: By, *, version: int, reason: str, figures: dict | None = None, ip: str | None = None) -> RolloutPlan:
    """Everybody back to SSE, a "Sim" of the flag's notwithstanding. The plan is over."""
    return _do(Act("roll_back", by, reason, figures or {}, ip), version, lambda plan: (State.ROLLED_BACK, 0))


def await_approval(by: By, *, version: int, reason: str) -> RolloutPlan:
    """The guard's: the stage is over, and somebody is to say whether to go on."""
    return _do(Act("await_approval", by, reason), version, lambda plan: (State.AWAITING_APPROVAL, plan.position))


@transaction.atomic
def switch_off(by: By, *, reason: str) -> None:
    """The kill switch: nobody on Ably, whatever plan and percent; "Não" stays until somebody takes it back.

    Raises NotNow.
    """
    act = Act("kill", by, reason)
    act.must_say_why()
    kill(by, reason)
    flag, _ = RolloutFlag.objects.select_for_update().get_or_create(name=conf.ROLLOUT_FLAG)
    before = RolloutFlag(everyone=flag.everyone, percent=flag.percent)
    flag.everyone, flag.percent = False, Decimal(0)
    flag.save()
    put_flag_on_record(act, before, flag)


@transaction.atomic
def kill(by: By, reason: str, ip: str | None = None) -> bool:
    """The flag goes to nobody by hand: a plan that has people on Ably is over, whatever its version. Whether one was.
    Asks no permission: the flag's own was asked.
    """
    plan = RolloutPlan.objects.select_for_update().last()
    if plan is None or plan.state not in RolloutPlan.REVERSIBLE:
        return False
    _carry_out(Act("kill", by, reason, ip=ip), plan, State.ROLLED_BACK, 0)
    return True


def _after(plan: RolloutPlan) -> tuple[str, int]:
    last = plan.stages.count()
    return (State.RUNNING, plan.position + 1) if plan.position < last else (State.COMPLETED, last)


def _before(plan: RolloutPlan) -> tuple[str, int]:
    return (State.RUNNING, plan.position - 1) if plan.position > 1 else (State.ROLLED_BACK, 0)


def _do(act: Act, version: int, target: Callable[[RolloutPlan], tuple[str, int]]) -> RolloutPlan:
    """The plan after it. Raises PermissionDenied, Stale, NotNow."""
    with transaction.atomic():
        plan = locked(act, version, ACTS.get(act.name, (State.RUNNING,)))
        if act.name == "start" and plan.state != State.DRAFT:
            plan = following(plan)
        _carry_out(act, plan, *target(plan))
    return plan


def locked(act: Act, version: int, states: Iterable[str]) -> RolloutPlan:
    """The newest plan, until the end of the transaction. Raises PermissionDenied, Stale, and NotNow where it is in none
    of `states`.
    """
    if isinstance(act.by, Person) and not act.by.has_perm(PERMISSION):
        raise PermissionDenied(f"{PERMISSION} is needed.")
    act.must_say_why()
    plan = RolloutPlan.objects.select_for_update().get(pk=newest().pk)
    if plan.version != version or newest() != plan:  # while this one was waited for, another may have followed it
        raise Stale
    if plan.state not in states:
        raise NotNow(f"Não é possível agora: o plano está “{plan.get_state_display()}”.")
    return plan


def _carry_out(act: Act, plan: RolloutPlan, state: str, position: int) -> None:
    flag, _ = RolloutFlag.objects.select_for_update().get_or_create(name=conf.ROLLOUT_FLAG)
    if state == State.RUNNING and flag.everyone is not None:
        raise NotNow("A chave está forçada para todos: devolva-a ao percentual antes.")
    percent = plan.stages.get(position=position).percent if position else Decimal(0)
    event = act.event(plan, flag.percent, percent, state)
    if position != plan.position:
        _begin(plan, position)
    plan.state, plan.position, plan.reason, plan.version = state, position, event.reason, plan.version + 1
    plan.save()
    before = RolloutFlag(everyone=flag.everyone, percent=flag.percent)
    flag.percent = event.to_percent
    if act.name != "kill" and state == State.ROLLED_BACK and flag.everyone:  # of a plan that was completed
        flag.everyone = None
    if (before.everyone, before.percent) != (flag.everyone, flag.percent):
        flag.save()
    put_on_record(act, event, flag)
    if before.everyone != flag.everyone:
        put_flag_on_record(act, before, flag)


def _begin(plan: RolloutPlan, position: int) -> None:
    """What was measured at another percent tells nothing of this one."""
    plan.since, plan.counted_to, plan.probed_to = eventlog.now(), None, None
    plan.tallies.all().delete()
    plan.stages.filter(position=position).update(watched=0, sample=0, gates=[])


def put_on_record(act: Act, event: RolloutEvent, flag: RolloutFlag) -> None:
    event.save()
    percents = _change(event.from_percent, event.to_percent)
    act.audit(percents, act=event.action, to=event.to_state)
    if isinstance(act.by, Person):
        message = f"Plano de transição: {percents}. {event.reason}"
        LogEntry.objects.log_actions(act.by.pk, [flag], CHANGE, change_message=message, single_object=True)
    logger.warning("rollout_changed", act=event.action, state=str(event.to_state), percent=percents, by=event.who)


def put_flag_on_record(act: Act, before: RolloutFlag, flag: RolloutFlag) -> None:
    """What was done to the flag by hand, beside what became of a plan by it."""
    percents = _change(before.percent, flag.percent)
    act.audit(percents, act="flag", everyone=[before.everyone, flag.everyone])
    logger.warning("flag_changed", everyone=flag.everyone, percent=float(flag.percent), by=act.who)


def _change(before: Decimal, after: Decimal) -> str:
    return f"{float(before):g}% → {float(after):g}%"
