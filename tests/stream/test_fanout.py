"""Rows to live streams: joined, shared, in the log's order, and to nobody who may not see them."""

import asyncio
import uuid

import pytest
from django.utils import timezone

from notificacao.eventlog import Cursor
from notificacao.models import Notification
from notificacao.stream import hub as hub_module
from notificacao.stream.authorisation import Grant
from notificacao.stream.fanout import Fanout
from notificacao.stream.hub import Hub
from notificacao.stream.registry import SubscriberRegistry
from notificacao.stream.subscribers import Lane, Stream


class Paper(Stream):
    """Keeps what is written, piece by piece."""

    __slots__ = ("written",)

    def __init__(self, lane=Lane.LIVE):
        super().__init__(lane, "chave", "")
        self.written = []

    def put(self, data):
        self.written.append(data)
        return True

    @property
    def seqs(self):
        return [int(line.split(b".")[1]) for line in b"".join(self.written).split(b"\n") if line.startswith(b"id: ")]


@pytest.fixture
def registry():
    return SubscriberRegistry()


@pytest.fixture
def joins(registry):
    """A listener of `channels`, `{name: since}`, with one stream."""

    def join(lane=Lane.LIVE, **channels):
        pk = len(registry.subscribers) + 1
        subscriber = registry.add_subscriber(Grant(pk, channels, {}, Cursor("0a1b", 0), False))
        stream = Paper(lane)
        registry.add_stream(subscriber, stream)
        subscriber.end_count(0, 0)
        return subscriber, stream

    return join


def row(seq, channel):
    """An event of one row."""
    row = Notification(seq=seq, prev_seq=0, channel=channel, title="Nova", message="…", created_at=timezone.now())
    row.event_id, row.expired = row.public_id, False
    return row


def spread(registry, *rows):
    """`(seq, channel)` each, all in one look."""
    fanout = Fanout(registry.subscribers_of)
    for seq, channel in rows:
        fanout.add(row(seq, channel), "0a1b")
    fanout.write()


def test_rows_of_one_look_come_in_one_piece_in_the_logs_order(registry, joins):
    subscriber, stream = joins(a=0, b=0)
    spread(registry, (1, "a"), (2, "a"), (3, "b"), (4, "a"))
    assert len(stream.written) == 1
    assert stream.seqs == [1, 2, 3, 4]
    assert subscriber.unread == 4


def test_who_gets_the_same_shares_the_bytes_however_many_channels_they_came_by(registry, joins):
    streams = [joins(a=0, b=0)[1] for _ in range(3)]
    _, other = joins(a=0)
    spread(registry, (1, "a"), (2, "b"), (3, "a"), (4, "b"))
    first, *others = [stream.written[0] for stream in streams]
    assert all(each is first for each in others)
    assert other.seqs == [1, 3]


def test_who_joined_a_channel_in_the_middle_sees_what_came_after(registry, joins):
    late, stream = joins(a=2)
    never, nothing = joins(a=9)
    spread(registry, (1, "a"), (2, "a"), (3, "a"), (4, "a"))
    assert (stream.seqs, late.unread) == ([3, 4], 2)
    assert (nothing.written, never.unread) == ([], 0)


def test_the_standby_lane_gets_none_of_it_and_counts_all(registry, joins):
    subscriber, stream = joins(Lane.STANDBY, a=0)
    spread(registry, (1, "a"), (2, "a"))
    assert stream.written == []
    assert subscriber.unread == 2


def test_an_event_of_several_rows_is_left_to_the_database(registry, joins):
    subscriber, stream = joins(a=0)
    fanout = Fanout(registry.subscribers_of)
    row = Notification(seq=1, prev_seq=0, channel="a", title="Nova", event_id=uuid.uuid4(), created_at=timezone.now())
    fanout.add(row, "0a1b")
    fanout.write()
    assert stream.seqs == [1]
    assert (subscriber.unread, subscriber.count_again) == (0, True)


async def test_between_two_pieces_of_one_look_the_hub_is_where_its_streams_are(joins, monkeypatch):
    """Whoever joins there, with the hub's position, lacks nothing and gets nothing twice."""
    monkeypatch.setattr(hub_module, "_PIECE_BYTES", 1)
    hub = Hub()
    hub.position = Cursor("0a1b", 0)
    subscriber = hub.registry.add_subscriber(Grant(1, {"a": 0}, {}, hub.position, False))
    stream = Paper()
    hub.registry.add_stream(subscriber, stream)
    spreading = asyncio.create_task(hub._write_live([row(seq, "a") for seq in (1, 2, 3)]))
    seen = []
    while not spreading.done():
        seen.append((hub.position.seq, stream.seqs))
        await asyncio.sleep(0)
    assert seen == [(0, []), (1, [1]), (2, [1, 2]), (3, [1, 2, 3])]
