"""Act on the rollout's plan, each time with an actor and a reason.

One transaction writes plan, flag, event and audit, or none of them.
"""

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
from notificacao.rollout.plan.telling import tell_of

logger = structlog.get_logger(__name__)

PERMISSION = "notificacao.run_rollout"
REASON_MAX = RolloutEvent._meta.get_field("reason").max_length
State = RolloutPlan.State
TO_FREE_THE_FLAG = "na administração, em “Chaves de transição”, escolha “Vale o percentual”"


class SystemActor(StrEnum):
    """Name an actor that is no person: the guard, or the shell."""

    GUARD = "guard"
    SHELL = "shell"


By = Person | SystemActor


class NotNow(Exception):
    """Refuse an act that the plan, as it is, does not allow. The message is a sentence for staff."""


class Stale(NotNow):
    """Refuse an act, since somebody else acted after the page was opened."""

    def __init__(self) -> None:
        super().__init__("O plano mudou depois que esta página abriu: recarregue-a e confira antes de agir.")


@dataclass(frozen=True)
class Act:
    """Hold an act's name, actor, reason, the figures that were measured, and the network address of the request."""

    name: str
    by: By
    reason: str
    figures: dict = field(default_factory=dict)
    ip: str | None = None

    @property
    def who(self) -> str:
        """Return the person's public id, or the name of the system actor."""
        return self.by.public_id if isinstance(self.by, Person) else str(self.by)

    @property
    def console(self) -> dict[str, str]:
        """Return the account and machine of a shell act, as `{"console": "deploy@web-1"}`; empty for any other."""
        return {"console": audit.this_console()} if self.by is SystemActor.SHELL else {}

    def must_say_why(self) -> None:
        """Check that the act has a reason. Raises NotNow."""
        if not self.reason.strip():
            raise NotNow("Diga o motivo.")

    def event(self, plan: RolloutPlan, from_percent: Decimal, to_percent: Decimal, to_state: str) -> RolloutEvent:
        """Return the event for the plan's history, not saved yet. `plan` is still as it was before the act.

        Percents are 0 to 100.
        """
        return RolloutEvent(
            plan=plan,
            at=eventlog.now(),
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
        """Write the act to the audit trail; `percents` is a text such as "5% → 25%", `data` goes with it."""
        audit.record(
            AuditEvent.Action.ROLLOUT_CHANGED,
            who=self.who,
            ip=self.ip,
            reason=self.reason.strip()[:100],
            percent=percents,
            **data,
            **self.console,
        )


# The states of a plan from which each act may be done.
ACTS: dict[str, tuple[str, ...]] = {
    "start": (State.DRAFT, State.COMPLETED, State.ROLLED_BACK),
    "pause": (State.RUNNING, State.AWAITING_APPROVAL),
    "resume": (State.PAUSED,),
    "advance": (State.RUNNING, State.AWAITING_APPROVAL),
    "step_down": RolloutPlan.UNDER_WAY,
    "roll_back": RolloutPlan.REVERSIBLE,
}


def start(by: By, *, version: int, reason: str, ip: str | None = None) -> RolloutPlan:
    """Begin the plan at its first stage, or a new plan of the same stages where the last plan is over.

    Returns the plan. Raises PermissionDenied, Stale where `version` is not the plan's, and NotNow. All acts down to
    `await_approval` return and raise the same.
    """
    return _do(Act("start", by, reason, ip=ip), version, lambda plan: (State.RUNNING, 1))


def pause(by: By, *, version: int, reason: str, ip: str | None = None) -> RolloutPlan:
    """Pause the plan: its percent stays and its clock stops. The guard still acts upon harm."""
    return _do(Act("pause", by, reason, ip=ip), version, lambda plan: (State.PAUSED, plan.position))


def resume(by: By, *, version: int, reason: str, ip: str | None = None) -> RolloutPlan:
    """Let a paused plan go on at the stage where it is."""
    return _do(Act("resume", by, reason, ip=ip), version, lambda plan: (State.RUNNING, plan.position))


def advance(by: By, *, version: int, reason: str, ip: str | None = None) -> RolloutPlan:
    """Move the plan on to its next stage. After the last stage the plan is completed, and its percent stays."""
    return _do(Act("advance", by, reason, ip=ip), version, _after)


def step_down(by: By, *, version: int, reason: str, figures: dict | None = None, ip: str | None = None) -> RolloutPlan:
    """Move the plan back one stage, which begins anew; from the first stage, to nobody on Ably."""
    return _do(Act("step_down", by, reason, figures or {}, ip), version, _before)


def roll_back(by: By, *, version: int, reason: str, figures: dict | None = None, ip: str | None = None) -> RolloutPlan:
    """Move everybody back to SSE and end the plan, even where the flag's "Sim" puts all on Ably."""
    return _do(Act("roll_back", by, reason, figures or {}, ip), version, lambda plan: (State.ROLLED_BACK, 0))


def await_approval(by: By, *, version: int, reason: str) -> RolloutPlan:
    """Wait for staff to say whether the plan goes on. The guard does this at the end of a stage."""
    return _do(Act("await_approval", by, reason), version, lambda plan: (State.AWAITING_APPROVAL, plan.position))


@transaction.atomic
def switch_off(by: By, *, reason: str) -> None:
    """Take everybody off Ably, whatever plan and percent: the kill switch. Raises NotNow.

    The flag's "Não" then stays until somebody takes it back.
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
    """End a plan that has people on Ably, whatever its version, since the flag goes to nobody by hand.

    Returns whether there was such a plan. It asks for no permission: the flag's own was asked.
    """
    plan = RolloutPlan.objects.select_for_update().last()
    if plan is None or plan.state not in RolloutPlan.REVERSIBLE:
        return False
    _carry_out(Act("kill", by, reason, ip=ip), plan, State.ROLLED_BACK, 0)
    return True


def _after(plan: RolloutPlan) -> tuple[str, int]:
    """Return state and position after the plan's current stage: the next stage, or the end."""
    last = plan.stages.count()
    return (State.RUNNING, plan.position + 1) if plan.position < last else (State.COMPLETED, last)


def _before(plan: RolloutPlan) -> tuple[str, int]:
    """Return state and position before the plan's current stage: the stage before, or nobody on Ably."""
    return (State.RUNNING, plan.position - 1) if plan.position > 1 else (State.ROLLED_BACK, 0)


def _do(act: Act, version: int, target: Callable[[RolloutPlan], tuple[str, int]]) -> RolloutPlan:
    """Carry out the act and return the plan after it. Raises PermissionDenied, Stale, NotNow.

    `target` gives state and position (0: no stage) that the plan is to have.
    """
    with transaction.atomic():
        plan = locked(act, version, ACTS.get(act.name, (State.RUNNING,)))
        if act.name == "start" and plan.state != State.DRAFT:
            plan = following(plan)
        _carry_out(act, plan, *target(plan))
    return plan


def locked(act: Act, version: int, states: Iterable[str]) -> RolloutPlan:
    """Return the newest plan, locked until the end of the transaction.

    Raises PermissionDenied, Stale where `version` is not the plan's, and NotNow where it is in none of `states`.
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
    """Write plan, flag, event and audit of one act, and tell the administrators where that is due.

    Raises NotNow where the flag is forced and people would go to Ably.
    """
    flag, _ = RolloutFlag.objects.select_for_update().get_or_create(name=conf.ROLLOUT_FLAG)
    if state == State.RUNNING and flag.everyone is not None:
        raise NotNow(f"A chave está forçada para todos: antes, {TO_FREE_THE_FLAG}.")
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
    tell_of(event, by_guard=act.by is SystemActor.GUARD)
    if before.everyone != flag.everyone:
        put_flag_on_record(act, before, flag)


def _begin(plan: RolloutPlan, position: int) -> None:
    """Begin the stage at `position`: drop what was measured at another percent, which says nothing of this one."""
    plan.since, plan.counted_to, plan.probed_to = eventlog.now(), None, None
    plan.tallies.all().delete()
    plan.stages.filter(position=position).update(watched=0, sample=0, gates=[])


def put_on_record(act: Act, event: RolloutEvent, flag: RolloutFlag) -> None:
    """Save `event`, and write it to the audit trail, to the admin's log where a person acted, and to the log."""
    event.save()
    percents = _change(event.from_percent, event.to_percent)
    act.audit(percents, act=event.action, to=event.to_state)
    if isinstance(act.by, Person):
        message = f"Plano de transição: {percents}. {event.reason}"
        LogEntry.objects.log_actions(act.by.pk, [flag], CHANGE, change_message=message, single_object=True)
    logger.warning("rollout_changed", act=event.action, state=str(event.to_state), percent=percents, by=event.who)


def put_flag_on_record(act: Act, before: RolloutFlag, flag: RolloutFlag) -> None:
    """Write to the audit trail and the log how an act changed the flag, beside what became of the plan."""
    percents = _change(before.percent, flag.percent)
    act.audit(percents, act="flag", everyone=[before.everyone, flag.everyone])
    logger.warning("flag_changed", everyone=flag.everyone, percent=float(flag.percent), by=act.who)


def _change(before: Decimal, after: Decimal) -> str:
    return f"{float(before):g}% → {float(after):g}%"
