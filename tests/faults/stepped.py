"""Work on real connections that goes on one statement at a time, in the order that a test says."""

import contextlib
import threading

from django.db import DatabaseError, connection, connections

from tests.waiting import PATIENCE


class Actor:
    """`work` on a thread and a connection of its own; it stops before each statement, and before each commit.

    An error of the database ends it, as it ends a process's round.
    """

    def __init__(self, work, *given):
        self.over = False
        self.error: Exception | None = None
        self._backend = 0
        self._may_go = threading.Semaphore(0)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(work, given), daemon=True)
        self._thread.start()
        assert self._stopped.wait(PATIENCE)

    def _run(self, work, given) -> None:
        connection.ensure_connection()
        self._backend = connection.connection.info.backend_pid
        commit = connection._commit

        def commit_in_turn() -> None:
            self._wait_for_turn()
            commit()

        connection._commit = commit_in_turn
        try:
            with connection.execute_wrapper(self._in_turn):
                work(*given)
        except DatabaseError as error:
            self.error = error
        finally:
            self.over = True
            del connection._commit
            connections.close_all()
            self._stopped.set()

    def _in_turn(self, execute, *statement):
        self._wait_for_turn()
        return execute(*statement)

    def _wait_for_turn(self) -> None:
        self._stopped.set()
        assert self._may_go.acquire(timeout=PATIENCE)

    def step(self) -> None:
        """Its next statement; returns once that is done, or waits for somebody's lock."""
        if self._stopped.is_set() and not self.over:
            self._stopped.clear()
            self._may_go.release()
        while not self._stopped.wait(0.002):
            if self._waits_for_a_lock():
                return

    def _waits_for_a_lock(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT cardinality(pg_blocking_pids(%s))", [self._backend])
            return bool(cursor.fetchone()[0])

    def join(self) -> None:
        self._thread.join(PATIENCE)


def run_in_turns(actors: list[Actor], turns: list[int], after_each) -> None:
    """The actors go on as `turns` say, then one after the other until all are through; `after_each` looks on."""
    with contextlib.ExitStack() as at_the_end:
        for actor in actors:
            at_the_end.callback(actor.join)
        for turn in turns:
            actors[turn % len(actors)].step()
            after_each()
        while waiting := [actor for actor in actors if not actor.over]:
            for actor in waiting:
                actor.step()
                after_each()
