"""Run what a web process does beside its requests: the stream hub and, embedded, the dispatcher. Wired here alone."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Collection

import structlog
from django.conf import settings
from django.db import connection

from notificacao import doorbells, wakes
from notificacao.conf import conf
from notificacao.dispatcher.loop import Dispatcher
from notificacao.rounds import Rounds
from notificacao.server.ending import end_tasks
from notificacao.stream.application import StreamApplication
from notificacao.stream.hub import Hub
from notificacao.transports import Transport
from semtas.postgresql import deadline

logger = structlog.get_logger(__name__)

WRONG_SERVER = (
    "This server would wait for open streams without an end when it is told to stop. "
    "Serve the site with `manage.py serve`, which sends them away first; daphne, which cuts them off, works too."
)
_NOTICE_EVERY = 0.02  # seconds between two looks at the SQLite file; one costs 3 µs


class Runtime:
    """Hold the tasks of this process.

    They start once, on the loop that serves: from ASGI's lifespan, or at the first request where a server has none.
    """

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task] = {}
        self._rounds: dict[str, Callable[[], float | None]] = {}
        self._has_site = True
        self._drained_by_server = False
        self._hub: Hub | None = None
        self._stream: StreamApplication | None = None

    def start(self) -> None:
        """Start the tasks; without effect where they have started. Raises RuntimeError without a running loop."""
        if self._tasks:
            return
        deadline.for_all_threads(conf.DATABASE_WAIT)
        self._hub = hub = Hub()
        self._stream = StreamApplication(self._hub)
        self._run("hub", self._hub.run())
        self._rounds |= {"hub": lambda: hub.rounds.age, "presence": lambda: hub.presence.rounds.age}
        if conf.DISPATCHER == "embedded":
            self._run_dispatcher()
        if conf.wakes_cross_processes:
            for_dispatcher = wakes.FOR_DISPATCHERS if conf.DISPATCHER == "embedded" else ()
            self._run_wakes([wakes.HUBS, *for_dispatcher])
        if connection.vendor == "sqlite":
            noticed = Rounds()
            self._run("notice", _watch_other_processes(noticed))
            self._rounds["notice"] = lambda: noticed.age

    async def dispatch(self) -> None:
        """Run the dispatcher without a site around it, until cancelled or until one of its tasks fails."""
        self._has_site = False
        deadline.for_all_threads(conf.DATABASE_WAIT)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._run_dispatcher(tasks)
                if conf.wakes_cross_processes:
                    self._run_wakes(wakes.FOR_DISPATCHERS, tasks)
        finally:
            self._forget_tasks()

    def _run_dispatcher(self, tasks: asyncio.TaskGroup | None = None) -> None:
        dispatcher = Dispatcher(_transport())
        self._run("dispatcher", dispatcher.run(), tasks)
        self._rounds["dispatcher"] = lambda: dispatcher.age

    def _run_wakes(self, topics: Collection[str], tasks: asyncio.TaskGroup | None = None) -> None:
        self._run("wakes", wakes.relay_and_listen(topics), tasks)
        self._rounds["wakes"] = wakes.age

    def _run(self, name: str, work, tasks: asyncio.TaskGroup | None = None) -> None:
        self._tasks[name] = (tasks or asyncio).create_task(work, name=name)

    def _forget_tasks(self) -> None:
        self._tasks.clear()
        self._rounds.clear()

    async def stop(self) -> None:
        """Cancel the tasks, wait for their end as `end_tasks` does, and close the stream application."""
        await end_tasks(*self._tasks.values())
        self._forget_tasks()
        if self._stream is not None:
            self._stream.close()
        self._hub = self._stream = None

    def expect_drain(self) -> None:
        """Note that the server that is about to start will call `drain` when it is told to end."""
        self._drained_by_server = True

    def drain(self) -> None:
        """Send the open streams away, each with a moment to come back: an ASGI server waits for them to end."""
        if self._hub is not None:
            self._hub.drain()

    def status(self) -> dict[str, bool]:
        """Return `{task: whether it is alive}`; empty before the start."""
        return {name: not task.done() for name, task in self._tasks.items()}

    def expected(self) -> list[str]:
        """Return the tasks without which this process does not do its part."""
        dispatches = not self._has_site or conf.DISPATCHER == "embedded"
        return ["hub", "presence"] * self._has_site + ["dispatcher"] * dispatches

    def rounds(self) -> dict[str, float | None]:
        """Return `{task: seconds since a round of it succeeded}`, None where none ever did; empty before the start."""
        return {name: age() for name, age in self._rounds.items()}

    async def stream(self, scope, receive, send) -> None:
        """Serve `/api/v1/stream/`, as an ASGI application."""
        self.start()
        assert self._stream is not None
        await self._stream(scope, receive, send)

    def around(self, application):
        """Return `application` as an ASGI application that starts and stops this runtime with the server."""

        async def with_runtime(scope, receive, send) -> None:
            if scope["type"] == "lifespan":
                await self._lifespan(receive, send)
                return
            self.start()
            await application(scope, receive, send)

        return with_runtime

    async def _lifespan(self, receive, send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                if not self._drained_by_server:
                    await send({"type": "lifespan.startup.failed", "message": WRONG_SERVER})
                    return
                self.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _transport() -> Transport | None:
    """Return the transport that the dispatcher publishes to; None where Ably is not configured."""
    if not conf.ably_configured:
        return None
    from notificacao.transports.ably import AblyTransport

    return AblyTransport()


async def _watch_other_processes(rounds: Rounds) -> None:
    """Wake this process when another one has written to the SQLite file, until cancelled.

    `PRAGMA data_version` moves with every such commit. Each look is noted in `rounds`.
    """
    database = sqlite3.connect(settings.DATABASES["default"]["NAME"])
    with contextlib.closing(database):
        seen = None
        while True:
            (version,) = database.execute("PRAGMA data_version").fetchone()
            if version != seen:
                seen = version
                doorbells.ring(wakes.DISPATCHER)
                doorbells.ring(wakes.HUBS)
            rounds.succeeded()
            await asyncio.sleep(_NOTICE_EVERY)


runtime = Runtime()
