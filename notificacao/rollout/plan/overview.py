"""Show how the plan stands, as plain data: the same for the admin's page, the API and the shell."""

import bisect
import math
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from notificacao import audiences, capability, eventlog, rollout
from notificacao.models import ActiveChannel, Arm, Person, RolloutEvent, RolloutPlan
from notificacao.models.rollout import BUCKETS
from notificacao.presence import LIVES_FOR
from notificacao.rollout import survey
from notificacao.rollout.grace import GRACE
from notificacao.rollout.plan.acts import ACTS, TO_FREE_THE_FLAG, SystemActor
from notificacao.rollout.plan.editing import EDIT, why_fixed
from notificacao.rollout.plan.stages import newest

CHARTED = timedelta(hours=3)
EVENTS_SHOWN = 50
ACT_LABELS = {
    "start": "Iniciar",
    "pause": "Pausar",
    "resume": "Retomar",
    "advance": "Avançar",
    "step_down": "Voltar uma etapa",
    "roll_back": "Reverter tudo",
    "await_approval": "Aguardar aprovação",
    "kill": "Desligar pela chave",
    EDIT: "Editar etapas",
}
GATE_STATES = {"met": "cumprida", "not_yet": "amostra insuficiente", "broken": "rompida"}
HANDS = {SystemActor.GUARD: "a verificação automática", SystemActor.SHELL: "o terminal"}
_ALL_ON_SSE = " e todos recebem por SSE"
_COUNTS = ("shown", "over_100_ms", "over_500_ms", "failed")


def overview() -> dict[str, Any]:
    """Return everything that a page needs, in JSON's types. Times are ISO 8601; percents 0 to 100; shares 0 to 1.

    `stages[].gates[]`: name, label, state (met, not_yet, broken), value and goal (shares; goal may be null), control.
    `holdback`: the percent of people whom the last stage leaves on SSE. `fixed`: why the stages may not be edited, else
    blank. `charts.minutes[]`: at, and by arm (ably, control, canary) shown, over_100_ms, over_500_ms, failed, of the
    last 3 hours. `opinions`: as `survey.by_arm` has it. `stages[].people`: how many active people are on Ably at that
    percent. `actions[]`: name, label, and `on_ably`, how many are after it, null where nobody changes. `warning`: what
    is not as the percent promises, else blank.

    Raises RolloutPlan.DoesNotExist.
    """
    plan = newest()
    now = rollout.current()
    reach = _Reach(now)
    people = _people(reach)
    return {
        "sentence": _sentence(plan, now, people["assigned_to_ably"]),
        "warning": _warning(now, people),
        "state": plan.state,
        "state_label": plan.get_state_display(),
        "reason": plan.reason,
        "percent": float(now.flag.percent),
        "everyone": now.flag.everyone,
        "position": plan.position,
        "since": _iso(plan.since),
        "looked_at": _iso(plan.looked_at),
        "stages": [_stage(stage, plan, reach) for stage in plan.stages.all()],
        "holdback": float(plan.holdback),
        "needs_approval": plan.needs_approval,
        "fixed": why_fixed(plan),
        "charts": {"minutes": _minutes(plan), "arms": {arm.value: arm.label for arm in Arm}},
        "people": people,
        "opinions": survey.by_arm(),
        "events": _events(),
        "version": plan.version,
        "actions": [_action(name, plan, reach) for name, states in ACTS.items() if plan.state in states],
    }


