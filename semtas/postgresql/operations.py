"""Build indexes while others write: migrations' operations for PostgreSQL that know what to do on SQLite too."""

from django.contrib.postgres import operations
from django.db.migrations import AddIndex, RemoveIndex


class AddIndexConcurrently(operations.AddIndexConcurrently):
    """Build an index without a lock on PostgreSQL, and as any other on SQLite. The migration is not atomic."""

    def database_forwards(self, *how) -> None:
        _kind(self, AddIndex, how).database_forwards(self, *how)

    def database_backwards(self, *how) -> None:
        _kind(self, AddIndex, how).database_backwards(self, *how)


class RemoveIndexConcurrently(operations.RemoveIndexConcurrently):
    """Drop an index without a lock on PostgreSQL, and as any other on SQLite. The migration is not atomic."""

    def database_forwards(self, *how) -> None:
        _kind(self, RemoveIndex, how).database_forwards(self, *how)

    def database_backwards(self, *how) -> None:
        _kind(self, RemoveIndex, how).database_backwards(self, *how)


def _kind(operation, plain: type, how: tuple) -> type:
    _, schema_editor, *_ = how
    concurrent = type(operation).__mro__[1]
    return concurrent if schema_editor.connection.vendor == "postgresql" else plain
