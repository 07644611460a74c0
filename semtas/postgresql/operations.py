"""Build indexes while others write: migrations' operations for PostgreSQL that know what to do on SQLite too.

Whoever waits here for older transactions holds up no reader and no writer, so it waits as long as they take: a build
that gave up would leave behind an index of no use, in the way of the next try.
"""

from django.contrib.postgres import operations
from django.db.migrations import AddIndex, RemoveIndex

from semtas.postgresql import locks


class AddIndexConcurrently(operations.AddIndexConcurrently):
    """Build an index without a lock on PostgreSQL, and as any other on SQLite. The migration is not atomic.

    What a build that was broken off left behind is dropped first.
    """

    def database_forwards(self, app_label, schema_editor, from_state, to_state) -> None:
        if schema_editor.connection.vendor == "postgresql":  # it drops the index where there is one
            self.database_backwards(app_label, schema_editor, to_state, from_state)
        _do(self, AddIndex, "database_forwards", app_label, schema_editor, from_state, to_state)

    def database_backwards(self, *how) -> None:
        _do(self, AddIndex, "database_backwards", *how)


class RemoveIndexConcurrently(operations.RemoveIndexConcurrently):
    """Drop an index without a lock on PostgreSQL, and as any other on SQLite. The migration is not atomic."""

    def database_forwards(self, *how) -> None:
        _do(self, RemoveIndex, "database_forwards", *how)

    def database_backwards(self, *how) -> None:
        _do(self, RemoveIndex, "database_backwards", *how)


def _do(operation, plain: type, direction: str, app_label: str, schema_editor, *states) -> None:
    if schema_editor.connection.vendor != "postgresql":
        getattr(plain, direction)(operation, app_label, schema_editor, *states)
        return
    concurrent = type(operation).__mro__[1]
    with locks.unbounded(schema_editor.connection):
        getattr(concurrent, direction)(operation, app_label, schema_editor, *states)
