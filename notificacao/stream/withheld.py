"""Withhold rows from people whose access changed, and write them once it is known that they may have them."""

from collections.abc import Callable

from notificacao import eventlog, metrics, wire
from notificacao.database import DatabaseThread
from notificacao.eventlog import Cursor, ResyncNeeded
from notificacao.stream import frames
from notificacao.stream.registry import SubscriberRegistry
from notificacao.stream.replay_cache import KEPT, ReplayCache
from notificacao.stream.subscribers import Lane, Stream, Subscriber

_PAGE = 500  # rows in one read of the log


class WithheldRows:
    """Take subscribers out of their channels and put them back; `position` tells up to where the hub wrote rows.

    What the cache does not answer is read from the log on `thread`.
    """

    def __init__(
        self,
        registry: SubscriberRegistry,
        cache: ReplayCache,
        thread: DatabaseThread,
        position: Callable[[], Cursor],
    ):
        self._registry = registry
        self._cache = cache
        self._thread = thread
        self._position = position

    def withhold(self, subscriber: Subscriber) -> None:
        """Have no row written to `subscriber` until `release`."""
        self._registry.withhold(subscriber, self._position().seq)

    async def release(self, subscriber: Subscriber, may: Callable[[], bool]) -> None:
        """Write the rows that were withheld from `subscriber` and may be theirs; from then on they get all again.

        `may` is asked after each read of the log, during which their access may change anew: where it is False, rows
        go on being withheld. The standby lane is told the heads instead: its pages fetch what they lack.
        """
        while not self._write_from_cache(subscriber):
            for stream in _live(subscriber):
                await self._write_from_log(subscriber, stream)
                if not may():
                    return
        now = self._position()
        behind = [one for one in subscriber.streams if one.lane is Lane.STANDBY and one.fed_to < now.seq]
        if behind:
            try:
                heads = await self._thread.run(eventlog.heads, subscriber.channels)
            except BaseException:  # nobody would tell them again: they come back, and are told
                for stream in behind:
                    stream.shutdown()
                raise
            subscriber.write(frames.heads(now, heads), Lane.STANDBY)

    def _write_from_cache(self, subscriber: Subscriber) -> bool:
        """Write what each live stream lacks, and release the subscriber; return False where the log is needed.

        There is no `await` in here: no row comes between the two.
        """
        position = self._position()
        pages: list[tuple[Stream, list[bytes]]] = []
        for stream in _live(subscriber):
            if stream.fed_to < position.seq:
                page = self._cache.read_after(
                    Cursor(position.epoch, stream.fed_to), subscriber.channels, KEPT, position
                )
                if page is None:
                    return False
                pages.append((stream, page.frames))
        for stream, rows in pages:
            self._write(subscriber, stream, rows)
        self._registry.release(subscriber)
        return True

    async def _write_from_log(self, subscriber: Subscriber, stream: Stream) -> None:
        """Write one page of what `stream` lacks."""
        position = self._position()
        cursor = Cursor(position.epoch, stream.fed_to)
        try:
            page = await self._thread.run(eventlog.read_after, cursor, subscriber.channels, _PAGE, position)
        except ResyncNeeded as resync:
            metrics.RESYNCS.labels(resync.reason).inc()
            stream.fed_to = position.seq
            stream.write(frames.resync(position))
            return
        stream.fed_to = page.complete_to.seq
        rows = [frames.notification(wire.encode(row), eventlog.place_of(row, cursor.epoch)) for row in page.rows]
        self._write(subscriber, stream, rows)

    def _write(self, subscriber: Subscriber, stream: Stream, rows: list[bytes]) -> None:
        if rows:
            stream.write(b"".join(rows))
            subscriber.count_again = True


def _live(subscriber: Subscriber) -> list[Stream]:
    """Return the streams of `subscriber` that get every row; one that is replaying reads them from the log."""
    return [stream for stream in subscriber.streams if stream.lane is Lane.LIVE and not stream.replaying]
