"""Read the newest plan, make the one that follows it, and write a plan's stages."""

from collections.abc import Iterable

from notificacao.models import RolloutPlan, RolloutStage


def newest() -> RolloutPlan:
    """Return the plan that counts; `manage.py migrate` made the first. Raises RolloutPlan.DoesNotExist."""
    plan = RolloutPlan.objects.last()
    if plan is None:
        raise RolloutPlan.DoesNotExist("There is no rollout plan, though a migration makes the first: restore it.")
    return plan


def following(plan: RolloutPlan) -> RolloutPlan:
    """Make and return a new plan with the stages of `plan`."""
    stages = plan.stages.values_list("percent", "bake_hours", "minimum_sample")
    new = RolloutPlan.objects.create(version=plan.version, approval=plan.approval)
    write(new, stages)
    return new


def write(plan: RolloutPlan, stages: Iterable[tuple]) -> None:
    """Replace the stages of `plan` by `stages`: (percent, hours of observation, smallest sample) of each, in order."""
    plan.stages.all().delete()
    RolloutStage.objects.bulk_create(
        RolloutStage(plan=plan, position=position, percent=percent, bake_hours=hours, minimum_sample=sample)
        for position, (percent, hours, sample) in enumerate(stages, 1)
    )
