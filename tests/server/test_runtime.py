"""What runs beside a web process's requests: started once, told by status, ended with the server."""

import asyncio
import contextlib
import sqlite3
from types import SimpleNamespace

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError

from notificacao import audiences, doorbells, eventlog, wakes
from notificacao.database import DatabaseThread
from notificacao.models import DispatcherLease, Notification
from notificacao.server import ending
from notificacao.server import runtime as runtime_module
from notificacao.server.runtime import Runtime
from notificacao.services import notify
from notificacao.stream import hub
from notificacao.transports.ably import AblyTransport
from tests.asgi import OpenStream, in_database, log_in
from tests.test_settings import load
from tests.waiting import PATIENCE, eventually

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture
async def runtime(settings):
    settings.DISPATCHER = "external"
    settings.DISPATCH_POLL = 0.05
    runtime = Runtime()
    yield runtime
    await runtime.stop()


async def stream_of(runtime, person) -> OpenStream:
    key = await in_database(log_in, person)
    while (stream := await OpenStream(runtime.stream, {}, {"cookie": f"sessionid={key}"}).answered()).status == 503:
        pass
    await stream.next("counts")
    return stream


def test_before_the_start_nothing_is_told_to_be_alive():
    assert Runtime().status() == {}


async def test_a_start_runs_the_hub_and_says_so(runtime):
    runtime.start()
    assert runtime.status()["hub"] is True
    assert "dispatcher" not in runtime.status()


async def test_an_embedded_dispatcher_runs_beside_it_and_leads(runtime, settings):
    settings.DISPATCHER = "embedded"
    runtime.start()
    assert runtime.status()["dispatcher"] is True
    await eventually(lambda: in_database(DispatcherLease.objects.exclude(holder="").exists))


async def test_each_part_tells_when_a_round_of_it_succeeded(runtime, settings):
    settings.DISPATCHER = "embedded"
    assert runtime.rounds() == {}
    runtime.start()
    assert {"hub", "presence", "dispatcher"} <= runtime.rounds().keys()
    await eventually(lambda: None not in runtime.rounds().values())
    for name in runtime.rounds():
        settled = runtime.rounds()[name]
        if name != "presence":  # every five seconds
            await eventually(lambda name=name, settled=settled: runtime.rounds()[name] < settled)


async def test_a_second_start_changes_nothing(runtime):
    runtime.start()
    tasks, hub, stream = dict(runtime._tasks), runtime._hub, runtime._stream
    runtime.start()
    assert (runtime._tasks, runtime._hub, runtime._stream) == (tasks, hub, stream)


async def test_the_smallest_pool_has_a_connection_for_each_database_thread_and_four_for_requests(
    runtime, settings, monkeypatch
):
    names, begin = [], DatabaseThread.__init__

    def noted(thread, name, *patience):
        names.append(name)
        begin(thread, name, *patience)

    monkeypatch.setattr(DatabaseThread, "__init__", noted)
    settings.DISPATCHER = "embedded"
    runtime.start()
    assert "stamp" in names
    assert "hub" in names
    with pytest.raises(ImproperlyConfigured, match="DATABASE_POOL_MAX"):
        load(monkeypatch, DATABASE_POOL_MAX=str(len(names) + 3))


async def test_a_task_that_died_is_told(runtime):
    runtime.start()
    runtime._tasks["hub"].cancel()
    await eventually(lambda: runtime.status()["hub"] is False)


async def test_a_stop_ends_every_task_and_leaves_no_doorbell(runtime):
    before = sum(map(len, doorbells._doorbells.values()))
    runtime.start()
    tasks = list(runtime._tasks.values())
    await eventually(lambda: runtime._hub.position.epoch)
    await runtime.stop()
    assert all(task.done() for task in tasks)
    assert runtime.status() == {}
    assert sum(map(len, doorbells._doorbells.values())) == before


async def test_a_stop_closes_the_threads_that_streams_used(runtime, ana):
    stream = await stream_of(runtime, ana)
    application = runtime._stream
    await runtime.stop()
    with pytest.raises(RuntimeError, match="shutdown"):
        await application._authoriser.grant("chave")
    await stream.close()


