"""The rows that exist once: the log's head, the dispatcher's lease, the breaker, the flag at 0%."""

from django.conf import settings
from django.db import migrations


def create(apps, schema_editor):
    def model(name):
        return apps.get_model("notificacao", name).objects

    model("LogHead").create(pk=1)
    model("DispatcherLease").create(pk=1)
    model("BreakerState").create(name="ably", reason="ainda não alcançado")
    model("RolloutFlag").create(name=settings.ROLLOUT_FLAG, note="Quem recebe as notificações pelo Ably.")


class Migration(migrations.Migration):
    dependencies = [("notificacao", "0001_initial")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
