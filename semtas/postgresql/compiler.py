"""Compile INSERTs that leave to the database what it fills in itself, so that Django sends many rows as arrays.

Django looks for its compilers in this module. It sends the rows of `bulk_create` as one array for each column (UNNEST),
unless one value is an expression, as a `db_default` is: then each value is a parameter of its own, and for fifty rows
psycopg takes longer to find a thousand of them than all else takes.
"""

from collections.abc import Sequence

from django.db.backends.postgresql import compiler
from django.db.backends.postgresql.compiler import (
    SQLAggregateCompiler,
    SQLCompiler,
    SQLDeleteCompiler,
    SQLUpdateCompiler,
)
from django.db.models import Field, Model
from django.db.models.expressions import DatabaseDefault

__all__ = ["SQLAggregateCompiler", "SQLCompiler", "SQLDeleteCompiler", "SQLInsertCompiler", "SQLUpdateCompiler"]


class SQLInsertCompiler(compiler.SQLInsertCompiler):
    """Leave out the columns that would hold the same without being named: the table's own defaults, and nothing."""

    def as_sql(self):
        """Return the statement, with its parameters."""
        fields = self.query.fields
        # A row that gives nothing at all has to name its columns.
        self.query.fields = [field for field in fields if not _is_left_out(field, self.query.objs)] or fields
        return super().as_sql()


def _is_left_out(field: Field, rows: Sequence[Model]) -> bool:
    """Tell whether no row gives `field` a value of its own."""
    if field.has_db_default():
        return all(isinstance(getattr(row, field.attname), DatabaseDefault) for row in rows)
    return field.null and not _is_set_late(field) and all(getattr(row, field.attname) is None for row in rows)


def _is_set_late(field: Field) -> bool:
    """Tell whether the field sets its own value as the row is written."""
    return getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
