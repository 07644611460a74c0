"""Compare rows with any number of names, or with a place in each of many channels, in a statement that does not grow.

One OR for each place is refused by SQLite from a thousand on, and one parameter for each name by either database from
some ten thousand on. Few of either stay written out: databases plan them best.
"""

import json
from collections.abc import Collection, Mapping

from django.db.models import BigIntegerField, BooleanField, F, Func, Q, Value

_NAMES = 500  # that are written out
_PLACES = 50  # that are written out


class _AnyOf(Func):
    """Tell whether a column is one of the names, which are one parameter."""

    output_field = BooleanField()

    def __init__(self, column: F, names: Value):
        super().__init__(column, names)

    def as_postgresql(self, compiler, connection, **context):
        return self.as_sql(compiler, connection, template="%(expressions)s)", arg_joiner=" = ANY(", **context)

    def as_sqlite(self, compiler, connection, **context):
        column, names = self.get_source_expressions()
        sql, params = compiler.compile(column)
        return f"{sql} IN (SELECT value FROM json_each(%s))", [*params, json.dumps(names.value)]  # noqa: S608


class _PlaceOf(Func):
    """Look up the place in a row's channel, in an object that is one parameter."""

    output_field = BigIntegerField()

    def __init__(self, places: Value, channel: F):
        super().__init__(places, channel)

    def as_postgresql(self, compiler, connection, **context):
        template = "CAST((%(expressions)s) AS bigint)"
        return self.as_sql(compiler, connection, template=template, arg_joiner="::jsonb ->> ", **context)

    def as_sqlite(self, compiler, connection, **context):
        # The operator ->> reads a name with a full stop as a path. A quotation mark would end the name: none is known.
        places, channel = self.get_source_expressions()
        sql, params = compiler.compile(channel)
        return f"""json_extract(%s, '$."' || replace({sql}, '"', '') || '"')""", [places.value, *params]


def is_one_of(field: str, names: Collection[str]) -> Q:
    """Return the condition that `field` has one of `names`."""
    if len(names) <= _NAMES:
        return Q(**{f"{field}__in": names})
    return Q(_AnyOf(F(field), Value(list(names))))


def by_place(places: Mapping[str, int], lookup: str) -> Q:
    """Return the condition that a row's seq stands so (`seq__gt`, `seq__lte`) to the place that its channel has here.

    No row of another channel meets it.
    """
    names_by_place: dict[int, list[str]] = {}
    for name, place in places.items():
        names_by_place.setdefault(place, []).append(name)
    if len(names_by_place) > _PLACES:
        looked_up = _PlaceOf(Value(json.dumps(places)), F("channel"))
        return is_one_of("channel", places) & Q(**{lookup: looked_up})
    found = Q(pk__in=[])
    for place, names in names_by_place.items():
        found |= Q(is_one_of("channel", names), **{lookup: place})
    return found