async def test_a_second_stop_is_nothing_and_a_start_after_it_begins_anew(runtime, ana):
    runtime.start()
    await runtime.stop()
    await runtime.stop()
    stream = await stream_of(runtime, ana)
    assert runtime.status()["hub"] is True
    await stream.close()


async def test_a_stop_before_any_start_is_nothing():
    runtime = Runtime()
    await runtime.stop()
    runtime.drain()
    assert runtime.status() == {}


async def test_a_stream_starts_the_runtime_where_no_lifespan_did(runtime, ana):
    stream = await stream_of(runtime, ana)
    assert runtime.status()["hub"] is True
    await stream.close()


async def test_drain_sends_the_open_streams_away(runtime, ana):
    stream = await stream_of(runtime, ana)
    runtime.drain()
    assert (await stream.next("bye")).data == {"reason": "drain", "after_ms": 0}
    await stream.end()
    assert stream.over


async def test_the_lifespan_starts_and_stops_with_the_server(runtime):
    messages, answers = asyncio.Queue(), asyncio.Queue()

    async def application(scope, receive, send):
        raise AssertionError("the lifespan is the runtime's own")

    runtime.expect_drain()
    life = asyncio.create_task(runtime.around(application)({"type": "lifespan"}, messages.get, answers.put))
    await messages.put({"type": "lifespan.startup"})
    assert await answers.get() == {"type": "lifespan.startup.complete"}
    assert runtime.status()["hub"] is True
    await messages.put({"type": "lifespan.shutdown"})
    assert await answers.get() == {"type": "lifespan.shutdown.complete"}
    await life
    assert runtime.status() == {}


async def test_under_a_server_that_does_not_send_streams_away_it_does_not_start(runtime):
    messages, answers = asyncio.Queue(), asyncio.Queue()
    await messages.put({"type": "lifespan.startup"})
    async with asyncio.timeout(PATIENCE):
        await runtime.around(None)({"type": "lifespan"}, messages.get, answers.put)
    assert await answers.get() == {"type": "lifespan.startup.failed", "message": runtime_module.WRONG_SERVER}
    assert runtime.status() == {}


async def test_a_task_that_does_not_end_does_not_hold_up_the_stop(runtime, monkeypatch):
    monkeypatch.setattr(ending, "TASKS_WITHIN", 0.05, raising=False)

    async def deaf():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    runtime.start()
    runtime._run("deaf", deaf())
    task = runtime._tasks["deaf"]
    await eventually(lambda: runtime._hub.position.epoch)
    await asyncio.wait_for(runtime.stop(), PATIENCE)
    assert runtime.status() == {}
    task.cancel()
    await asyncio.wait([task])


async def test_a_request_goes_to_the_application_and_starts_the_runtime(runtime):
    asked = []

    async def application(scope, receive, send):
        asked.append((scope["path"], receive, send))

    await runtime.around(application)({"type": "http", "path": "/"}, "receive", "send")
    assert asked == [("/", "receive", "send")]
    assert runtime.status()["hub"] is True


async def test_a_hub_whose_database_is_away_at_the_start_goes_on_when_it_is_back(runtime, monkeypatch):
    position, asked = eventlog.position, []

    def away_at_first():
        asked.append(1)
        if len(asked) == 1:
            raise OperationalError("gone")
        return position()

    monkeypatch.setattr(eventlog, "position", away_at_first)
    monkeypatch.setattr(hub, "_AFTER_A_FAULT", 0.0)
    runtime.start()
    await eventually(lambda: runtime._hub.position.epoch)
    assert runtime.status()["hub"] is True


@pytest.mark.sqlite
async def test_what_another_process_writes_to_sqlite_rings_at_once(runtime, settings):
    """No poll would have come by then; only the notice can have rung."""
    settings.DISPATCH_POLL = 10 * PATIENCE
    runtime.start()
    assert runtime.status()["notice"] is True
    hubs, dispatcher = doorbells.Doorbell(wakes.HUBS), doorbells.Doorbell(wakes.DISPATCHER)
    assert await hubs.wait(PATIENCE), "its first look rings, for it knows nothing yet"
    assert await dispatcher.wait(PATIENCE)

    def write():
        with contextlib.closing(sqlite3.connect(django_settings.DATABASES["default"]["NAME"])) as database, database:
            database.execute("UPDATE notificacao_loghead SET trimmed_to = trimmed_to + 1")

    await asyncio.to_thread(write)
    assert await hubs.wait(PATIENCE)
    assert await dispatcher.wait(PATIENCE)
    hubs.close()
    dispatcher.close()


