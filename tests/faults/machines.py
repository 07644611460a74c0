"""Many machines in small: PostgreSQL, Redis, two dispatchers, two web processes, a producer, proxies between them."""

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence

import psycopg

from tests.faults import history
from tests.faults.clients import HASTY, Browser, Patience
from tests.faults.history import Fault, Hearing, Row
from tests.faults.proxy import Proxy
from tests.live.ably_server import free_port
from tests.live.postgres import PostgresServer
from tests.live.redis import RedisServer
from tests.live.site import HERE, DispatcherProcess, Site, Tree, environment_for, talk_to
from tests.waiting import eventually

PEOPLE = 8
PAGES = 3  # a person: live, standby, and one that changes
_LANES = (lambda: "live", lambda: "standby", lambda: random.choice(("live", "standby")))
BY_SESSION = (None,)  # one page a person, in the lane that its session names
_LOOK_EVERY = 0.05  # seconds
_AT_ONCE = 40  # pages that open together
QUIET_WITHIN = 40.0  # seconds in which nothing comes until what is missing is lost


_TOLD = 20  # faults that a message has at most


class Wrong(AssertionError):
    """What the checker of histories found: `faults` are all of it, the message has the first of them, and `beside`."""

    def __init__(self, faults: Sequence[Fault], beside: str):
        self.faults = [*faults]
        super().__init__("\n".join([f"{len(faults)} faults:", *map(str, faults[:_TOLD]), beside]))


