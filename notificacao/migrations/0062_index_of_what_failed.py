from django.db import migrations, models
from django.db.models import Q

from semtas.postgresql.operations import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("notificacao", "0061_metas"),
    ]

    operations = [
        AddIndexConcurrently(
            "notification",
            models.Index(fields=["id"], name="notification_failed", condition=Q(dispatch_state="failed")),
        ),
    ]
