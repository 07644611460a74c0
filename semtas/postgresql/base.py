"""Define `DatabaseWrapper`, the class that Django looks for in this module by the setting ENGINE."""

from django.db.backends.postgresql import base
from psycopg import Connection, Error, OperationalError


class DatabaseWrapper(base.DatabaseWrapper):
    """Check here, instead of in the pool, whether a connection of the pool answers, and pin its isolation level.

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

    def _configure_connection(self, connection: Connection) -> bool:
        """Configure a connection that was just opened, and have its statements run in read committed.

        The locks of the code are made for that level. A database or a role may have another as its default, in which
        whoever waited for a lock is refused instead of seeing what was committed meanwhile. Set here and not among the
        parameters of the start-up, it passes a pooler.
        """
        super()._configure_connection(connection)
        connection.execute("SET default_transaction_isolation TO 'read committed'")
        return True
