"""`manage.py migrate` on PostgreSQL, beside sessions that hold the tables."""

import contextlib
import re

import psycopg
import pytest

from tests.live.postgres import PostgresServer
from tests.live.site import Command, environment_for, manage
from tests.waiting import eventually

pytestmark = pytest.mark.services

BEFORE = "0056_links_are_written_once"
ALTERS = "0057_traceparent"
BEFORE_IT = "0061_metas"
BUILDS = "0062_index_of_what_failed"

READS = "SELECT FROM notificacao_notification"
WRITES = "UPDATE notificacao_notification SET title = title"
LEFT_BEHIND = "CREATE INDEX notification_failed ON notificacao_notification (title)"
ROWS = """
    INSERT INTO notificacao_notification (public_id, event_id, channel, kind, priority, title, message, link, data,
    created_at, dispatch_state, lease, attempts, error)
    SELECT gen_random_uuid(), gen_random_uuid(), 'unit:NINGUEM', 'sistema', 'normal', 'Algo', 'Há algo.', '', '{}',
    now(), 'pending', '', 0, '' FROM generate_series(1, 1000)
"""
SLOW_VACUUM = """
    ALTER TABLE notificacao_notification SET (autovacuum_vacuum_insert_threshold = 1, autovacuum_vacuum_cost_limit = 1,
    autovacuum_vacuum_cost_delay = 100)
"""
VACUUMS = "SELECT FROM pg_stat_progress_vacuum WHERE relid = 'notificacao_notification'::regclass"
WHOLE = "SELECT FROM pg_indexes WHERE indexname = 'notification_failed' AND indexdef LIKE '%dispatch_state%'"
WAITS_A_SECOND = "SELECT FROM pg_locks WHERE NOT granted AND waitstart < now() - interval '1 second'"


@pytest.fixture(scope="module")
def postgres():
    with PostgresServer(fsync=False) as server:
        yield server


@pytest.fixture(scope="module")
def before(postgres):
    """The name of a database as it was before the newest migrations."""
    url = postgres.copy_of("template0")
    manage(environment_for(url), "migrate", "notificacao", BEFORE, "--verbosity", "0")
    return url.rpartition("/")[2]


@pytest.fixture
def database(postgres, before):
    return postgres.copy_of(before)


@contextlib.contextmanager
def migrating(database, *arguments):
    """`manage.py migrate`, begun."""
    with contextlib.closing(Command(environment_for(database), "migrate", "notificacao", *arguments)) as command:
        command.launch()
        yield command


@contextlib.contextmanager
def transaction(database, statement):
    """A session that has done that, and neither commits nor ends."""
    with psycopg.connect(database, application_name="pg_dump", options="-c lock_timeout=60s") as connection:
        connection.execute(statement)
        yield connection
        connection.rollback()


async def done(command) -> bool:
    """Wait for its end; whether it went well."""
    await eventually(lambda: not command.running)
    return command.terminate() == 0


def found(database, statement) -> bool:
    with psycopg.connect(database, autocommit=True) as connection:
        return connection.execute(statement).fetchone() is not None


def applied(database, name) -> bool:
    return found(database, f"SELECT FROM django_migrations WHERE name = '{name}'")


async def test_it_gives_way_to_a_long_transaction_and_is_done_after_it(database):
    with transaction(database, READS) as dump, migrating(database, ALTERS) as command:
        await eventually(lambda: command.log().count("A tabela está presa") > 1)
        dump.rollback()
        assert await done(command), command.log()
        assert " pg_dump (" in command.log()
    assert applied(database, ALTERS)


async def test_it_says_what_to_do_once_its_patience_is_over(database):
    with transaction(database, READS), migrating(database, ALTERS, "--patience", "0") as command:
        assert not await done(command)
        assert "Rode de novo quando aquela sessão terminar" in command.log()
    assert not applied(database, ALTERS)


@pytest.mark.parametrize("may_set_all", [True, False])
async def test_an_autovacuum_ends_for_it(database, may_set_all):
    """It takes minutes here, and its lock is had by whoever waits longer than PostgreSQL's deadlock_timeout alone."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET autovacuum_naptime = 1")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute(SLOW_VACUUM)
        connection.execute(ROWS)
        if not may_set_all:
            connection.execute("CREATE ROLE city LOGIN PASSWORD 'city' IN ROLE semtas")
    await eventually(lambda: found(database, VACUUMS))
    url = database if may_set_all else re.sub("//.*@", "//city:city@", database)
    with migrating(url, ALTERS, "--patience", "0") as command:
        assert await done(command), command.log()


@pytest.mark.endurance
async def test_an_index_waits_for_older_transactions_and_replaces_what_a_broken_build_left(database):
    manage(environment_for(database), "migrate", "notificacao", BEFORE_IT, "--verbosity", "0")
    with psycopg.connect(database) as connection:
        connection.execute(LEFT_BEHIND)
    with transaction(database, WRITES) as older, migrating(database, BUILDS, "--patience", "0") as command:
        await eventually(lambda: found(database, WAITS_A_SECOND))
        with transaction(database, WRITES):
            assert not applied(database, BUILDS)
        older.rollback()
        assert await done(command), command.log()
    assert found(database, WHOLE)
