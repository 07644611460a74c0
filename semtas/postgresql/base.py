"""Define `DatabaseWrapper`, the class that Django looks for in this module by the setting ENGINE."""

import threading
import time

from django.conf import settings
from django.db.backends.postgresql import base, operations
from psycopg import Connection, Error
from psycopg_pool import PoolTimeout

from semtas.postgresql import deadline, reserve, waiting

_CHECK_WITHIN = 2.0  # seconds


class DatabaseOperations(operations.DatabaseOperations):
    """Name the module of the compilers."""

    compiler_module = "semtas.postgresql.compiler"


class DatabaseWrapper(base.DatabaseWrapper):
    """Check here, instead of in the pool, whether a connection of the pool answers, and pin its isolation level.

    No statement waits for a frozen server longer than `deadline.py` lets it.

    Requests never hold the last DATABASE_POOL_RESERVED of them (`reserve.py`).

    The pool's own check waits before it tries the next, a second at first and twice as long each time: of twenty that
    are dead it finds out four in its ten seconds, and a request that waits gets none
    (https://github.com/psycopg/psycopg/pull/711).
    """

    ops_class = DatabaseOperations

    _for_requests: dict[str, threading.BoundedSemaphore] = {}  # by alias, as the pools
    _counted = False

    @property
    def pool(self):
        """Return the pool, whose connections are `deadline.Connection`s; None where there is none."""
        options = self.settings_dict["OPTIONS"]
        if isinstance(options.get("pool"), dict):
            options["pool"].setdefault("connection_class", deadline.Connection)
        return super().pool

    def get_new_connection(self, conn_params: dict) -> Connection:
        """Return a connection that answers, of the pool where there is one.

        Raises PoolTimeout where none is free in time, for a request also where the rest is reserved, and after one dead
        connection more than the pool may hold.
        """
        if self.pool is None:
            return super().get_new_connection(conn_params)
        with waiting.meanwhile():
            self._count()
            try:
                return self._one_that_answers(conn_params)
            except BaseException:
                self._count_no_more()
                raise

    def _one_that_answers(self, conn_params: dict) -> Connection:
        until = time.monotonic() + (deadline.bound() or self.pool.timeout)
        for _ in range(self.pool.max_size + 1):
            connection = super().get_new_connection(conn_params)
            try:
                with deadline.within(_CHECK_WITHIN):
                    self.pool.check_connection(connection)
            except Error:
                connection.close()
                self.pool.putconn(connection)  # the pool sees that it is closed, and opens another in its place
            else:
                return connection
            if time.monotonic() > until:
                break
        raise PoolTimeout(f"None of {self.pool.max_size + 1} connections to PostgreSQL answers.")

    def _commit(self) -> None:
        """Commit; what fails here with the connection may have been committed all the same, and says so."""
        try:
            super()._commit()
        except Exception as error:
            error.outcome_unknown = True  # type: ignore[attr-defined]
            raise

    def _count(self) -> None:
        """Count this connection as a request's, once there is room for it, unless the thread is entitled to any."""
        if self._counted or reserve.entitled():
            return
        if not self._room().acquire(timeout=self.pool.timeout):
            raise PoolTimeout(f"requests held all of their connections for {self.pool.timeout:.2f} s")
        self._counted = True

    def _count_no_more(self) -> None:
        if self._counted:
            self._counted = False
            self._room().release()

    def _room(self) -> threading.BoundedSemaphore:
        most = self.pool.max_size - settings.DATABASE_POOL_RESERVED
        return self._for_requests.setdefault(self.alias, threading.BoundedSemaphore(most))

    def _close(self) -> None:
        try:
            super()._close()
        finally:
            self._count_no_more()

    def _configure_connection(self, connection: Connection) -> bool:
        """Configure a connection that was just opened, and have its statements run in read committed.

        The locks of the code are made for that level. A database or a role may have another as its default, in which
        whoever waited for a lock is refused instead of seeing what was committed meanwhile. Set here and not among the
        parameters of the start-up, it passes a pooler.
        """
        super()._configure_connection(connection)
        connection.execute("SET default_transaction_isolation TO 'read committed'")
        return True
