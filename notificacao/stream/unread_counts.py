"""Count the unread events of connected people where adding up the rows that came cannot tell."""

import asyncio
import itertools
from collections import deque
from collections.abc import Sequence

from notificacao.database import DatabaseThread
from notificacao.stream import authorisation
from notificacao.stream.batches import Gathering, batches
from notificacao.stream.registry import SubscriberRegistry
from notificacao.stream.subscribers import Subscriber


class UnreadCounts:
    """Ask the database for the unread counts of the subscribers in `registry`.

    Queries run on `thread`, never on the thread that tails the log: rows must not wait for them.
    """

    def __init__(self, registry: SubscriberRegistry, thread: DatabaseThread):
        self._registry = registry
        self._thread = thread
        self.trimmed_to = 0  # the seq up to which retention took the log, as the hub last read it
        self._counted_from = 0  # the `trimmed_to` that the counts already honour
        self._newcomers: list[Subscriber] = []
        self._came = asyncio.Event()
        self._gathering = Gathering()
        self._counting = asyncio.Lock()

    def welcome(self, subscriber: Subscriber) -> None:
        """Have a new subscriber counted, and told, without waiting for the next tick."""
        self._newcomers.append(subscriber)
        self._came.set()

    async def count_newcomers(self) -> None:
        """Wait for new subscribers, count their unread events, and tell them."""
        await self._came.wait()
        await self._gathering.begin()
        self._came.clear()
        newcomers, self._newcomers = self._newcomers, []
        newcomers = [newcomer for newcomer in newcomers if newcomer.streams]
        try:
            await self._count(newcomers)
        finally:  # also where a later batch failed: the next tick counts those
            for subscriber in newcomers:
                subscriber.tell_count()

    async def count_again(self) -> None:
        """Count the unread events of each subscriber that is marked `count_again`; the heartbeat tells them."""
        await self._count([subscriber for subscriber in self._registry.subscribers.values() if subscriber.count_again])

    def mark_trimmed(self) -> None:
        """Mark every subscriber to be counted again where retention trimmed the log since the last call."""
        if self._counted_from != self.trimmed_to:
            self._counted_from = self.trimmed_to
            self.mark_all()

    def mark_all(self) -> None:
        """Mark every subscriber to be counted again."""
        for subscriber in self._registry.subscribers.values():
            subscriber.count_again = True

    async def _count(self, subscribers: Sequence[Subscriber]) -> None:
        """Count `subscribers`; those that are not counted since a batch failed are marked `count_again`.

        One count runs at a time: a subscriber collects the rows that come meanwhile, for one answer alone.
        """
        async with self._counting:
            to_count = deque(batches(subscribers))
            try:
                while to_count:
                    await self._count_batch(to_count[0])
                    to_count.popleft()
            finally:
                for subscriber in itertools.chain.from_iterable(to_count):
                    subscriber.count_again = True

    async def _count_batch(self, batch: Sequence[Subscriber]) -> None:
        for subscriber in batch:
            subscriber.begin_count()
        channels = {subscriber.pk: subscriber.channels for subscriber in batch}
        seq, unread = await self._thread.run(authorisation.unread_of, channels)
        for subscriber in batch:
            subscriber.end_count(unread[subscriber.pk], seq)
