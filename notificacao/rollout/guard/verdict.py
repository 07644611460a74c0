"""Decide what the rollout's guard does. Pure: from findings, stage and clock alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from notificacao.rollout.grace import GRACE
from notificacao.rollout.guard import LOOK_EVERY
from notificacao.rollout.guard.gates import COMPARABLE_FROM, FAILED, Finding, Findings
from notificacao.rollout.guard.statistics import share

_LONGEST = 2 * LOOK_EVERY


@dataclass(frozen=True)
class _Verdict:
    """Hold the reason of a verdict, a sentence for staff."""

    reason: str  # a sentence for staff


class Hold(_Verdict):
    """Stay at the current stage."""


class Advance(_Verdict):
    """Go on to the next stage; beyond the last the rollout is complete."""


class AwaitApproval(_Verdict):
    """Wait for approval: the stage's time is over, and somebody is to say whether to go on."""


class StepDown(_Verdict):
    """Go back one stage; from the first, to nobody on Ably."""


class RollBack(_Verdict):
    """Bring everybody back to SSE."""


Verdict = Hold | Advance | AwaitApproval | StepDown | RollBack


class Stage(Protocol):
    """Give what a stage needs before it may end.

    `bake_seconds` are watched at least, with `minimum_sample` notifications of Ably's people at least.
    """

    @property
    def bake_seconds(self) -> float: ...

    @property
    def minimum_sample(self) -> int: ...


@dataclass(frozen=True)
class Clock:
    """Hold the seconds of this stage in which the guard looked (`watched`).

    `blind` says why it cannot measure now, and is blank where it can.
    """

    watched: float
    blind: str = ""


def watched(since_last_look: float) -> float:
    """Return the seconds that a look adds to a stage's time.

    They are those that passed since this process's last look by its monotonic clock, two periods at most. So neither a
    clock that jumps nor a guard that is dead brings a stage to its end.
    """
    return min(max(0.0, since_last_look), _LONGEST)


def decide(findings: Findings, stage: Stage, clock: Clock, *, alone: bool) -> Verdict:
    """Return what to do: first what ends harm to people, then what keeps a stage from its end, then the end.

    `alone`: whether a stage that is through is left without anybody's approval.
    """
    gates = findings.gates
    if critical := [_tells(finding) for finding in gates if finding.critical]:
        return RollBack(f"Limite crítico ultrapassado: {'; '.join(critical)}.")
    if not findings.mismatch and (worse := [_compares(finding) for finding in gates if finding.worse]):
        return StepDown(f"Pior que o SSE: {'; '.join(worse)}.")
    if reason := next(_reasons_to_hold(findings, stage, clock), None):
        return Hold(reason)
    if unproven := [_tells(finding) for finding in gates if finding.gate.goal is not None and not finding.met]:
        return AwaitApproval(f"O tempo da etapa acabou, sem que a meta esteja provada: {'; '.join(unproven)}.")
    return Advance("Tempo cumprido e metas provadas.") if alone else AwaitApproval("Tempo cumprido e metas provadas.")


def _reasons_to_hold(findings: Findings, stage: Stage, clock: Clock) -> Iterator[str]:
    """Yield the reasons to stay at the stage, in sentences for staff, the most important first."""
    if clock.blind:
        yield f"Não é possível medir: {clock.blind}."
    if clock.watched < GRACE:
        yield "Dez minutos de carência após a mudança."
    if findings.mismatch:
        yield "Faltam pessoas nas medições de um dos lados: Ably e SSE não podem ser comparados."
    if broken := [_tells(finding) for finding in findings.gates if finding.broken]:
        yield f"Meta não cumprida: {'; '.join(broken)}."
    if clock.watched < stage.bake_seconds:
        yield f"Faltam {_hours(stage.bake_seconds - clock.watched)} de observação."
    measured = next(finding.ably for finding in findings.gates if finding.gate is FAILED)
    if measured.shown < stage.minimum_sample or measured.people < min(COMPARABLE_FROM, stage.minimum_sample):
        yield (
            f"Dados insuficientes: {measured.shown:.0f} notificações de {measured.people:.0f} pessoas, e são "
            f"necessárias {stage.minimum_sample} de {COMPARABLE_FROM}."
        )


def _tells(finding: Finding) -> str:
    """Return a gate's share on Ably with its goal and limit, as part of a sentence for staff."""
    gate = finding.gate
    limits = ((word, limit) for word, limit in (("meta", gate.goal), ("crítico", gate.critical)) if limit is not None)
    bounds = ", ".join(f"{word} {_percent(limit)}" for word, limit in limits)
    return f"{gate.label} {_percent(share(finding.ably))} de {finding.ably.shown:.0f} ({bounds})"


def _compares(finding: Finding) -> str:
    """Return a gate's shares on Ably and SSE, as part of a sentence for staff."""
    ours, control = _percent(share(finding.ably)), _percent(share(finding.control))
    return f"{finding.gate.label} {ours} no Ably e {control} no SSE"


def _percent(of: float) -> str:
    """Return the share `of` (0 to 1) as a percent in Portuguese: at most two decimals."""
    return f"{100 * of:.2f}".rstrip("0").rstrip(".").replace(".", ",") + "%"


def _hours(seconds: float) -> str:
    """Return a time in hours and minutes, rounded up to the minute."""
    hours, minutes = divmod(int(seconds // 60) + 1, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
