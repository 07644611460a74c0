"""Rows to live streams: all that a stream is to get of one look is joined and written once.

Consecutive rows of one channel are one run. Listeners whose runs are the same share one bytes object: a channel with a
thousand listeners costs one join and a thousand writes.
"""

from collections.abc import Callable, Collection

from notificacao import wire
from notificacao.eventlog import Cursor
from notificacao.models import Notification
from notificacao.stream import frames
from notificacao.stream.subscribers import Lane, Subscriber

Share = tuple[bytes, bytes, bytes]


class Run:
    """Consecutive rows of one channel, for those who hear it."""

    __slots__ = ("channel", "counted", "data", "first", "frames", "many_rows", "seqs")

    def __init__(self, channel: str):
        self.channel = channel
        self.frames: list[bytes] = []
        self.seqs: list[int] = []
        self.counted: list[int] = []  # seqs of those that are an event of their own
        self.many_rows = False  # one is of an event that other channels carry too

    def add(self, seq: int, frame: bytes, one_row_event: bool) -> None:
        self.frames.append(frame)
        self.seqs.append(seq)
        if one_row_event:
            self.counted.append(seq)
        else:
            self.many_rows = True

    def close(self) -> None:
        self.data = b"".join(self.frames)
        self.first = self.seqs[0]

    def after(self, since: int) -> tuple[bytes, list[int]]:
        """For the rare listener who may see only what came after `since`."""
        seen = [frame for frame, seq in zip(self.frames, self.seqs, strict=True) if seq > since]
        return b"".join(seen), [seq for seq in self.counted if seq > since]


class Fanout:
    """What is to be written to whom; `size` is how many bytes the longest can be."""

    def __init__(self, subscribers_of: Callable[[str], Collection[Subscriber]]):
        self._subscribers_of = subscribers_of
        self._run: Run | None = None
        self._shares: dict[Subscriber, bytes] = {}
        self._joined: dict[tuple[int, int], Share] = {}  # by identity; the parts are kept, so ids stay theirs
        self.size = 0

    def add(self, row: Notification, epoch: str) -> str:
        """Somebody hears the stamped `row`; its line of JSON."""
        assert row.seq is not None
        if self._run is None or self._run.channel != row.channel:
            self._close_run()
            self._run = Run(row.channel)
        line = wire.encode(row)
        frame = frames.notification(line, Cursor(epoch, row.seq))
        self._run.add(row.seq, frame, row.event_id == row.public_id)
        self.size += len(frame)
        return line

    def write(self) -> None:
        """Hand everything to the streams, and begin anew."""
        self._close_run()
        for subscriber, data in self._shares.items():
            for stream in subscriber.streams:
                if stream.lane is Lane.LIVE:
                    stream.write(data)
        self._shares.clear()
        self._joined.clear()
        self.size = 0

    def _close_run(self) -> None:
        run, self._run = self._run, None
        if run is None:
            return
        run.close()
        for subscriber in self._subscribers_of(run.channel):
            since = subscriber.channels[run.channel]
            data, counted = (run.data, run.counted) if since < run.first else run.after(since)
            if data:
                subscriber.count(counted)
                subscriber.count_again |= run.many_rows
                self._append(subscriber, data)

    def _append(self, subscriber: Subscriber, data: bytes) -> None:
        before = self._shares.get(subscriber)
        if before is None:
            self._shares[subscriber] = data
            return
        share = self._joined.get((id(before), id(data)))
        if share is None:
            share = self._joined[id(before), id(data)] = (before + data, before, data)
        self._shares[subscriber] = share[0]
