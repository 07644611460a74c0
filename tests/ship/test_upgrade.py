"""An upgrade, and back: the version of `deploy/upgrade-from` serves under load while its database is migrated.

Its processes are changed one by one for those of today, back to the version before on the new schema, and forward.
"""

import asyncio
import time

import psycopg
import pytest
from psycopg.errors import QueryCanceled

from tests.faults.machines import Machines, Producer, burst, pages
from tests.live.postgres import PostgresServer
from tests.live.redis import RedisServer
from tests.live.site import HERE, manage
from tests.project.compatible import upgraded_from
from tests.ship import earlier

pytestmark = [pytest.mark.ship, pytest.mark.alone]

LONGEST_LOCK = 1.0  # seconds
WHOLE = 30 * 60.0  # seconds, as the plan asks


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    return earlier.checked_out(tmp_path_factory.mktemp("before") / "tree")


@pytest.fixture(scope="module")
def machines(before):
    with PostgresServer(fsync=False) as postgres, RedisServer() as redis:
        machines = Machines(postgres, redis, size=4, tree=before)
        machines.producer.tell("administrator", password="ensaio")
        earlier.fill(machines.database)
        with machines:
            yield machines


class Clock:
    """Note how long each step took, for `docs/upgrade.md`."""

    def __init__(self):
        self.began = self._last = time.monotonic()

    def note(self, step: str) -> None:
        now = time.monotonic()
        print(f"{step}: {now - self._last:.1f} s")
        self._last = now


async def go_over(load, tree) -> None:
    """Have each process end and begin anew as that version, one after the other, as `docs/upgrade.md` says."""
    for process in (*load.machines.dispatchers, *load.machines.webs):
        await asyncio.to_thread(process.terminate)
        process.go_over_to(tree)
        await asyncio.to_thread(process.start)
        await load.delivered(50)
    await load.delivered(100)


def migrate(machines) -> None:
    manage(machines.webs[1].environment | {"PGAPPNAME": earlier.MIGRATING}, "migrate")


async def test_nothing_is_lost_on_the_way_to_today_and_back_and_forward(machines, before):
    clock = Clock()
    async with pages(machines) as browsers, burst(machines, browsers, pace=0.3) as load:
        await load.delivered(100)
        clock.note("the version before serves")
        with earlier.Watch(machines.database) as watch:
            await asyncio.to_thread(migrate, machines)
        clock.note(f"migrated; waited for {watch.waited:.3f} s, held {watch.held:.3f} s")
        assert watch.looks
        assert watch.waited < LONGEST_LOCK
        assert watch.held < LONGEST_LOCK
        await load.delivered(100)
        clock.note("the version before serves on the new schema")
        load.producers.append(Producer(machines.database, **machines.settings))
        channels = sorted({channel for person in machines.people for channel in person["hears"]})
        load.producers[-1].tell("produce", channels=channels, threads=2, pace=0.2)
        for tree, step in ((HERE, "forward"), (before, "back"), (HERE, "forward again")):
            await go_over(load, tree)
            clock.note(step)
    clock.note(f"{len(load.rows)} rows, {load.arrivals} arrivals: none lost, none twice")
    load.producers[-1].close()
    assert time.monotonic() - clock.began < WHOLE


def test_the_version_before_ends_with_the_migration_that_is_told(before):
    names = sorted(path.stem for path in (before.root / "notificacao" / "migrations").glob("0*.py"))
    assert names[-1] == upgraded_from()[1]


def test_what_was_released_is_as_it_was(before):
    released = list((before.root / "notificacao" / "migrations").glob("0*.py"))
    changed = [path.name for path in released if path.read_text() != _today(path)]
    assert released
    assert changed == []


def _today(path) -> str:
    return (HERE.root / "notificacao" / "migrations" / path.name).read_text()


def test_a_table_that_is_written_anew_is_seen(machines):
    with (
        earlier.Watch(machines.database) as watch,
        psycopg.connect(machines.database, application_name=earlier.MIGRATING) as connection,
    ):
        connection.execute("ALTER TABLE notificacao_notification ADD COLUMN more float NOT NULL DEFAULT random()")
        connection.rollback()
    assert watch.held > LONGEST_LOCK


@pytest.mark.parametrize(
    ("statement", "holds_up_others"),
    [
        ("ALTER TABLE notificacao_person ADD COLUMN more int", True),
        ("CREATE INDEX CONCURRENTLY more ON notificacao_person (id)", False),
    ],
)
def test_only_a_wait_in_the_way_of_others_is_counted(machines, statement, holds_up_others):
    with (
        psycopg.connect(machines.database, application_name=earlier.MIGRATING, autocommit=True) as connection,
        psycopg.connect(machines.database) as older,
    ):
        older.execute("LOCK TABLE notificacao_person IN ROW EXCLUSIVE MODE")
        connection.execute("SET statement_timeout = '1500ms'")
        with earlier.Watch(machines.database) as watch, pytest.raises(QueryCanceled):
            connection.execute(statement)
    assert watch.looks
    assert (watch.waited > LONGEST_LOCK) == holds_up_others
