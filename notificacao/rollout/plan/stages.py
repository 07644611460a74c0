"""Plans and their stages: the template, the newest plan, the one that follows it."""

from collections.abc import Iterable

from notificacao.models import RolloutPlan, RolloutStage

# Percent, hours of observation, notifications of Ably's people at least.
TEMPLATE = ((5, 48, 300), (25, 72, 1_500), (75, 168, 5_000), (100, 336, 5_000))


def newest() -> RolloutPlan:
    """The plan that counts; the first is made of the template."""
    return RolloutPlan.objects.last() or _made(TEMPLATE)


def following(plan: RolloutPlan) -> RolloutPlan:
    """A new plan of the same stages."""
    stages = plan.stages.values_list("percent", "bake_hours", "minimum_sample")
    return _made(stages, version=plan.version, approval=plan.approval)


def _made(stages: Iterable[tuple], **fields) -> RolloutPlan:
    plan = RolloutPlan.objects.create(**fields)
    write(plan, stages)
    return plan


def write(plan: RolloutPlan, stages: Iterable[tuple]) -> None:
    """Percent, hours, notifications of each, in the place of those that were there."""
    plan.stages.all().delete()
    RolloutStage.objects.bulk_create(
        RolloutStage(plan=plan, position=position, percent=percent, bake_hours=hours, minimum_sample=sample)
        for position, (percent, hours, sample) in enumerate(stages, 1)
    )
