"""The live lane: what a page reads, from the first byte on."""

import asyncio
import uuid

import pytest

from notificacao import audiences, eventlog, reading, wakes, wire
from notificacao.models import LogHead
from notificacao.services import notify
from notificacao.stream import application as stream_application
from notificacao.stream.replay_cache import ReplayCache
from tests.asgi import in_database, set_rollout
from tests.stamping import stamp_all

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture(params=["plain", "taken"])
def served(request):
    return request.param


@pytest.fixture(params=["from memory", "from the log"])
def replayed(request, monkeypatch):
    """For what must be the same wherever a replay comes from."""
    if request.param == "from the log":
        monkeypatch.setattr(ReplayCache, "read_after", lambda *_: None)


async def test_a_stream_begins_with_retry_heads_and_counts(site, ana, norte):
    await site.publish("Antes", to=norte)
    stream = await site.open(ana)
    assert stream.names() == ["retry", "heads", "counts"]
    retry, heads, counts = stream.events
    assert retry.data == 3000
    assert heads.data == {
        "position": str(site.hub.position),
        "channels": {norte: 1, audiences.SYSTEM_CHANNEL: 0, audiences.channel_for_user(ana): 0},
    }
    assert counts.data == {"unread": 1}


async def test_who_missed_nothing_is_fed_at_once(site, ana, norte, monkeypatch):
    """Nearly all of a thousand who come back after a drop: no replay is begun for them, nor its time limited."""
    monkeypatch.delattr(stream_application.StreamApplication, "_replay")
    stream = await site.open(ana, cursor=str(site.hub.position))
    await site.publish("Depois", to=norte)
    assert (await stream.next("notification")).data["title"] == "Depois"


async def test_no_proxy_holds_a_stream_back_or_keeps_it(site, ana):
    stream = await site.open(ana)
    assert stream.headers[b"content-type"].startswith(b"text/event-stream")
    assert b"no-cache" in stream.headers[b"cache-control"]
    assert stream.headers[b"x-accel-buffering"] == b"no"


async def test_a_stamped_row_comes_as_the_wire_has_it_with_its_place_as_id(site, ana, norte):
    stream = await site.open(ana)
    (row,) = await site.publish("Nova", to=norte)
    event = await stream.next("notification")
    assert event.id == f"{site.hub.position.epoch}.{row.seq}"
    assert event.data == wire.WireNotification.of(row).model_dump(mode="json")
    assert await stream.counted(1)


async def test_a_row_that_nobody_stamped_does_not_come(site, ana, norte):
    """The hub looks for rows and at the flag in one go: when it tells of the flag, it has looked."""
    stream = await site.open(ana)
    await in_database(lambda: notify([norte], title="Nova", message="…"))
    await in_database(set_rollout, everyone=True, breaker="closed")
    await stream.next("session")
    assert stream.titles == []
    await in_database(stamp_all)
    wakes.wake(wakes.HUBS)
    assert (await stream.next("notification")).data["seq"] == 1


async def test_rows_come_in_the_order_of_the_log_from_all_channels(site, ana, norte):
    stream = await site.open(ana)
    own = audiences.channel_for_user(ana)
    for title, channel in (("1", norte), ("2", own), ("3", audiences.SYSTEM_CHANNEL), ("4", norte)):
        await site.publish(title, to=channel)
    for _ in range(4):
        await stream.next("notification")
    assert stream.titles == ["1", "2", "3", "4"]


@pytest.mark.usefixtures("replayed")
async def test_a_cursor_brings_what_lies_after_it_and_then_what_comes(site, ana, norte):
    rows = await site.publish("1", "2", "3", to=norte)
    position = await in_database(eventlog.position)
    stream = await site.open(ana, cursor=f"{position.epoch}.{rows[0].seq}")
    await site.publish("4", to=norte)
    await stream.next("notification")
    assert stream.titles == ["2", "3", "4"]


