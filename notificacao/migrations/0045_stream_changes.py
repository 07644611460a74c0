"""Tell streams of changes by numbered rows.

The two columns of a person that did so before stay in the table, with a default, for the version before this one.
"""

import django.utils.timezone
from django.db import migrations, models
from django.db.models.functions import Now

OLD = ("access_changed_at", "reading_changed_at")


class Migration(migrations.Migration):
    dependencies = [("notificacao", "0044_first_plan")]

    operations = [
        migrations.CreateModel(
            name="StreamChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("access", "Access"), ("reading", "Reading"), ("key", "Key")], max_length=10
                    ),
                ),
                ("person_id", models.BigIntegerField(help_text="Empty: everybody.", null=True)),
                (
                    "channel",
                    models.CharField(blank=True, default="", help_text="The channel whose key it is.", max_length=120),
                ),
                ("number", models.BigIntegerField(null=True, unique=True)),
                ("at", models.DateTimeField(db_default=Now())),
            ],
        ),
        migrations.AddField(
            model_name="loghead",
            name="changes",
            field=models.BigIntegerField(
                db_default=0, default=0, help_text="The last number that a StreamChange was given."
            ),
        ),
        *(
            migrations.AlterField(
                model_name="person",
                name=name,
                field=models.DateTimeField(
                    db_default=Now(), db_index=True, default=django.utils.timezone.now, editable=False
                ),
            )
            for name in OLD
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField(model_name="person", name=name) for name in OLD]
        ),
    ]
