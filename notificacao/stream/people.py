"""Keeps what open streams may hear as the database has it: on a hint at once, for everybody every half minute."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence

from notificacao import audiences, log
from notificacao.database import DatabaseThread
from notificacao.stream import authorisation, frames
from notificacao.stream.authorisation import Grant
from notificacao.stream.listeners import Lane, Listener
from notificacao.stream.roster import Roster

SWEEP = 30.0  # seconds: everybody is authorised again at least this often
_BATCH = 500  # people asked for at once


class People:
    """Access and unread counts of the listeners in `roster`; a thread of its own, since rows must not wait for it."""

    def __init__(self, roster: Roster):
        self._roster = roster
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
            listener = self._roster.listeners.get(pk)
            if listener is None:
                continue
            seen = self._seen.get(pk, (None, None))
            if seen[0] != access:
                access_changed.append(pk)
            if seen[1] != reading:
                listener.count_again = True
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
        held = {pk: self._roster.listeners[pk] for pk in pks if pk in self._roster.listeners}
        asked = {stream.session_key for listener in held.values() for stream in listener.streams}
        alive = await self.thread.run(authorisation.people_of, asked)
        heard = await self.thread.run(audiences.channels_of, list(held))
        changed = [pk for pk, channels in heard.items() if channels != held[pk].channels]
        grants = await self.thread.run(authorisation.grants_of, changed) if changed else {}
        renewed = await self.thread.run(log.keys_renewed_lately, set().union(*heard.values()))
        for pk, listener in held.items():
            for stream in listener.streams:  # who joined meanwhile was authorised on the way in
                if stream.session_key in asked and (pk not in heard or stream.session_key not in alive):
                    stream.end("signed_out")
            if pk in grants:
                self.regrant(listener, grants[pk])
            elif renewed & listener.channels.keys():
                listener.write(frames.session(), Lane.STANDBY)  # who is on Ably; others need no key

    def regrant(self, listener: Listener, grant: Grant) -> None:
        """Give `listener` what `grant` says; tell the browser when the set of channels changed."""
        if self._roster.listeners.get(listener.pk) is not listener or grant.channels == listener.channels:
            return
        self._roster.move(listener, grant)
        listener.count_again = True
        listener.write(frames.heads(grant.position, grant.heads))
        listener.write(frames.session())

    async def sweep(self) -> None:
        """Bulk changes send no signal: find them, a few people at a time. What retention took counts no longer."""
        batches = list(_batches(list(self._roster.listeners)))
        if not batches:
            await asyncio.sleep(SWEEP)
        for batch in batches:
            await asyncio.sleep(SWEEP / len(batches))
            await self.authorise(batch)
        if self._counted_from != self.trimmed_to:
            self._counted_from = self.trimmed_to
            for listener in self._roster.listeners.values():
                listener.count_again = True

    # --- Unread counts that cannot be known by adding

    def welcome(self) -> None:
        """Have a newcomer counted, and told, without waiting for the next tick."""
        self._newcomers.set()

    async def count_newcomers(self) -> None:
        await self._newcomers.wait()
        self._newcomers.clear()
        for listener in await self._count(lambda listener: listener.counted_to < 0):
            listener.tell_count()

    async def count_again(self) -> None:
        await self._count(lambda listener: listener.count_again)

    async def _count(self, wanted: Callable[[Listener], bool]) -> list[Listener]:
        """Ask the database; one at a time, since rows that come meanwhile are noted by the listener."""
        async with self._counting:
            listeners = [listener for listener in self._roster.listeners.values() if wanted(listener)]
            for batch in _batches(listeners):
                await self._count_batch(batch)
        return listeners

    async def _count_batch(self, batch: Sequence[Listener]) -> None:
        for listener in batch:
            listener.begin_count()
        heard = {listener.pk: listener.channels for listener in batch}
        try:
            seq, unread = await self.thread.run(authorisation.unread_of, heard)
        except Exception:
            for listener in batch:
                listener.count_again = True
            raise
        for listener in batch:
            listener.end_count(unread[listener.pk], seq)


def _batches(items: Sequence) -> Iterator[Sequence]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]
