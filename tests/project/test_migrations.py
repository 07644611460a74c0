"""Migrations let the version before serve on: by rule. That they do is rehearsed in `tests/ship/test_upgrade.py`."""

import pytest
from django.db import connection, models
from django.db.migrations import Migration, operations
from django.db.models.functions import Now, Random

from semtas.postgresql.operations import AddIndexConcurrently, RemoveIndexConcurrently
from tests.project import compatible

INDEX = models.Index(fields=["created_at"], name="notification_created")


@pytest.fixture(scope="module")
def schema():
    return compatible.new_migrations()[0]


def faults(schema, *done, name="9999_next", atomic=True):
    migration = Migration(name, compatible.APP)
    migration.operations, migration.atomic = list(done), atomic
    return list(compatible.faults([migration], schema))


def add(field, model="notification", name="more"):
    return operations.AddField(model, name, field)


def test_the_version_before_serves_on_whatever_migrations_came_since():
    schema, since = compatible.new_migrations()
    assert list(compatible.faults(since, schema)) == []


def test_what_was_looked_at_is_one_of_those_since():
    assert set(compatible.LOOKED_AT) <= {migration.name for migration in compatible.new_migrations()[1]}


@pytest.mark.parametrize(
    ("refused", "because"),
    [
        (operations.RemoveField("notification", "link"), "relies on"),
        (operations.RenameField("notification", "link", "address"), "relies on"),
        (operations.RenameModel("Receipt", "Delivery"), "relies on"),
        (operations.DeleteModel("Opinion"), "relies on"),
        (operations.AlterModelTable("receipt", "receipts"), "relies on"),
        (operations.AlterUniqueTogether("receipt", {("person", "read")}), "relies on"),
        (
            operations.AddConstraint(
                "notification", models.CheckConstraint(condition=models.Q(attempts__lt=9), name="few")
            ),
            "relies on",
        ),
        (operations.RemoveConstraint("receipt", "one_receipt_per_person"), "relies on"),
        (operations.RunSQL("SELECT 1"), "LOOKED_AT"),
        (operations.RunPython(operations.RunPython.noop), "LOOKED_AT"),
        (operations.SeparateDatabaseAndState([operations.RunSQL("SELECT 1")]), "LOOKED_AT"),
        (add(models.IntegerField(default=0)), "give it a db_default"),
        (add(models.FloatField(db_default=Random())), "writes the whole table anew"),
        (
            add(
                models.GeneratedField(expression=models.F("id"), output_field=models.BigIntegerField(), db_persist=True)
            ),
            "writes the whole table anew",
        ),
        (add(models.IntegerField(null=True, unique=True)), "unique index"),
        (add(models.IntegerField(null=True, db_index=True)), "its index is built under a lock"),
        (add(models.ForeignKey("notificacao.person", models.SET_NULL, null=True)), "its index is built under a lock"),
        (
            operations.CreateModel(
                "Extra",
                [
                    ("id", models.BigAutoField(primary_key=True)),
                    ("row", models.ForeignKey("notificacao.notification", models.CASCADE)),
                ],
            ),
            "deletes rows of notification and knows nothing of row",
        ),
        (operations.AlterField("notification", "error", models.CharField(max_length=200)), "alters the column"),
        (operations.AlterField("notification", "error", models.TextField()), "alters the column"),
        (operations.AlterField("notification", "settled_at", models.DateTimeField()), "alters the column"),
        (operations.AddIndex("notification", INDEX), "locks a big table"),
        (operations.RemoveIndex("notification", "notification_channel_seq"), "locks a big table"),
    ],
    ids=lambda value: value.describe() if hasattr(value, "describe") else "",
)
def test_what_the_version_before_may_not_survive_is_refused(schema, refused, because):
    (fault,) = faults(schema, refused)
    assert because in fault


@pytest.mark.parametrize(
    "done",
    [
        add(models.IntegerField(null=True)),
        add(models.IntegerField(db_default=0)),
        add(models.DateTimeField(db_default=Now())),
        add(models.ForeignKey("notificacao.person", models.SET_NULL, null=True, db_index=False)),
        operations.AlterField(
            "notification", "error", models.CharField("falha", max_length=900, blank=True, default="")
        ),
        operations.AlterField(
            "notification", "kind", models.CharField(max_length=20, default="x", choices=[("x", "X")])
        ),
        operations.AlterModelOptions("notification", {"verbose_name": "aviso"}),
        operations.AddIndex("unit", models.Index(fields=["name"], name="unit_name")),
        AddIndexConcurrently("notification", INDEX),
        RemoveIndexConcurrently("notification", "notification_channel_seq"),
        operations.SeparateDatabaseAndState([], [operations.RemoveField("notification", "link")]),
    ],
    ids=lambda value: value.describe(),
)
def test_what_harms_nobody_is_let_through(schema, done):
    assert faults(schema, done) == []


def test_what_came_after_the_version_before_may_still_be_changed(schema):
    new = operations.CreateModel("Extra", [("id", models.BigAutoField(primary_key=True)), ("a", models.TextField())])
    assert faults(schema, new, operations.RemoveField("extra", "a"), operations.RenameModel("Extra", "More")) == []


def test_a_migration_that_may_end_half_way_does_one_thing(schema):
    (fault,) = faults(
        schema, AddIndexConcurrently("notification", INDEX), add(models.TextField(null=True)), atomic=False
    )
    assert "not atomic" in fault


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_an_index_is_built_and_dropped_beside_writers_on_either_database(schema):
    before = schema.clone()
    added, after = AddIndexConcurrently("notification", INDEX), schema.clone()
    added.state_forwards(compatible.APP, after)

    def is_there():
        with connection.cursor() as cursor:
            return INDEX.name in connection.introspection.get_constraints(cursor, "notificacao_notification")

    with connection.schema_editor(atomic=False) as editor:
        added.database_forwards(compatible.APP, editor, before, after)
        assert is_there()
        RemoveIndexConcurrently("notification", INDEX.name).database_forwards(compatible.APP, editor, after, before)
        assert not is_there()
        added.database_forwards(compatible.APP, editor, before, after)
        added.database_backwards(compatible.APP, editor, after, before)
        assert not is_there()
