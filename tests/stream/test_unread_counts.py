"""Who is counted, and when: newcomers at once and together, whoever else is there; and what a fault leaves undone."""

import asyncio
import contextlib

import pytest
from django.db import OperationalError

from notificacao.eventlog import Cursor
from notificacao.stream import authorisation
from notificacao.stream import batches as gathering
from notificacao.stream.authorisation import Grant
from notificacao.stream.registry import SubscriberRegistry
from notificacao.stream.subscribers import Lane, Stream
from notificacao.stream.unread_counts import UnreadCounts


class Page(Stream):
    """Keep what is written to it."""

    __slots__ = ("written",)

    def put(self, data: bytes) -> bool:
        self.written = data
        return True


class Here:
    """Run the work of a database thread at once."""

    async def run(self, work, *args):
        return work(*args)


@pytest.fixture
def registry():
    return SubscriberRegistry()


@pytest.fixture
def counts(registry):
    return UnreadCounts(registry, Here())


@pytest.fixture
def arrive(registry, counts):
    def arrive(pk):
        channels = {f"private:user:p{pk}:notifications": 0}
        subscriber = registry.add_subscriber(Grant(pk, channels, channels, Cursor("0a", 0), assigned=False))
        counts.welcome(subscriber)
        registry.add_stream(subscriber, Page(Lane.LIVE, "s", ""))
        return subscriber

    return arrive


@pytest.fixture
def asked(monkeypatch):
    """The people of each statement; each has as many unread as their pk says."""
    asked = []

    def unread_of(channels_by_person):
        asked.append(sorted(channels_by_person))
        return 0, {pk: pk for pk in channels_by_person}

    monkeypatch.setattr(authorisation, "unread_of", unread_of)
    return asked


async def test_newcomers_of_a_moment_are_counted_together_and_nobody_else_is_looked_at(counts, arrive, asked, registry):
    class Crowd(dict):
        def values(self):
            raise AssertionError("every subscriber is looked at for one newcomer")

    registry.subscribers = Crowd()
    first = arrive(1)
    await counts.count_newcomers()
    others = [arrive(pk) for pk in (2, 3)]
    await counts.count_newcomers()
    assert asked == [[1], [2, 3]]
    assert [subscriber.count_told for subscriber in (first, *others)] == [1, 2, 3]


async def test_a_newcomer_who_comes_within_a_moment_of_a_count_waits_for_others(counts, arrive, asked, monkeypatch):
    monkeypatch.setattr(gathering, "GATHER", 0.5)
    arrive(1)
    await counts.count_newcomers()
    arrive(2)
    counting = asyncio.create_task(counts.count_newcomers())
    await asyncio.to_thread(list)  # long enough for a count of one
    arrive(3)
    await counting
    assert asked == [[1], [2, 3]]


async def test_a_newcomer_who_is_gone_again_is_not_counted(counts, arrive, asked, registry):
    arrive(1)
    registry.remove_stream(arrive(2).streams[0])
    await counts.count_newcomers()
    assert asked == [[1]]


async def test_whom_a_fault_left_uncounted_the_next_tick_counts(counts, arrive, asked, monkeypatch):
    """Those of the batches after the one that failed, too: nobody else comes who would have them counted."""
    monkeypatch.setattr(gathering, "BATCH", 1)
    unread_of = authorisation.unread_of

    def away(_):
        raise OperationalError("gone")

    monkeypatch.setattr(authorisation, "unread_of", away)
    newcomers = [arrive(pk) for pk in (1, 2, 3)]
    with contextlib.suppress(OperationalError):
        await counts.count_newcomers()
    monkeypatch.setattr(authorisation, "unread_of", unread_of)
    await counts.count_again()
    assert asked == [[1], [2], [3]]
    for subscriber in newcomers:
        subscriber.tell_count()  # as the heartbeat does
    assert [subscriber.count_told for subscriber in newcomers] == [1, 2, 3]
