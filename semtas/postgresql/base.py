"""Define `DatabaseWrapper`, the class that Django looks for in this module by the setting ENGINE."""

from django.conf import settings
from django.db.backends.postgresql import base
from psycopg import Connection, Error, OperationalError

from semtas.postgresql.places import Places, is_reserved


class DatabaseWrapper(base.DatabaseWrapper):
    """Check here, instead of in the pool, whether a connection of the pool answers, and pin its isolation level.

    Requests never hold the last DATABASE_POOL_RESERVED connections.

    The pool's own check waits before it tries the next, a second at first and twice as long each time: of twenty that
    are dead it finds out four in its ten seconds, and a request that waits gets none
    (https://github.com/psycopg/psycopg/pull/711).
    """

    _places: dict[str, Places] = {}  # by alias, as the pools
    _has_place = False

    def get_new_connection(self, conn_params: dict) -> Connection:
        """Return a connection that answers, of the pool where there is one.

        Raises what the pool raises, and OperationalError after one dead connection more than the pool may hold.
        """
        if self.pool is None:
            return super().get_new_connection(conn_params)
        self._take_place()
        try:
            return self._one_that_answers(conn_params)
        except BaseException:
            self._leave_place()
            raise

    def _one_that_answers(self, conn_params: dict) -> Connection:
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

    def _take_place(self) -> None:
        """Take one of the places that requests share, unless this thread has the right to any connection."""
        if not is_reserved():
            self._of_requests().take(self.pool.timeout)
            self._has_place = True

    def _leave_place(self) -> None:
        if self._has_place:
            self._has_place = False
            self._of_requests().leave()

    def _of_requests(self) -> Places:
        most = self.pool.max_size - settings.DATABASE_POOL_RESERVED
        return self._places.setdefault(self.alias, Places(most))

    def _close(self) -> None:
        try:
            super()._close()
        finally:
            self._leave_place()
