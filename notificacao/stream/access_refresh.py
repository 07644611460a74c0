"""Refresh what open streams may receive: on a hint at once, and for every connected person each half minute."""

import asyncio
from collections.abc import Iterable

from notificacao import audiences, eventlog
from notificacao.database import DatabaseThread
from notificacao.stream import authorisation, frames
from notificacao.stream.authorisation import Grant
from notificacao.stream.batches import batches
from notificacao.stream.registry import SubscriberRegistry
from notificacao.stream.subscribers import Lane, Subscriber

SWEEP = 30.0  # seconds: every connected person is authorised again at least this often


class AccessRefresh:
    """Authorise the subscribers of `registry` again, and move them to the channels that the database permits.

    Queries run on `thread`, never on the thread that tails the log: rows must not wait for them.
    """

    def __init__(self, registry: SubscriberRegistry, thread: DatabaseThread):
        self._registry = registry
        self._thread = thread
        self._acted_upon: dict[int, tuple] = {}  # person pk → (access, reading) changed at, as last acted upon

    def note(self, changes: dict[int, tuple]) -> list[int]:
        """Return the pks of connected people whose access changed since it was last acted upon.

        `changes` is `{person pk: (access changed at, reading changed at)}`. Where the reading state changed, the
        subscriber is marked to be counted again.
        """
        access_changed = []
        for pk, (access, reading) in changes.items():
            subscriber = self._registry.subscribers.get(pk)
            if subscriber is None:
                continue
            known_access, known_reading = self._acted_upon.get(pk, (None, None))
            if known_access != access:
                access_changed.append(pk)
            if known_reading != reading:
                subscriber.count_again = True
            self._acted_upon[pk] = (access, reading)
        return access_changed

    def forget(self, pk: int) -> None:
        """Drop what was acted upon for the person `pk`, so that the next `note` looks at them again."""
        self._acted_upon.pop(pk, None)

    async def authorise(self, pks: Iterable[int]) -> None:
        """Read again what the people `pks` may receive, and end the streams of those who are signed out.

        Raises what the database raises; everybody in `pks` is then looked at again at the next hint.
        """
        pks = list(pks)
        for batch in batches(pks):
            try:
                await self._authorise_batch(batch)
            except Exception:
                for pk in pks:
                    self.forget(pk)
                raise

    async def _authorise_batch(self, pks: list[int]) -> None:
        connected = {pk: self._registry.subscribers[pk] for pk in pks if pk in self._registry.subscribers}
        asked = {stream.session_key for subscriber in connected.values() for stream in subscriber.streams}
        logged_in = await self._thread.run(authorisation.people_of, asked)
        permitted = await self._thread.run(audiences.channels_of, list(connected))
        changed = [pk for pk, channels in permitted.items() if channels != connected[pk].channels]
        grants = await self._thread.run(authorisation.grants_of, changed) if changed else {}
        renewed = await self._thread.run(eventlog.keys_renewed_recently, set().union(*permitted.values()))
        for pk, subscriber in connected.items():
            for stream in subscriber.streams:  # a stream that joined meanwhile was authorised on its way in
                if stream.session_key in asked and (pk not in permitted or stream.session_key not in logged_in):
                    stream.end("signed_out")
            if pk in grants:
                self.regrant(subscriber, grants[pk])
            elif renewed & subscriber.channels.keys():
                subscriber.write(frames.session(), Lane.STANDBY)  # these pages are on Ably; no other page needs a key

    def regrant(self, subscriber: Subscriber, grant: Grant) -> None:
        """Give `subscriber` the channels of `grant`; tell the browser when the set of channels changed."""
        if self._registry.subscribers.get(subscriber.pk) is not subscriber or grant.channels == subscriber.channels:
            return
        self._registry.change_grant(subscriber, grant)
        subscriber.count_again = True
        subscriber.write(frames.heads(grant.position, grant.heads))
        subscriber.write(frames.session())

    async def sweep(self) -> None:
        """Authorise every subscriber once, in batches spread over `SWEEP` seconds: bulk changes send no signal."""
        pending = list(batches(self._registry.subscribers))
        if not pending:
            await asyncio.sleep(SWEEP)
        for batch in pending:
            await asyncio.sleep(SWEEP / len(pending))
            await self.authorise(batch)
