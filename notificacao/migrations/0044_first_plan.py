"""Make the first plan of the rollout, a draft of four stages, where a database has none: reading it writes nothing."""

from django.db import migrations

# Percent, hours of observation, notifications of Ably's people at least.
STAGES = ((5, 48, 300), (25, 72, 1_500), (75, 168, 5_000), (100, 336, 5_000))


def make(apps, schema_editor):
    plans = apps.get_model("notificacao", "RolloutPlan").objects
    if plans.exists():
        return
    plan = plans.create()
    stages = apps.get_model("notificacao", "RolloutStage").objects
    for position, (percent, hours, sample) in enumerate(STAGES, 1):
        stages.create(plan=plan, position=position, percent=percent, bake_hours=hours, minimum_sample=sample)


class Migration(migrations.Migration):
    dependencies = [("notificacao", "0043_what_a_notification_may_hold")]
    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
