"""Write what open streams are told once a second: unread counts, heads that moved, and, after silence, a heartbeat."""

import asyncio
import time
from collections.abc import Callable, Iterator

from notificacao.conf import conf
from notificacao.eventlog import Cursor
from notificacao.stream import frames
from notificacao.stream.registry import SubscriberRegistry
from notificacao.stream.subscribers import Lane, Stream

_AT_ONCE = 500  # streams that are written to before the loop may do something else


class Heartbeat:
    """Write to the streams of `registry` at each tick.

    `position` is called at each write: a heartbeat claims that all rows up to there were written before it.
    """

    def __init__(self, registry: SubscriberRegistry, position: Callable[[], Cursor]):
        self._registry = registry
        self._position = position
        self._moved_heads: dict[str, int] = {}

    def head_moved(self, channel: str, seq: int) -> None:
        """Note that the last seq of `channel` is now `seq`, for the next `beat` to write."""
        self._moved_heads[channel] = seq

    def forget_heads(self) -> None:
        """Drop the heads that were noted: they belong to an epoch that is over."""
        self._moved_heads.clear()

    async def beat(self) -> None:
        """Write changed counts, then moved heads to the standby lane, then heartbeats to the streams that are quiet."""
        await self._write_counts()
        self._write_heads()
        await self._write_heartbeats()

    async def _write_counts(self) -> None:
        for place, subscriber in enumerate(list(self._registry.subscribers.values()), 1):
            subscriber.tell_count()
            if place % _AT_ONCE == 0:
                await asyncio.sleep(0)

    def _write_heads(self) -> None:
        moved, self._moved_heads = self._moved_heads, {}
        written: dict[tuple[str, ...], bytes] = {}
        for subscriber in self._registry.subscribers_of_any(moved):
            if not subscriber.in_standby:
                continue
            names = tuple(name for name in moved if name in subscriber.channels)
            if names not in written:
                written[names] = frames.heads(self._position(), {name: moved[name] for name in names})
            subscriber.write(written[names], Lane.STANDBY)

    async def _write_heartbeats(self) -> None:
        for place, stream in enumerate(self._quiet(time.monotonic()), 1):
            stream.quiet_since = time.monotonic()
            stream.write(frames.heartbeat(self._position()) if _has_all_rows(stream) else frames.COMMENT)
            if place % _AT_ONCE == 0:
                await asyncio.sleep(0)

    def _quiet(self, now: float) -> Iterator[Stream]:
        """Yield the streams to which nothing was written for STREAM_HEARTBEAT seconds."""
        quiet_from = now - conf.STREAM_HEARTBEAT
        yield from [stream for stream in self._registry.streams() if stream.quiet_since <= quiet_from]


def _has_all_rows(stream: Stream) -> bool:
    """Tell whether `stream` has all rows up to the hub's position: it is live, and nothing is withheld from it."""
    return stream.lane is Lane.LIVE and stream.subscriber is not None and not stream.subscriber.withheld
