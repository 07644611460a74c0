"""What runs beside a web process's requests: started once, told by status, ended with the server."""

import asyncio
import contextlib
import sqlite3

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError

from notificacao import audiences, eventlog, wakes
from notificacao.models import DispatcherLease, Notification
from notificacao.server.runtime import Runtime
from notificacao.services import notify
from notificacao.stream import hub
from tests.asgi import OpenStream, in_database, log_in
from tests.waiting import eventually

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


async def test_a_second_start_changes_nothing(runtime):
    runtime.start()
    tasks, hub, stream = dict(runtime._tasks), runtime._hub, runtime._stream
    runtime.start()
    assert (runtime._tasks, runtime._hub, runtime._stream) == (tasks, hub, stream)


async def test_a_task_that_died_is_told(runtime):
    runtime.start()
    runtime._tasks["hub"].cancel()
    await eventually(lambda: runtime.status()["hub"] is False)


async def test_a_stop_ends_every_task_and_leaves_no_doorbell(runtime):
    before = sum(len(doorbells) for doorbells in wakes._doorbells.values())
    runtime.start()
    tasks = list(runtime._tasks.values())
    await eventually(lambda: runtime._hub.position.epoch)
    await runtime.stop()
    assert all(task.done() for task in tasks)
    assert runtime.status() == {}
    assert sum(len(doorbells) for doorbells in wakes._doorbells.values()) == before


async def test_a_stop_closes_the_threads_that_streams_used(runtime, ana):
    stream = await stream_of(runtime, ana)
    application = runtime._stream
    await runtime.stop()
    with pytest.raises(RuntimeError, match="shutdown"):
        await application._doorkeeper.grant("chave")
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

    life = asyncio.create_task(runtime.around(application)({"type": "lifespan"}, messages.get, answers.put))
    await messages.put({"type": "lifespan.startup"})
    assert await answers.get() == {"type": "lifespan.startup.complete"}
    assert runtime.status()["hub"] is True
    await messages.put({"type": "lifespan.shutdown"})
    assert await answers.get() == {"type": "lifespan.shutdown.complete"}
    await life
    assert runtime.status() == {}


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
    settings.DISPATCH_POLL = 60.0
    runtime.start()
    assert runtime.status()["notice"] is True
    hubs, dispatcher = wakes.Doorbell(wakes.HUBS), wakes.Doorbell(wakes.DISPATCHER)
    assert await hubs.wait(10), "its first look rings, for it knows nothing yet"
    assert await dispatcher.wait(10)

    def write():
        with contextlib.closing(sqlite3.connect(django_settings.DATABASES["default"]["NAME"])) as database, database:
            database.execute("UPDATE notificacao_loghead SET trimmed_to = trimmed_to + 1")

    await asyncio.to_thread(write)
    assert await hubs.wait(10)
    assert await dispatcher.wait(10)
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
