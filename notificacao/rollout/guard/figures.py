"""Make the figures of the stage that runs out of the counts."""

from collections import Counter

import numpy as np

from notificacao import capability
from notificacao.models import Arm, Person, RolloutFlag, RolloutPlan
from notificacao.rollout.guard.counting import arm_of
from notificacao.rollout.guard.gates import BY_PERSON, UNAVAILABLE, Figures
from notificacao.rollout.guard.statistics import Tally, tally

_BLOCK = 600  # seconds: probes of one block are taken to go together


def figures(plan: RolloutPlan, flag: RolloutFlag) -> Figures:
    """Return the figures of the plan's current stage: tallies of both arms by gate, and the share of Ably's people."""
    ably = _arm(plan, Arm.ABLY) | {UNAVAILABLE.name: _probes(plan)}
    return Figures(ably, _arm(plan, Arm.CONTROL), _assigned(flag))


def _arm(plan: RolloutPlan, arm: Arm) -> dict[str, Tally]:
    """Return `{gate's name: tally}` of an arm, over its people."""
    columns = ("shown", *(gate.name for gate in BY_PERSON))
    people = np.array(plan.tallies.filter(arm=arm).values_list(*columns), float).reshape(-1, len(columns))
    return {gate.name: tally(people[:, index], people[:, 0]) for index, gate in enumerate(BY_PERSON, 1)}


def _probes(plan: RolloutPlan) -> Tally:
    """Return the tally of the canary's probes since the stage began.

    Blocks of `_BLOCK` seconds take the place of people.
    """
    missed: Counter = Counter()
    sent: Counter = Counter()
    minutes = plan.minutes.filter(arm=Arm.CANARY, at__gte=plan.since) if plan.since else plan.minutes.none()
    for at, shown, failed in minutes.values_list("at", "shown", "failed"):
        block = at.timestamp() // _BLOCK
        sent[block] += shown
        missed[block] += failed
    return tally(np.array([missed[block] for block in sent], float), np.array(list(sent.values()), float))


def _assigned(flag: RolloutFlag) -> float:
    """Return the share of Ably's people among the active ones of both arms, 0 to 1; 0 where both are empty."""
    active = set(Person.objects.filter(is_active=True).values_list("pk", flat=True))
    arms = Counter(arm_of(flag, pk) for pk in active - capability.beyond(active))
    both = arms[Arm.ABLY] + arms[Arm.CONTROL]
    return arms[Arm.ABLY] / both if both else 0.0