class Producer:
    """The process of `producer.py`, on `database`, of the version in `tree`."""

    def __init__(self, database: str, tree: Tree = HERE, **settings: str):
        environment = environment_for(database, **settings)
        self._process = talk_to(environment, "-m", "tests.faults.producer", tree=tree)

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, do: str, **order):
        """What it answers."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"do": do, **order}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            pipe.close()


class Machines:
    """All processes, on a database of their own. `settings` are everybody's; `odd` are those of the first of each kind.

    Everything is of the version in `tree`, the database too.

    The first web process reaches PostgreSQL through `to_database`, and with `all_behind` so does every process but the
    producer. Half of the pages reach the first web process through `to_web`. `patience` is that of the pages.
    """

    def __init__(
        self,
        postgres: PostgresServer,
        redis: RedisServer,
        *,
        size: int = PEOPLE,
        dispatcher: type[DispatcherProcess] = DispatcherProcess,
        web: type[Site] = Site,
        odd: dict = {},  # noqa: B006
        tree: Tree = HERE,
        all_behind: bool = False,
        patience: Patience = HASTY,
        **settings: str,
    ):
        self.postgres, self.redis = postgres, redis
        self._size = size
        self.patience = patience
        self.database = postgres.create_database(tree=tree)
        self.settings = {
            "REDIS_URL": redis.url,
            "DISPATCHER": "external",
            "STREAM_HEARTBEAT": "0.5",
            "ABLY_API_KEY": "app.key:segredo",  # an Ably that nobody reaches: its people are in standby
            "ABLY_ENDPOINT": "127.0.0.1",
            "ABLY_PORT": str(free_port()),
            "ABLY_TLS": "false",
            **settings,
        }
        self.to_database = Proxy(postgres.port)
        behind = self.database.replace(f":{postgres.port}/", f":{self.to_database.port}/")
        second = behind if all_behind else self.database
        self.webs = [web(behind, **self.settings | odd), web(second, **self.settings)]
        self.to_web = Proxy(self.webs[0].port)
        self.dispatchers = [dispatcher(second, **self.settings | more) for more in (odd, {})]
        if tree != HERE:
            for process in self._processes:
                process.go_over_to(tree)
        self.producer = Producer(self.database, tree, **self.settings)
        self.people: list[dict] = []

    @property
    def _processes(self) -> list:
        return [*self.dispatchers, *self.webs]

    def __enter__(self) -> "Machines":
        self.to_database.__enter__()
        self.to_web.__enter__()
        self.people = self.producer.tell("cast", size=self._size)
        self.heal()
        return self

    def __exit__(self, *_) -> None:
        self.producer.close()
        for process in self._processes:
            process.close()
        self.to_web.__exit__()
        self.to_database.__exit__()

    def heal(self) -> None:
        """Everything runs and answers."""
        self.to_database.heal()
        self.to_web.heal()
        for server in (self.postgres, self.redis):
            if server.running:
                server.thaw()
            else:
                server.start()
        gone = [process for process in self._processes if not process.running]
        for process in gone:
            process.launch()
        for process in self._processes:
            process.thaw()
        for process in gone:
            process.wait_until_ready()

    @property
    def sites(self) -> list[str]:
        """Twice the first web process, by its own port and through the proxy, and the second."""
        return [f"http://127.0.0.1:{self.to_web.port}", self.webs[0].url, self.webs[1].url, self.webs[1].url]

    def log(self) -> dict[str, tuple]:
        """`{id: (seq, prev_seq)}`."""
        with psycopg.connect(self.database) as connection:
            rows = connection.execute("SELECT public_id, seq, prev_seq FROM notificacao_notification")
            return {str(public_id): (seq, prev_seq) for public_id, seq, prev_seq in rows}

    def is_quiet(self) -> bool:
        """Whether everything committed has its place in the log."""
        return all(seq is not None for seq, _ in self.log().values())

    def is_settled(self) -> bool:
        """Whether Ably took, or will never get, everything that has its place in the log."""
        with psycopg.connect(self.database) as connection:
            query = "SELECT NOT EXISTS (SELECT FROM notificacao_notification WHERE dispatch_state = 'pending')"
            return connection.execute(query).fetchone()[0]

    def heads(self) -> dict[str, int]:
        with psycopg.connect(self.database) as connection:
            return dict(connection.execute("SELECT name, head FROM notificacao_channel").fetchall())

    def breaker(self) -> tuple[str, str]:
        """Its state and the reason, as every process reads them."""
        with psycopg.connect(self.database) as connection:
            return connection.execute("SELECT state, reason FROM notificacao_breakerstate").fetchone()


class Trial:
    """Pages that are open and producers that write, while a test breaks things."""

    def __init__(self, machines: Machines, browsers: list[Browser]):
        self.machines = machines
        self.browsers = browsers
        self.producers = [machines.producer]  # all that write by now
        self.rows: list[Row] = []  # what was written, once the load has ended

    @property
    def arrivals(self) -> int:
        return sum(len(browser.page.history.arrivals) for browser in self.browsers if browser.page)

    @property
    def shown(self) -> int:
        """How many rows the pages have shown, all together."""
        return sum(len(browser.page.history.shown) for browser in self.browsers if browser.page)

    async def leader(self) -> DispatcherProcess:
        """The dispatcher that leads, once exactly one thinks that it does."""
        leaders: list[DispatcherProcess] = []

        def only_one() -> bool:
            leaders[:] = [process for process in self.machines.dispatchers if process.running and process.leads]
            return len(leaders) == 1

        await eventually(only_one)
        return leaders[0]

    @property
    def connections(self) -> list[int]:
        """How many streams each page has opened so far."""
        return [browser.page.connection for browser in self.browsers]

    async def heard(self) -> None:
        """Once every page heard something of its stream, a heartbeat at least."""
        for browser in self.browsers:
            browser.heard.clear()
        await eventually(lambda: all(browser.heard.is_set() for browser in self.browsers))

    async def delivered(self, more: int) -> None:
        """Once so many more rows came to the pages."""
        wanted = self.arrivals + more
        await eventually(lambda: self.arrivals >= wanted, every=_LOOK_EVERY)

    async def tried(self, more: int) -> None:
        """Once the producers came to the end of so many more transactions, good or bad."""
        wanted = self.machines.producer.tell("tried") + more
        await eventually(lambda: self.machines.producer.tell("tried") >= wanted)


@contextlib.asynccontextmanager
async def pages(machines: Machines, lanes: Sequence[Callable[[], str] | None] = _LANES) -> AsyncIterator[list[Browser]]:
    """For each person one page a lane, all of them open."""
    async with asyncio.TaskGroup() as tasks:
        browsers = [
            Browser(machines.sites, person, lane, f"{person['name']}/{place}", machines.patience)
            for person in machines.people
            for place, lane in enumerate(lanes)
        ]
        running = []
        for browser in browsers:
            running.append(tasks.create_task(browser.run()))
            if len(running) % _AT_ONCE == 0 or browser is browsers[-1]:
                begun = browsers[: len(running)]
                await eventually(lambda begun=begun: all(one.heard.is_set() for one in begun), every=_LOOK_EVERY)
        yield browsers
        for task in running:
            task.cancel()


@contextlib.asynccontextmanager
async def burst(
    machines: Machines, browsers: list[Browser], *, threads: int = 5, pace: float = 0.12
) -> AsyncIterator[Trial]:
    """Load while the block runs; then quiet, and nothing may be wrong.

    Nothing is written after the load has ended: pages that lack something have to find out by themselves. Raises Wrong
    with all that the checker of histories found.
    """
    await eventually(machines.is_quiet)
    heads = machines.heads()
    channels = sorted({channel for person in machines.people for channel in person["hears"]})
    load = Trial(machines, browsers)
    machines.producer.tell("produce", channels=channels, threads=threads, pace=pace)
    try:
        yield load
    finally:
        truths = [await asyncio.to_thread(producer.tell, "end") for producer in load.producers]
        load.rows = [Row(**line) for truth in truths for line in truth]
    await _settle(load, heads)


@contextlib.asynccontextmanager
async def trial(machines: Machines) -> AsyncIterator[Trial]:
    """A `burst` at `pages` of either lane."""
    async with pages(machines) as browsers, burst(machines, browsers) as load:
        yield load


async def _settle(load: Trial, heads: dict[str, int]) -> None:
    clients = []
    for browser in load.browsers:
        client = browser.page.history
        client.hearings = [Hearing(channel, since) for channel, since in browser.person["hears"].items()]
        clients.append(client)

    def faults() -> list[history.Fault]:
        placed = history.placed(load.rows, load.machines.log())
        return history.check(placed, clients, now=time.time(), heads=heads)

    came, deadline = load.arrivals, time.monotonic() + QUIET_WITHIN
    while found := await asyncio.to_thread(faults):  # the pages live on this loop: they go on meanwhile
        if load.arrivals > came:  # a machine that is busy otherwise takes its time
            came, deadline = load.arrivals, time.monotonic() + QUIET_WITHIN
        if time.monotonic() > deadline:
            who = "\n".join(str(one) for one in load.browsers if one.name in {fault.who for fault in found})
            raise Wrong(found, who)
        await asyncio.sleep(0.5)
    # What would come twice, or to others, comes before a stream's next sign of life.
    await load.heard()
    if found := faults():
        raise Wrong(found, "they came after all was quiet")
    assert any(client.arrivals for client in clients), "nothing was sent at all"
