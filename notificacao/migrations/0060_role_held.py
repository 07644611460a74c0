"""Whoever ever held a role is remembered, by a trigger: without any they reach no further than with one."""

from django.conf import settings
from django.db import migrations, models

REMEMBER = "INSERT INTO notificacao_roleheld (person_id)"
ONCE = "ON CONFLICT DO NOTHING"
BEGIN = {
    "sqlite": [
        "CREATE TRIGGER role_is_remembered AFTER INSERT ON notificacao_membership "
        f"BEGIN {REMEMBER} VALUES (NEW.person_id) {ONCE}; END",
    ],
    "postgresql": [
        "CREATE FUNCTION role_is_remembered() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"{REMEMBER} VALUES (NEW.person_id) {ONCE}; RETURN NULL; END $$",
        "CREATE TRIGGER role_is_remembered AFTER INSERT ON notificacao_membership "
        "FOR EACH ROW EXECUTE FUNCTION role_is_remembered()",
    ],
}
END = {
    "sqlite": "DROP TRIGGER role_is_remembered",
    "postgresql": "DROP FUNCTION role_is_remembered CASCADE",
}
# The trigger is there first: what is written meanwhile waits for this transaction, or is seen by it.
THOSE_THAT_HOLD_ONE = f"{REMEMBER} SELECT DISTINCT person_id FROM notificacao_membership WHERE true {ONCE}"


def remember(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for statement in [*BEGIN[vendor], THOSE_THAT_HOLD_ONE]:
        schema_editor.execute(statement)


def forget(apps, schema_editor):
    schema_editor.execute(END[schema_editor.connection.vendor])


class Migration(migrations.Migration):

    dependencies = [
        ("notificacao", "0059_history"),
    ]

    operations = [
        migrations.CreateModel(
            name="RoleHeld",
            fields=[
                (
                    "person",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=models.deletion.CASCADE,
                        primary_key=True,
                        related_name="role_held",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.RunPython(remember, forget),
    ]