@pytest.mark.usefixtures("replayed")
async def test_last_event_id_brings_what_lies_after_it(site, ana, norte):
    await site.publish("1", "2", to=norte)
    epoch = site.hub.position.epoch
    stream = await site.open(ana, cursor=f"{epoch}.0", last_event_id=f"{epoch}.1")
    assert stream.titles == ["2"]


async def test_without_a_cursor_nothing_old_comes(site, ana, norte):
    await site.publish("Antiga", to=norte)
    stream = await site.open(ana)
    await site.publish("Nova", to=norte)
    await stream.next("notification")
    assert stream.titles == ["Nova"]


@pytest.mark.usefixtures("replayed")
@pytest.mark.parametrize("with_cursor", [True, False])
async def test_nothing_is_missed_or_doubled_between_the_replay_and_the_join(site, ana, norte, monkeypatch, with_cursor):
    """Rows keep coming while the heads are on their way, and during each page of the replay."""
    await site.publish("1", "2", "3", to=norte)
    reached, read_after = site.hub.reached, eventlog.read_after
    come = iter(range(4, 9))

    async def reached_and_then_another(position):
        ready = await reached(position)
        (row,) = await site.publish(str(next(come)), to=norte)
        await reached(eventlog.Cursor(site.hub.position.epoch, row.seq))
        return ready

    def read_after_another(cursor, channels, limit, up_to=None):
        page = read_after(cursor, channels, 2, up_to)
        if (title := next(come, None)) is not None:
            notify([norte], title=str(title), message="…")
            stamp_all()
            wakes.wake(wakes.HUBS)
        return page

    monkeypatch.setattr(site.hub, "reached", reached_and_then_another)
    monkeypatch.setattr(eventlog, "read_after", read_after_another)
    cursor = {"cursor": f"{site.hub.position.epoch}.0"} if with_cursor else {}
    stream = await site.open(ana, **cursor)
    await in_database(lambda: [notify([norte], title=str(title), message="…") for title in come])
    await site.publish("Fim", to=norte)
    while (await stream.next("notification")).data["title"] != "Fim":
        pass
    expected = [str(n) for n in range(1 if with_cursor else 4, 9)]
    assert stream.titles == [*expected, "Fim"]
    ids = [int(event.id.split(".")[1]) for event in stream.events if event.name == "notification"]
    assert ids == sorted(set(ids))


@pytest.mark.usefixtures("replayed")
async def test_a_long_replay_is_paged(site, ana, norte, monkeypatch):
    monkeypatch.setattr(stream_application, "_PAGE", 3)
    titles = [str(n) for n in range(10)]
    await site.publish(*titles, to=norte)
    stream = await site.open(ana, cursor=f"{site.hub.position.epoch}.0")
    assert stream.titles == titles


@pytest.mark.usefixtures("replayed")
async def test_more_than_the_replay_limit_is_a_resync(site, ana, norte, settings, monkeypatch):
    monkeypatch.setattr(stream_application, "_PAGE", 2)
    settings.REPLAY_LIMIT = 3
    await site.publish("1", "2", "3", "4", "5", to=norte)
    stream = await site.open(ana, cursor=f"{site.hub.position.epoch}.0")
    assert stream.titles == ["1", "2"]
    (resync,) = [event for event in stream.events if event.name == "resync"]
    assert resync.id == resync.data["position"] == f"{site.hub.position.epoch}.5"


@pytest.mark.usefixtures("replayed")
@pytest.mark.parametrize("cursor", ["ffffffff00.1", "{epoch}.99", "{epoch}.1"])
async def test_a_cursor_that_the_log_cannot_answer_is_a_resync_and_the_stream_goes_on(site, ana, norte, cursor):
    """Of another epoch, beyond the head, or from before what retention left."""
    await site.publish("1", "2", "3", to=norte)
    await in_database(LogHead.objects.update, trimmed_to=2)
    epoch = site.hub.position.epoch
    stream = await site.open(ana, cursor=cursor.format(epoch=epoch))
    assert stream.names() == ["retry", "heads", "resync", "counts"]
    assert stream.events[2].id == stream.events[2].data["position"] == f"{epoch}.3"
    await site.publish("4", to=norte)
    await stream.next("notification")
    assert stream.titles == ["4"]


