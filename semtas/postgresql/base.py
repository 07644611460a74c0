"""The class that Django looks for here by the setting ENGINE."""

from django.db.backends.postgresql import base
from psycopg import Connection, Error, OperationalError


class DatabaseWrapper(base.DatabaseWrapper):
    """Looks itself whether a connection of the pool answers.

    The pool's own check waits before it tries the next, a second at first and twice as long each time: of twenty that
    are dead it finds out four in its ten seconds, and whoever waits gets none
    (https://github.com/psycopg/psycopg/pull/711).
    """

    def get_new_connection(self, conn_params: dict) -> Connection:
        """One that answers. Raises what the pool raises, and OperationalError after as many dead ones as it holds."""
        if self.pool is None:
            return super().get_new_connection(conn_params)
        for _ in range(self.pool.max_size + 1):
            connection = super().get_new_connection(conn_params)
            try:
                self.pool.check_connection(connection)
            except Error:
                connection.close()
                self.pool.putconn(connection)  # which sees that it is closed, and opens another in its place
            else:
                return connection
        raise OperationalError(f"None of {self.pool.max_size + 1} connections to PostgreSQL answers.")
