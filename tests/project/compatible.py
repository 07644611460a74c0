"""Judge migrations: may the version of `deploy/upgrade-from` serve before, while and after they run?

It reads and writes the new schema as if it were its own: while an upgrade is under way, and after one was taken back.
What is not known to be harmless is refused. What was looked at by somebody stands in `LOOKED_AT`, with the reason.
"""

from collections.abc import Iterator

from django.contrib.postgres import operations as concurrent
from django.db import models
from django.db.migrations import Migration, operations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.db.models.functions import Now

from tests.live.ably_server import ROOT

APP = "notificacao"
BIG = {"notification", "receipt", "readmark", "auditevent", "auditlink", "streamchange"}
"""Tables that grow with the log: an index that is built under a lock holds up whoever writes to them."""
NEVER_DELETED = {"person"}
"""Whose rows no version deletes: a foreign key to them hinders nobody."""
LOOKED_AT = {
    "0056_links_are_written_once": "Triggers alone: what the version before does with links and anchor passes them.",
    "0060_role_held": "A trigger that writes a row of its own table, and one statement over few memberships.",
}


def upgraded_from() -> tuple[str, str]:
    """Return the commit and the last migration of the version from which an upgrade has to be possible."""
    commit, migration = (ROOT / "deploy" / "upgrade-from").read_text().split()
    return commit, migration


def new_migrations() -> tuple[ProjectState, list[Migration]]:
    """Return the schema of the version before, and the migrations since."""
    loader = MigrationLoader(None)
    last = (APP, upgraded_from()[1])
    before = set(loader.graph.forwards_plan(last))
    (leaf,) = loader.graph.leaf_nodes(APP)
    since = [loader.graph.nodes[one] for one in loader.graph.forwards_plan(leaf) if one not in before]
    return loader.project_state(last), [one for one in since if one.app_label == APP]


def faults(migrations: list[Migration], state: ProjectState) -> Iterator[str]:
    """Yield a sentence for each operation that the version before, whose schema is `state`, may not survive."""
    known = {name for app, name in state.models if app == APP}
    state = state.clone()
    for migration in migrations:
        if not migration.atomic and len(migration.operations) > 1:
            yield f"{migration.name}: it is not atomic; give each of its operations a migration of its own."
        for operation in migration.operations:
            after = state.clone()
            operation.state_forwards(APP, after)
            if migration.name not in LOOKED_AT:
                for fault in _of(operation, state, after, known):
                    yield f"{migration.name}, {operation.describe()}: {fault}"
            state = after


def _of(operation, before: ProjectState, after: ProjectState, known: set[str]) -> Iterator[str]:
    model = getattr(operation, "model_name_lower", None) or getattr(operation, "name_lower", None)
    match operation:
        case operations.SeparateDatabaseAndState():
            for one in operation.database_operations:
                yield from _of(one, before, after, known)
        case operations.RunPython() | operations.RunSQL():
            yield "nobody can judge this by rule; look at it, and say in LOOKED_AT why it harms nobody."
        case operations.CreateModel():
            for name, _ in operation.fields:
                yield from _of_reference(_field(after, model, name), known)
        case operations.AlterModelOptions() | operations.AlterModelManagers() | concurrent.NotInTransactionMixin():
            pass
        case _ if model is not None and model not in known:
            pass  # a table of which the version before knows nothing
        case operations.AddField():
            yield from _of_new_field(_field(after, model, operation.name), model, known)
        case operations.AlterField():
            yield from _of_change(_field(before, model, operation.name), _field(after, model, operation.name))
        case operations.AddIndex() | operations.RemoveIndex():
            if model in BIG:
                yield "it locks a big table; take it from semtas.postgresql.operations, …Concurrently."
        case _:
            yield "the version before relies on what this changes; add beside it, and take away one version later."


def _field(state: ProjectState, model: str, name: str) -> models.Field:
    return state.apps.get_model(APP, model)._meta.get_field(name)


def _of_new_field(field: models.Field, model: str, known: set[str]) -> Iterator[str]:
    yield from _of_reference(field, known)
    if field.many_to_many:
        return
    if isinstance(field, models.GeneratedField):
        yield "a generated column writes the whole table anew."
        return
    if not field.null and not field.has_db_default():
        yield "the version before writes rows without it; give it a db_default, or null=True."
    if field.has_db_default() and not _is_stable(field.db_default):
        yield "its db_default is another for each row, which writes the whole table anew."
    if field.unique:
        yield "its unique index is built under a lock."
    elif field.db_index and model in BIG:
        yield "its index is built under a lock; say db_index=False, and add one by AddIndexConcurrently."


def _is_stable(default) -> bool:
    """Tell whether PostgreSQL asks once for all rows that are there."""
    return isinstance(default, models.Value | Now) or not hasattr(default, "resolve_expression")


def _of_reference(field: models.Field, known: set[str]) -> Iterator[str]:
    if field.remote_field is None or not field.db_constraint:
        return
    target = field.remote_field.model._meta.model_name
    if target in known and target not in NEVER_DELETED:
        yield f"the version before deletes rows of {target} and knows nothing of {field.name}; say db_constraint=False."


def _of_change(before: models.Field, after: models.Field) -> Iterator[str]:
    _, old_class, old_place, old = before.deconstruct()
    _, new_class, new_place, new = after.deconstruct()
    differs = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    differs -= {*before.non_db_attrs, "default"}
    if differs == {"max_length"} and (new.get("max_length") is None or new["max_length"] >= old["max_length"]):
        differs = set()  # PostgreSQL notes that a text may be longer, and reads no row
    if differs or (old_class, old_place) != (new_class, new_place):
        yield "it alters the column; add another one, fill it, and take this one away one version later."
