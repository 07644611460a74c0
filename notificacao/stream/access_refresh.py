"""Keeps what open streams may hear as the database has it: on a hint at once, for everybody every half minute."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence

from notificacao import audiences, eventlog
from notificacao.database import DatabaseThread
from notificacao.stream import authorisation, frames
from notificacao.stream.authorisation import Grant
from notificacao.stream.registry import SubscriberRegistry
from notificacao.stream.subscribers import Lane, Subscriber

SWEEP = 30.0  # seconds: everybody is authorised again at least this often
_BATCH = 500  # people asked for at once


class AccessRefresh:
    """Access and unread counts of the listeners in `roster`; a thread of its own, since rows must not wait for it."""

    def __init__(self, registry: SubscriberRegistry):
        self._registry = registry
        self._seen: dict[int, tuple] = {}  # pk → (access, reading) changed at, as last acted upon
        self.trimmed_to = self._counted_from = 0  # seq up to which retention took the log; counts know the second
        self._newcomers = asyncio.Event()
        self._counting = asyncio.Lock()
        self.thread = DatabaseThread("people")

    def close(self) -> None:
        self.thread.close()

    def note(self, changes: dict[int, tuple]) -> list[int]:
        """Whose access changed since it was last looked at; whose reading did will be counted again."""
        access_changed = []
        for pk, (access, reading) in changes.items():
            subscriber = self._registry.subscribers.get(pk)
            if subscriber is None:
                continue
            seen = self._seen.get(pk, (None, None))
            if seen[0] != access:
                access_changed.append(pk)
            if seen[1] != reading:
                subscriber.count_again = True
            self._seen[pk] = (access, reading)
        return access_changed

    def forget(self, pk: int) -> None:
        """What was acted upon for that person counts no more: look again."""
        self._seen.pop(pk, None)

    async def authorise(self, pks: Sequence[int]) -> None:
        """Ask again what they may hear, and end the streams of those who are signed out."""
        for batch in _batches(pks):
            try:
                await self._authorise_batch(batch)
            except Exception:
                for pk in pks:
                    self.forget(pk)
                raise

    async def _authorise_batch(self, pks: Iterable[int]) -> None:
        held = {pk: self._registry.subscribers[pk] for pk in pks if pk in self._registry.subscribers}
        asked = {stream.session_key for subscriber in held.values() for stream in subscriber.streams}
        alive = await self.thread.run(authorisation.people_of, asked)
        heard = await self.thread.run(audiences.channels_of, list(held))
        changed = [pk for pk, channels in heard.items() if channels != held[pk].channels]
        grants = await self.thread.run(authorisation.grants_of, changed) if changed else {}
        renewed = await self.thread.run(eventlog.keys_renewed_recently, set().union(*heard.values()))
        for pk, subscriber in held.items():
            for stream in subscriber.streams:  # who joined meanwhile was authorised on the way in
                if stream.session_key in asked and (pk not in heard or stream.session_key not in alive):
                    stream.end("signed_out")
            if pk in grants:
                self.regrant(subscriber, grants[pk])
            elif renewed & subscriber.channels.keys():
                subscriber.write(frames.session(), Lane.STANDBY)  # who is on Ably; others need no key

    def regrant(self, subscriber: Subscriber, grant: Grant) -> None:
        """Give `listener` what `grant` says; tell the browser when the set of channels changed."""
        if self._registry.subscribers.get(subscriber.pk) is not subscriber or grant.channels == subscriber.channels:
            return
        self._registry.move(subscriber, grant)
        subscriber.count_again = True
        subscriber.write(frames.heads(grant.position, grant.heads))
        subscriber.write(frames.session())

    async def sweep(self) -> None:
        """Bulk changes send no signal: find them, a few people at a time. What retention took counts no longer."""
        batches = list(_batches(list(self._registry.subscribers)))
        if not batches:
            await asyncio.sleep(SWEEP)
        for batch in batches:
            await asyncio.sleep(SWEEP / len(batches))
            await self.authorise(batch)
        if self._counted_from != self.trimmed_to:
            self._counted_from = self.trimmed_to
            for subscriber in self._registry.subscribers.values():
                subscriber.count_again = True

    # --- Unread counts that cannot be known by adding

    def welcome(self) -> None:
        """Have a newcomer counted, and told, without waiting for the next tick."""
        self._newcomers.set()

    async def count_newcomers(self) -> None:
        await self._newcomers.wait()
        self._newcomers.clear()
        for subscriber in await self._count(lambda subscriber: subscriber.counted_to < 0):
            subscriber.tell_count()

    async def count_again(self) -> None:
        await self._count(lambda subscriber: subscriber.count_again)

    async def _count(self, wanted: Callable[[Subscriber], bool]) -> list[Subscriber]:
        """Ask the database; one at a time, since rows that come meanwhile are noted by the listener."""
        async with self._counting:
            subscribers = [subscriber for subscriber in self._registry.subscribers.values() if wanted(subscriber)]
            for batch in _batches(subscribers):
                await self._count_batch(batch)
        return subscribers

    async def _count_batch(self, batch: Sequence[Subscriber]) -> None:
        for subscriber in batch:
            subscriber.begin_count()
        heard = {subscriber.pk: subscriber.channels for subscriber in batch}
        try:
            seq, unread = await self.thread.run(authorisation.unread_of, heard)
        except Exception:
            for subscriber in batch:
                subscriber.count_again = True
            raise
        for subscriber in batch:
            subscriber.end_count(unread[subscriber.pk], seq)


def _batches(items: Sequence) -> Iterator[Sequence]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]