async def test_another_epoch_while_the_stream_is_open_is_a_resync(site, ana, norte):
    stream = await site.open(ana)
    await in_database(LogHead.objects.update, epoch="beef")
    wakes.wake(wakes.HUBS)
    assert (await stream.next("resync")).data == {"position": "beef.0"}
    await site.publish("Depois", to=norte)
    assert (await stream.next("notification")).id == "beef.1"


async def test_each_sees_only_what_is_theirs(site, ana, bia, caio, norte):
    streams = {person: await site.open(person, cursor=f"{site.hub.position.epoch}.0") for person in (ana, bia, caio)}
    sul = await in_database(lambda: audiences.channel_for_unit(caio.memberships.get().unit))
    await site.publish("Norte", to=norte)
    await site.publish("Sul", to=sul)
    await site.publish("Só ana", to=audiences.channel_for_user(ana))
    await site.publish("Fim", to=audiences.SYSTEM_CHANNEL)
    for stream in streams.values():
        while (await stream.next("notification")).data["title"] != "Fim":
            pass
    assert streams[ana].titles == ["Norte", "Só ana", "Fim"]
    assert streams[bia].titles == ["Norte", "Fim"]
    assert streams[caio].titles == ["Sul", "Fim"]
    assert norte.encode() not in streams[caio].body
    assert audiences.channel_for_user(ana).encode() not in streams[bia].body


@pytest.mark.usefixtures("replayed")
async def test_a_replay_brings_nobody_what_is_not_theirs(site, ana, caio, norte):
    await site.publish("Norte", to=norte)
    await site.publish("Todos", to=audiences.SYSTEM_CHANNEL)
    stream = await site.open(caio, cursor=f"{site.hub.position.epoch}.0")
    assert stream.titles == ["Todos"]
    assert norte.encode() not in stream.body


async def test_what_was_read_in_another_place_is_counted_here(site, ana, norte):
    first, second = await site.publish("1", "2", to=norte)
    stream = await site.open(ana)
    assert stream.events[-1].data == {"unread": 2}
    for row, left in ((first, 1), (second, 0)):
        await in_database(reading.mark_read, ana, row.public_id)
        assert await stream.counted(left)
    await in_database(reading.mark_unread, ana, first.public_id)
    assert await stream.counted(1)


async def test_an_event_of_several_rows_counts_once(site, ana, norte):
    stream = await site.open(ana)
    both = [norte, audiences.channel_for_user(ana)]
    rows = await in_database(lambda: notify(both, title="Uma vez", message="…"))
    assert isinstance(rows[0].event_id, uuid.UUID)
    await in_database(stamp_all)
    wakes.wake(wakes.HUBS)
    await stream.counted(1)
    assert {event.data["unread"] for event in stream.events if event.name == "counts"} == {0, 1}


async def test_a_page_that_is_ahead_of_this_process_is_served_once_that_has_caught_up(site, ana, norte, monkeypatch):
    """It was told by another one; nothing that it has comes again."""
    take, reached, go_on, asked = site.hub._apply, site.hub.reached, asyncio.Event(), []

    async def held_up(news):
        await go_on.wait()
        await take(news)

    async def reached_at_last(position):
        asked.append(position)
        go_on.set()
        return await reached(position)

    monkeypatch.setattr(site.hub, "_apply", held_up)
    monkeypatch.setattr(site.hub, "reached", reached_at_last)
    epoch = site.hub.position.epoch
    await site.publish("Já vista", to=norte)
    stream = await site.open(ana, cursor=f"{epoch}.1")
    assert asked[0] == eventlog.Cursor(epoch, 1)
    await site.publish("Nova", to=norte)
    await stream.next("notification")
    assert stream.titles == ["Nova"]