class _Reach:
    """Tell who of the active people is on Ably, now and at another percent: by bucket, and whose channels fit.

    Each person's bucket is taken once a look: it costs a hash.
    """

    def __init__(self, now: rollout.Rollout):
        active = set(Person.objects.filter(is_active=True).values_list("pk", flat=True))
        fit = active - capability.beyond(active)
        buckets = {pk: now.flag.bucket(pk) for pk in active}
        included = {pk for pk, bucket in buckets.items() if now.configured and now.flag.includes_bucket(bucket)}
        self.active, self.included, self.assigned = len(active), len(included), len(included & fit)
        self._buckets = sorted(buckets[pk] for pk in fit)

    def at(self, percent: Decimal) -> int:
        """Return how many people a percent puts on Ably: those whose bucket lies below it, and whose channels fit."""
        return bisect.bisect_left(self._buckets, percent * (BUCKETS // 100))


def _sentence(plan: RolloutPlan, now: rollout.Rollout, assigned: int) -> str:
    """Return in up to five sentences where the plan stands, why, what it waits for, and what keeps people off Ably.

    `assigned`: how many people the flag puts on Ably now, whatever the plan had put it to.
    """
    forced: dict[bool | None, str] = {True: "todas as pessoas no Ably", False: "ninguém no Ably"}
    on_ably = forced.get(now.flag.everyone, f"{_percent(now.flag.percent)} das pessoas no Ably")
    none_of_it = f"; pela chave, há {on_ably}" if assigned else ""
    stage = f"Etapa {plan.position} de {plan.stages.count()}, com {on_ably}"
    where = {
        RolloutPlan.State.DRAFT: f"A transição não começou{none_of_it or _ALL_ON_SSE}",
        RolloutPlan.State.RUNNING: stage,
        RolloutPlan.State.PAUSED: f"{stage}, pausada",
        RolloutPlan.State.AWAITING_APPROVAL: f"{stage}, à espera de aprovação",
        RolloutPlan.State.COMPLETED: f"A transição está concluída, com {on_ably}",
        RolloutPlan.State.ROLLED_BACK: f"A transição foi revertida{none_of_it or _ALL_ON_SSE}",
    }[plan.state]  # type: ignore[index]
    why = plan.reason and f"Motivo: {plan.reason}"
    left = _grace_left(plan)
    grace = left and f"Faltam {left} min de carência: só depois dela as mudanças são medidas"
    awaited = (plan.under_way or assigned) and now.configured and not now.ably_up
    out_of_use = awaited and "O Ably está fora de uso: por ora todos recebem por SSE"
    switched_off = (
        now.flag.everyone is False
        and f"A chave está em “Não”: nada vai ao Ably, e nenhum plano começa. Para religar, {TO_FREE_THE_FLAG}"
    )
    return " ".join(f"{each.removesuffix('.')}." for each in (where, why, switched_off, grace, out_of_use) if each)


def _grace_left(plan: RolloutPlan) -> int:
    """Return how many minutes, begun ones too, are left in which nothing is measured; 0 where none are."""
    if not plan.under_way or plan.since is None:
        return 0
    return max(0, math.ceil((plan.since + timedelta(seconds=GRACE) - eventlog.now()) / timedelta(minutes=1)))


def _warning(now: rollout.Rollout, people: dict[str, int]) -> str:
    """Return a sentence where the percent reaches nobody at all, as a small one of few people does."""
    asked = now.configured and now.flag.everyone is None and now.flag.percent and people["active"]
    if not asked or people["assigned_to_ably"]:
        return ""
    return (
        f"{_percent(now.flag.percent)} de {people['active']} pessoas não alcança ninguém: ninguém está no Ably, e não "
        "haverá o que medir."
    )


def _action(name: str, plan: RolloutPlan, reach: _Reach) -> dict[str, Any]:
    """Return one act with how many people are on Ably after it; None for acts that move nobody."""
    to = {"start": 1, "advance": plan.position + 1, "step_down": plan.position - 1, "roll_back": 0}.get(name)
    stage = plan.stages.filter(position=to).first() if to else None
    moves = to == 0 or stage is not None
    on_ably = reach.at(stage.percent if stage else Decimal(0)) if moves else None
    return {"name": name, "label": ACT_LABELS[name], "on_ably": on_ably}


def gate_figures(gate: dict[str, Any]) -> str:
    """Return a gate's value, and its limit where it has one, as staff read them; empty without a value."""
    if gate.get("value") is None:
        return ""
    so_far = "até agora " if gate["state"] == "not_yet" else ""
    limit = "" if gate.get("goal") is None else f"; limite {_share(gate['goal'])}"
    return f"{so_far}{_share(gate['value'])}{limit}"


def _share(of: float) -> str:
    """Return a share as a percentage of at least one and at most two decimal places."""
    text = f"{100 * of:.2f}".removesuffix("0")
    return f"{text}%".replace(".", ",")


def _percent(of) -> str:
    return f"{float(of):g}%".replace(".", ",")


def _stage(stage, plan: RolloutPlan, reach: _Reach) -> dict[str, Any]:
    return {
        "people": reach.at(stage.percent),
        "position": stage.position,
        "percent": float(stage.percent),
        "current": plan.under_way and stage.position == plan.position,
        "bake_hours": stage.bake_hours,
        "watched_hours": round(stage.watched / 3_600, 2),
        "minimum": stage.minimum_sample,
        "sample": stage.sample,
        "gates": stage.gates,
    }


def _minutes(plan: RolloutPlan) -> list[dict[str, Any]]:
    """Return the counts of the last three hours (`CHARTED`) by minute and arm, in order of time."""
    since = eventlog.now() - CHARTED
    sums = plan.minutes.filter(at__gte=since).values_list("at", "arm").order_by("at").annotate(*map(Sum, _COUNTS))
    minutes: dict[Any, dict[str, Any]] = defaultdict(dict)
    for at, arm, *counts in sums:
        minutes[at][arm] = dict(zip(_COUNTS, counts, strict=True))
    return [{"at": _iso(at), **arms} for at, arms in minutes.items()]


def _people(reach: _Reach) -> dict[str, int]:
    """Count the active people by what the flag assigns them, and the open pages by the transport that they are on.

    `too_many_channels` are in the rollout and on SSE: more channels than Ably can carry.
    """
    told = ActiveChannel.objects.filter(
        channel=audiences.SYSTEM_CHANNEL, process__seen_at__gte=eventlog.now() - LIVES_FOR
    )
    open_now = told.aggregate(on_ably=Sum("on_ably", default=0), on_sse=Sum("on_sse", default=0))
    return {
        "active": reach.active,
        "assigned_to_ably": reach.assigned,
        "assigned_to_sse": reach.active - reach.assigned,
        "too_many_channels": reach.included - reach.assigned,
        "open_on_ably": open_now["on_ably"],
        "open_on_sse": open_now["on_sse"],
    }


def _events() -> list[dict[str, Any]]:
    """Return the last `EVENTS_SHOWN` events, newest first, with the names of the people who acted."""
    events = list(RolloutEvent.objects.all()[:EVENTS_SHOWN])
    people = Person.objects.filter(public_id__in={event.who for event in events})
    names = {person.public_id: str(person) for person in people} | {str(hand): name for hand, name in HANDS.items()}
    return [
        {
            "at": _iso(event.at),
            "action": event.action,
            "label": ACT_LABELS[event.action],
            "who": names.get(event.who, event.who),
            "from_state": event.from_state,
            "to_state": event.to_state,
            "from_percent": float(event.from_percent),
            "to_percent": float(event.to_percent),
            "reason": event.reason,
            "figures": event.figures,
        }
        for event in events
    ]


def _iso(moment) -> str | None:
    return moment.isoformat() if moment else None
