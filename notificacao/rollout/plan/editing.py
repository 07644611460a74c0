"""Edit the stages of a plan that has not begun.

It says what may be planned, and puts on record who changed what, from what, and why.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction

from notificacao.conf import conf
from notificacao.models import RolloutFlag, RolloutPlan
from notificacao.rollout.plan.acts import Act, By, NotNow, locked, put_on_record
from notificacao.rollout.plan.stages import following, write

EDIT = "edit_stages"
HOLDBACK_MAX = Decimal(2)  # percent
STAGES_MAX = 8
BAKE_MAX = 720  # hours, which is 30 days: probes and minutes are kept for 35 days
SAMPLE_MAX = 1_000_000  # notifications
State = RolloutPlan.State


class Stage(NamedTuple):
    """Hold a percent (0.1 to 100, one decimal), hours of observation, and the fewest notifications of Ably's people."""

    percent: Decimal
    bake_hours: int
    minimum_sample: int


@dataclass(frozen=True)
class Draft:
    """Hold a plan's stages as they are to be.

    `holdback` is the percent of people who stay on SSE when all stages are through.
    """

    stages: tuple[Stage, ...]
    holdback: Decimal
    needs_approval: bool

    @classmethod
    def of(cls, plan: RolloutPlan) -> "Draft":
        """Return the stages of a plan as they are now."""
        stages = plan.stages.values_list("percent", "bake_hours", "minimum_sample")
        return cls(tuple(Stage(*stage) for stage in stages), plan.holdback, plan.needs_approval)

    def faults(self) -> Iterator[str]:
        """Yield the reasons why this cannot be a plan, in sentences for staff."""
        if not 0 <= self.holdback <= HOLDBACK_MAX:
            yield f"A reserva vai de 0 a {HOLDBACK_MAX}%."
        if not 1 <= len(self.stages) <= STAGES_MAX:
            yield f"Um plano tem de 1 a {STAGES_MAX} etapas."
            return
        before = Decimal(0)
        for number, stage in enumerate(self.stages, 1):
            yield from _faults_of(number, stage)
            if stage.percent <= before:
                yield (
                    f"Os percentuais só aumentam: a etapa {number} tem {_percent(stage.percent)}, "
                    f"depois de {_percent(before)}."
                )
            before = stage.percent
        if before != 100 - self.holdback:
            yield (
                f"A última etapa é a de todos menos a reserva: {_percent(100 - self.holdback)}, e não "
                f"{_percent(before)}."
            )

    def as_data(self) -> dict[str, Any]:
        """Return the draft in JSON's types, for the record."""
        stages = [stage._asdict() | {"percent": float(stage.percent)} for stage in self.stages]
        return {"stages": stages, "holdback": float(self.holdback), "needs_approval": self.needs_approval}


@transaction.atomic
def edit(by: By, *, version: int, reason: str, draft: Draft, ip: str | None = None) -> RolloutPlan:
    """Replace the stages of the plan, and return it; after a plan that was rolled back, return a new one.

    `version` is the plan's as the page showed it. Raises PermissionDenied, Stale, and NotNow where the draft is faulty,
    changes nothing, or the plan is under way or completed.
    """
    plan = locked(Act(EDIT, by, reason), version, RolloutPlan.EDITABLE)
    for fault in draft.faults():
        raise NotNow(fault)
    before = Draft.of(plan)
    if before == draft:
        raise NotNow("Nada foi mudado.")
    if plan.state != State.DRAFT:
        plan = following(plan)
    plan.approval, plan.version = draft.needs_approval, plan.version + 1
    plan.save(update_fields=["approval", "version"])
    write(plan, draft.stages)
    _put_on_record(Act(EDIT, by, reason, {"before": before.as_data(), "after": draft.as_data()}, ip), plan)
    return plan


def why_fixed(plan: RolloutPlan) -> str:
    """Return why the plan's stages may not be edited, in a sentence for staff; blank where they may."""
    if plan.state in RolloutPlan.EDITABLE:
        return ""
    if plan.state == State.COMPLETED:
        return "O plano está concluído e há pessoas no Ably por ele: para planejar outras etapas, reverta-o antes."
    return (
        "O plano está em curso: a verificação automática mede cada etapa pelo que foi aprovado no início, e mudá-la "
        "no meio faria valer "
        "para uma o que se mediu em outra. Para mudar as etapas, reverta o plano: o que segue começa pelas novas."
    )


def _faults_of(number: int, stage: Stage) -> Iterator[str]:
    """Yield the reasons why one stage is not possible, in sentences for staff."""
    if not 0 < stage.percent <= 100 or stage.percent != round(stage.percent, 1):
        yield f"O percentual da etapa {number} vai de 0,1 a 100, com uma casa decimal."
    if not 1 <= stage.bake_hours <= BAKE_MAX:
        yield f"A etapa {number} é observada por 1 a {BAKE_MAX} horas."
    if not 1 <= stage.minimum_sample <= SAMPLE_MAX:
        yield f"A amostra mínima da etapa {number} vai de 1 a {SAMPLE_MAX} notificações."


def _percent(of: Decimal) -> str:
    return f"{float(of):g}%".replace(".", ",")


def _put_on_record(act: Act, plan: RolloutPlan) -> None:
    flag, _ = RolloutFlag.objects.get_or_create(name=conf.ROLLOUT_FLAG)
    put_on_record(act, act.event(plan, flag.percent, flag.percent, plan.state), flag)