async def test_from_notify_to_the_page_with_an_embedded_dispatcher(runtime, ana, settings):
    settings.DISPATCHER = "embedded"
    stream = await stream_of(runtime, ana)
    channel = audiences.channel_for_user(ana)
    (row,) = await in_database(lambda: notify([channel], title="Chegou", message="…"))
    event = await stream.next("notification")
    assert event.data["id"] == str(row.public_id)
    await eventually(lambda: in_database(Notification.objects.filter(pk=row.pk, dispatch_state="skipped").exists))
    await stream.close()


# --- What it wires


@pytest.fixture
def listened(settings, monkeypatch):
    """The topics that each listener asked other processes for; the layer crosses processes."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "one.that.crosses"}}
    asked = []

    async def listen(topics):
        asked.append(tuple(topics))
        await asyncio.Event().wait()

    monkeypatch.setattr(wakes, "relay_and_listen", listen)
    return asked


@pytest.fixture
def dispatchers(monkeypatch):
    """Stands for the dispatcher: the transport that each one was given, and whether it was told to end."""
    made = []

    class Idle:
        def __init__(self, transport):
            self.transport, self.ended = transport, False
            made.append(self)

        async def run(self):
            try:
                await asyncio.Event().wait()
            finally:
                self.ended = True

    monkeypatch.setattr("notificacao.server.runtime.Dispatcher", Idle)
    return made


@pytest.mark.usefixtures("dispatchers")
@pytest.mark.parametrize(
    ("dispatcher", "topics"),
    [("external", (wakes.HUBS,)), ("embedded", (wakes.HUBS, wakes.DISPATCHER, wakes.REVOCATIONS))],
)
async def test_other_processes_are_listened_to_for_what_runs_here(runtime, settings, listened, dispatcher, topics):
    settings.DISPATCHER = dispatcher
    runtime.start()
    await eventually(lambda: listened)
    assert listened == [topics]
    assert runtime.status()["wakes"] is True


async def test_a_dispatcher_without_a_site_listens_for_itself_and_both_end_together(listened, dispatchers):
    work = asyncio.create_task(Runtime().dispatch())
    await eventually(lambda: listened and dispatchers)
    work.cancel()
    await asyncio.wait([work])
    assert listened == [(wakes.DISPATCHER, wakes.REVOCATIONS)]
    assert [dispatcher.ended for dispatcher in dispatchers] == [True]


@pytest.mark.parametrize(("key", "transports"), [("", [type(None)]), ("app.key:segredo", [AblyTransport])])
async def test_the_dispatcher_is_given_ably_where_a_key_is_configured(runtime, settings, dispatchers, key, transports):
    settings.DISPATCHER, settings.ABLY_API_KEY = "embedded", key
    runtime.start()
    assert [type(dispatcher.transport) for dispatcher in dispatchers] == transports


async def test_each_commit_to_an_sqlite_file_rings_and_nothing_else_does(runtime, monkeypatch, tmp_path):
    file = tmp_path / "site.sqlite3"
    monkeypatch.setattr(runtime_module, "connection", SimpleNamespace(vendor="sqlite"))
    monkeypatch.setattr(runtime_module, "settings", SimpleNamespace(DATABASES={"default": {"NAME": file}}))
    rung = []
    monkeypatch.setattr(doorbells, "ring", rung.append)
    with contextlib.closing(sqlite3.connect(file)) as another:
        runtime.start()
        assert runtime.status()["notice"] is True
        await eventually(lambda: {wakes.HUBS, wakes.DISPATCHER} <= set(rung))
        for number in range(2):
            rung.clear()
            another.execute(f"CREATE TABLE t{number} (x)")
            await eventually(lambda: {wakes.HUBS, wakes.DISPATCHER} <= set(rung))
