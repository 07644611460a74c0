"""Refresh what open streams may receive: at each change at once, and for every connected person each half minute."""

import asyncio
import itertools
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from functools import partial

from notificacao import audiences, keys
from notificacao.database import DatabaseThread
from notificacao.models import StreamChange
from notificacao.stream import authorisation, frames
from notificacao.stream.authorisation import Grant
from notificacao.stream.batches import BATCH, batches
from notificacao.stream.registry import SubscriberRegistry
from notificacao.stream.subscribers import Lane, Subscriber
from notificacao.stream.withheld import WithheldRows

SWEEP = 30.0  # seconds: every connected person is authorised again at least this often
_OLD = SWEEP - 5  # seconds after which a person is looked at again
_ROUND = 1.0  # seconds between two looks at who is due
_REMEMBERED = 10_000  # people whose last change is remembered, for streams that join later

Kind = StreamChange.Kind


class AccessRefresh:
    """Authorise the subscribers of `registry` again, and move them to the channels that the database permits.

    Rows are withheld from a person whose access changed, and from nobody else, until they are authorised. Queries run
    on `thread`, never on the thread that tails the log.
    """

    def __init__(self, registry: SubscriberRegistry, thread: DatabaseThread, withheld: WithheldRows):
        self._registry = registry
        self._thread = thread
        self._withheld = withheld
        self._pending: dict[int, None] = {}  # pks of people to authorise, in the order of their changes
        self._renewed: set[str] = set()  # channels whose subscribers are to get a new key
        self._has_work = asyncio.Event()
        self._unnumbered: set[int] = set()  # pks of changes that were acted upon before they had a number
        self.mark = 0  # counts the changes that were noted
        self._changed_at: OrderedDict[int, int] = OrderedDict()  # person pk → `mark` at their last change
        self._all_changed_at = 0
        self._authorising = asyncio.Lock()  # one batch at a time: whose turn it is is pending until then

    # --- Noting changes

    def note(self, changed: Sequence[StreamChange], *, complete: bool) -> None:
        """Act on each of `changed` once; where they are not `complete`, on everybody's access."""
        still_unnumbered = set()
        for change in changed:
            if change.number is None:
                if change.kind == Kind.KEY:
                    continue  # the key is renewed with the number
                still_unnumbered.add(change.pk)
            if change.pk not in self._unnumbered:
                self._act_on(change)
        self._unnumbered = still_unnumbered
        if not complete:
            self.note_everybody()
            for subscriber in self._registry.subscribers.values():
                subscriber.count_again = True
            self._renewed.update(name for name, _ in self._registry.channels())

    def _act_on(self, change: StreamChange) -> None:
        match change.kind:
            case Kind.KEY:
                self._renewed.add(change.channel)
                self._has_work.set()
            case Kind.READING:
                if subscriber := self._registry.subscribers.get(change.person_id or 0):
                    subscriber.count_again = True
            case _ if change.person_id is None:
                self.note_everybody()
            case _:
                self.mark += 1
                self._changed_at[change.person_id] = self.mark
                self._changed_at.move_to_end(change.person_id)
                if len(self._changed_at) > _REMEMBERED:
                    _, self._all_changed_at = self._changed_at.popitem(last=False)
                self.withhold([change.person_id])

    def note_everybody(self) -> None:
        """Have everybody who is connected authorised again."""
        self.mark += 1
        self._all_changed_at = self.mark
        self.withhold(list(self._registry.subscribers))

    def changed_since(self, mark: int, pk: int) -> bool:
        """Tell whether the access of the person `pk` may have changed since `mark` was what it was."""
        return max(self._all_changed_at, self._changed_at.get(pk, 0)) > mark

    def withhold(self, pks: Iterable[int]) -> None:
        """Withhold rows from these people until they are authorised again, which is soon."""
        for pk in pks:
            if subscriber := self._registry.subscribers.get(pk):
                self._withheld.withhold(subscriber)
                self._pending[pk] = None
                self._has_work.set()

    # --- Authorising

    async def work_off(self) -> None:
        """Authorise the people whose access changed, then hand out the keys that are new.

        Raises what the database raises; what failed stays to be done.
        """
        await self._has_work.wait()
        while self._pending:
            await self.authorise(list(itertools.islice(self._pending, BATCH)))
        if self._renewed:
            await self._hand_out_keys(set(self._renewed))
        if not self._pending and not self._renewed:
            self._has_work.clear()

    async def authorise(self, pks: Collection[int]) -> None:
        """Read again what the people `pks` may receive, and end the streams of those who are signed out.

        Raises what the database raises.
        """
        for batch in batches(pks):
            async with self._authorising:
                for pk in batch:  # a change from here on puts them back
                    self._pending.pop(pk, None)
                try:
                    await self._authorise_batch(batch)
                except BaseException:
                    self._pending.update(dict.fromkeys(batch))
                    self._has_work.set()
                    raise

    async def _authorise_batch(self, pks: list[int]) -> None:
        connected = {pk: self._registry.subscribers[pk] for pk in pks if pk in self._registry.subscribers}
        asked = {stream.session_key for subscriber in connected.values() for stream in subscriber.streams}
        logins = await self._thread.run(authorisation.logins_of, asked)
        permitted = await self._thread.run(audiences.channels_of, list(connected))
        changed = [pk for pk, channels in permitted.items() if channels != connected[pk].channels]
        grants = await self._thread.run(authorisation.grants_of, changed) if changed else {}
        now = time.monotonic()
        for pk, subscriber in connected.items():
            for stream in subscriber.streams:  # a stream that joined meanwhile was authorised on its way in
                if stream.session_key not in asked:
                    continue
                login = logins.get(stream.session_key)
                if pk not in permitted or login is None:
                    stream.end("signed_out")
                else:
                    stream.login_ends_at = now + login.left
            if pk in grants:
                self.regrant(subscriber, grants[pk])
            subscriber.authorised_at = now
        for subscriber in connected.values():
            if subscriber.withheld and self._is_authorised(subscriber.pk):
                await self._withheld.release(subscriber, partial(self._is_authorised, subscriber.pk))

    def _is_authorised(self, pk: int) -> bool:
        """Tell whether the access of the person `pk` is what was read last, as far as is known."""
        return pk not in self._pending

    def regrant(self, subscriber: Subscriber, grant: Grant) -> None:
        """Give `subscriber` the channels of `grant`; tell the browser when the set of channels changed."""
        if self._registry.subscribers.get(subscriber.pk) is not subscriber or grant.channels == subscriber.channels:
            return
        self._registry.change_grant(subscriber, grant)
        subscriber.count_again = True
        subscriber.write(frames.heads(grant.position, grant.heads))
        subscriber.write(frames.session())

    # --- Keys

    async def _hand_out_keys(self, channels: set[str]) -> None:
        """Write the new keys of `channels` to their subscribers' pages on Ably, after another look at who they are."""
        everybody = self._registry.subscribers.values()
        receivers = [one for one in everybody if one.in_standby and channels & one.channels.keys()]
        for batch in batches(receivers):
            await self._hand_out_batch(channels, batch)
        self._renewed -= channels

    async def _hand_out_batch(self, channels: set[str], receivers: list[Subscriber]) -> None:
        asked = {stream.session_key for one in receivers for stream in one.streams}
        found = await self._thread.run(authorisation.keys_of, channels, [one.pk for one in receivers], asked)
        written: dict[tuple[tuple[str, int], ...], bytes] = {}
        for subscriber in receivers:
            permitted = found.permitted.get(subscriber.pk, {})
            names = sorted(found.channels.keys() & permitted.keys() & subscriber.channels.keys())
            epochs = ((name, keys.epochs_for(found.channels[name], permitted[name])) for name in names)
            theirs = tuple((name, number) for name, number in epochs if number)
            if theirs and theirs not in written:
                told = [keys.told(found.channels[name], permitted[name]) for name, _ in theirs]
                written[theirs] = frames.keys(told)
            for stream in subscriber.streams if theirs else ():
                if stream.lane is Lane.STANDBY and stream.session_key in found.logins:
                    stream.write(written[theirs])

    # --- Without a change that tells

    def look_at_ended_logins(self) -> None:
        """Have everybody authorised whose login ends by its own date: no change tells of that. Call it at each tick."""
        now = time.monotonic()
        streams = self._registry.streams()
        self.withhold({one.subscriber.pk for one in streams if one.login_ends_at <= now and one.subscriber})

    async def sweep(self) -> None:
        """Authorise the subscribers who were not for a while: bulk changes tell nobody."""
        await asyncio.sleep(_ROUND)
        due = time.monotonic() - _OLD
        old = [subscriber for subscriber in self._registry.subscribers.values() if subscriber.authorised_at <= due]
        if old:
            old.sort(key=lambda subscriber: subscriber.authorised_at)
            share = max(BATCH, len(self._registry.subscribers) // 4)  # all, before SWEEP is over
            await self.authorise([subscriber.pk for subscriber in old[:share]])
