from django.db import migrations, models
from django.db.models import Q

from semtas.postgresql.operations import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("notificacao", "0063_index_of_what_is_marked_unread"),
    ]

    operations = [
        AddIndexConcurrently(
            "auditevent",
            models.Index(fields=["action", "at"], name="audit_acts", condition=~Q(action="token_issued")),
        ),
    ]
