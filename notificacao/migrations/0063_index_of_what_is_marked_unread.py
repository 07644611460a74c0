from django.db import migrations, models
from django.db.models import Q

from semtas.postgresql.operations import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("notificacao", "0062_index_of_what_failed"),
    ]

    operations = [
        AddIndexConcurrently(
            "receipt",
            models.Index(
                fields=["person"], name="receipt_marked_unread", condition=Q(read=False, archived_at__isnull=True)
            ),
        ),
    ]
