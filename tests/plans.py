"""How PostgreSQL would go about a query, where tables are large."""

from django.db import connection


def plan_of(query) -> str:
    """Return the plan of a query set, or of a statement as Django logs it, with whole tables as the last resort."""
    sql, params = (query, None) if isinstance(query, str) else query.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN (COSTS OFF) {sql}", params)
        return "\n".join(line for (line,) in cursor.fetchall())
