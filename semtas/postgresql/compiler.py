"""Compile INSERTs that leave to the database what it fills in itself, so that Django sends many rows as arrays.

Django looks for its compilers in this module. It sends the rows of `bulk_create` as one array for each column (UNNEST),
unless one value is an expression, as a `db_default` is: then each value is a parameter of its own, and for fifty rows
psycopg takes longer to find a thousand of them than all else takes.
"""

from django.db.backends.postgresql import compiler
from django.db.backends.postgresql.compiler import (
    SQLAggregateCompiler,
    SQLCompiler,
    SQLDeleteCompiler,
    SQLUpdateCompiler,
)
from django.db.models.expressions import DatabaseDefault

__all__ = ["SQLAggregateCompiler", "SQLCompiler", "SQLDeleteCompiler", "SQLInsertCompiler", "SQLUpdateCompiler"]


class SQLInsertCompiler(compiler.SQLInsertCompiler):
    """Leave out the columns to which every row gives its default in the database."""

    def as_sql(self):
        """Return the statement, with its parameters."""
        rows, fields = self.query.objs, self.query.fields
        given = [field for field in fields if not all(_is_left_to_the_database(row, field) for row in rows)]
        self.query.fields = given or fields  # a row of defaults alone names its columns
        return super().as_sql()


def _is_left_to_the_database(row, field) -> bool:
    return isinstance(getattr(row, field.attname), DatabaseDefault)
