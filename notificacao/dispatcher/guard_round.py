"""Do one round of the rollout's guard: count, weigh, write down the findings, decide, and act.

It acts through the acts that staff have.
"""

from datetime import timedelta

import structlog

from notificacao import eventlog, metrics, rollout
from notificacao.conf import conf
from notificacao.dispatcher import lease
from notificacao.models import CanaryProbe, Priority, RolloutPlan, RolloutStage
from notificacao.rollout import plan as rollout_plan
from notificacao.rollout.guard.counting import count
from notificacao.rollout.guard.figures import figures
from notificacao.rollout.guard.gates import FAILED, Findings, weigh
from notificacao.rollout.guard.verdict import (
    Advance,
    AwaitApproval,
    Clock,
    Hold,
    RollBack,
    StepDown,
    Verdict,
    decide,
    watched,
)
from notificacao.rollout.plan import NotNow, SystemActor
from notificacao.rollout.plan.telling import tell

logger = structlog.get_logger(__name__)

PROBES_COME_EVERY = timedelta(minutes=10)  # at the latest; without probes it is unknown whether Ably delivers
State = RolloutPlan.State
WORDS = {
    Hold: "aguardar",
    Advance: "avançar",
    AwaitApproval: "aguardar aprovação",
    StepDown: "voltar uma etapa",
    RollBack: "reverter tudo",
}
_ATTENTION = "Atenção: "  # how the reason of a completed plan begins, of which administrators were told


def look(plan: RolloutPlan, term: int, passed: float) -> None:
    """Do one round on `plan` as the leader in `term`. Raises LeadLost.

    `passed` is the seconds since this process's last round, 0 in its first. Nothing is decided where somebody acted on
    the plan while its figures were weighed.
    """
    now = rollout.current()
    metrics.ROLLOUT_PERCENT.set(float(now.flag.percent))
    count(plan.pk, now.flag)
    found = weigh(figures(plan, now.flag))
    with lease.kept(term):
        locked = RolloutPlan.objects.select_for_update().get(pk=plan.pk)
        if locked.version != plan.version:
            return  # somebody acted meanwhile: the figures are of another stage
        stage = _write_down(locked, found, passed)
        clock = Clock(stage.watched, _blind(locked, now))
        verdict = decide(found, stage, clock, alone=not locked.needs_approval)
        _obey(locked, verdict, found)
    name = type(verdict).__name__
    metrics.GUARD_VERDICTS.labels(name).inc()
    logger.info("guard_looked", verdict=name, reason=verdict.reason, dry_run=conf.ROLLOUT_DRY_RUN)


def _write_down(plan: RolloutPlan, found: Findings, passed: float) -> RolloutStage:
    """Write watched seconds, sample and gates to the plan's current stage; return that stage."""
    stage = plan.stages.get(position=plan.position)
    if plan.state == State.RUNNING:
        stage.watched += watched(passed)
    stage.sample = next(int(finding.ably.shown) for finding in found.gates if finding.gate is FAILED)
    stage.gates = _as_data(found)
    stage.save(update_fields=["watched", "sample", "gates"])
    RolloutPlan.objects.filter(pk=plan.pk).update(looked_at=eventlog.now())
    return stage


def _as_data(found: Findings) -> list[dict]:
    """Return the findings of all gates in JSON's types."""
    return [finding.as_data() for finding in found.gates]


def _blind(plan: RolloutPlan, now: rollout.Rollout) -> str:
    """Return why the guard cannot measure now, as the end of a sentence for staff; blank where it can."""
    if not now.ably_up:
        return "o Ably está fora de uso"
    last = CanaryProbe.objects.last()
    if last is None or eventlog.now() - last.at > PROBES_COME_EVERY:
        return "não há sondas do Ably há dez minutos"
    return "" if plan.counted_to is not None else "a contagem ainda não começou"


def _obey(plan: RolloutPlan, verdict: Verdict, found: Findings) -> None:
    """Act by the verdict, or show it where there is nothing to do or `ROLLOUT_DRY_RUN` forbids to act.

    Steps back are made in whichever state the plan is; steps ahead only in a plan that runs. What it finds after the
    plan's completion it tells the administrators, and leaves the act to them.
    """
    if plan.state == State.COMPLETED:
        _tell_after_completion(plan, verdict, found)
        return
    acts = conf.ROLLOUT_DRY_RUN is False and (plan.state == State.RUNNING or isinstance(verdict, RollBack | StepDown))
    try:
        if not (acts and _act(plan, verdict, found)):
            _say(plan, verdict)
    except NotNow as error:
        logger.warning("guard_could_not_act", verdict=type(verdict).__name__, error=str(error))


def _act(plan: RolloutPlan, verdict: Verdict, found: Findings) -> bool:
    """Carry out the verdict; return whether there was anything to do.

    Raises NotNow.
    """
    version, reason = plan.version, verdict.reason
    match verdict:
        case RollBack():
            rollout_plan.roll_back(
                SystemActor.GUARD, version=version, reason=reason, figures={"gates": _as_data(found)}
            )
        case StepDown():
            rollout_plan.step_down(
                SystemActor.GUARD, version=version, reason=reason, figures={"gates": _as_data(found)}
            )
        case Advance():
            rollout_plan.advance(SystemActor.GUARD, version=version, reason=reason)
        case AwaitApproval():
            rollout_plan.await_approval(SystemActor.GUARD, version=version, reason=reason)
        case _:
            return False
    return True


def _tell_after_completion(plan: RolloutPlan, verdict: Verdict, found: Findings) -> None:
    """Alert the administrators once of what is proven against a completed plan; after that, only once it was over."""
    broken = [finding.gate.label for finding in found.gates if finding.broken or finding.critical]
    bad = isinstance(verdict, RollBack | StepDown) or bool(broken)
    if bad == plan.reason.startswith(_ATTENTION):
        return
    reason = verdict.reason if isinstance(verdict, RollBack | StepDown) else f"Meta não cumprida: {', '.join(broken)}."
    RolloutPlan.objects.filter(pk=plan.pk).update(reason=f"{_ATTENTION}{reason}"[:1000] if bad else "")
    if bad:
        tell("Ably fora da meta depois da transição", f"{reason} Decida na página da transição.", Priority.URGENTE)


def _say(plan: RolloutPlan, verdict: Verdict) -> None:
    """Show the verdict as the reason of a plan that runs, marked as a rehearsal under `ROLLOUT_DRY_RUN`."""
    if plan.state == State.RUNNING:
        rehearsal = f"Ensaio ({WORDS[type(verdict)]}): " if conf.ROLLOUT_DRY_RUN else ""
        RolloutPlan.objects.filter(pk=plan.pk).update(reason=f"{rehearsal}{verdict.reason}"[:1000])
