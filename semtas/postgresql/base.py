"""Define `DatabaseWrapper`, the class that Django looks for in this module by the setting ENGINE."""

from django.db.backends.postgresql import base
from psycopg import Connection, Error, OperationalError


class DatabaseWrapper(base.DatabaseWrapper):
    """Check here, instead of in the pool, whether a connection of the pool answers.

    The pool's own check waits before it tries the next, a second at first and twice as long each time: of twenty that
    are dead it finds out four in its ten seconds, and a request that waits gets none
    (https://github.com/psycopg/psycopg/pull/711).
    """

    def get_new_connection(self, conn_params: dict) -> Connection:
        """Return a connection that answers, of the pool where there is one.

        Raises what the pool raises, and OperationalError after one dead connection more than the pool may hold.
        """
        if self.pool is None:
            return super().get_new_connection(conn_params)
        for _ in range(self.pool.max_size + 1):
            connection = super().get_new_connection(conn_params)
            try:
                self.pool.check_connection(connection)
            except Error:
                connection.close()
                self.pool.putconn(connection)  # the pool sees that it is closed, and opens another in its place
            else:
                return connection
        raise OperationalError(f"None of {self.pool.max_size + 1} connections to PostgreSQL answers.")
