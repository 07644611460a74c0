"""Write rows to live streams: all rows that a stream is to get after one read of the log are joined and written once.

Consecutive rows of one channel are one run. Subscribers whose runs are the same share one bytes object: a channel with
a thousand subscribers costs one join and a thousand writes.
"""

from collections.abc import Callable, Collection

from notificacao import wire
from notificacao.eventlog import Cursor
from notificacao.models import Notification
from notificacao.stream import frames, written
from notificacao.stream.subscribers import Lane, Subscriber

JoinedFrames = tuple[bytes, bytes, bytes]  # what was joined, and its two parts


class Run:
    """Collect consecutive rows of one channel, for the channel's subscribers."""

    __slots__ = ("channel", "counted", "data", "first", "frames", "many_rows", "seqs")

    def __init__(self, channel: str):
        self.channel = channel
        self.frames: list[bytes] = []
        self.seqs: list[int] = []
        self.counted: list[int] = []  # seqs of the rows that are an event of their own
        self.many_rows = False  # whether one row's event is on other channels too

    def add(self, seq: int, frame: bytes, one_row_event: bool) -> None:
        """Add the frame of the row `seq`; `one_row_event` where no other channel carries the same event."""
        self.frames.append(frame)
        self.seqs.append(seq)
        if one_row_event:
            self.counted.append(seq)
        else:
            self.many_rows = True

    def close(self) -> None:
        """Join the frames; `data` and `first` are set from here on."""
        self.data = b"".join(self.frames)
        self.first = self.seqs[0]

    def after(self, since: int) -> tuple[bytes, list[int]]:
        """Return frames and counted seqs for the rare subscriber who may see only what came after the seq `since`."""
        seen = [frame for frame, seq in zip(self.frames, self.seqs, strict=True) if seq > since]
        return b"".join(seen), [seq for seq in self.counted if seq > since]


class Fanout:
    """Collect what each subscriber is to get; `size` is the most bytes that one of them can get."""

    def __init__(self, subscribers_of: Callable[[str], Collection[Subscriber]]):
        self._subscribers_of = subscribers_of
        self._run: Run | None = None
        self._to_write: dict[Subscriber, bytes] = {}
        self._joined: dict[tuple[int, int], JoinedFrames] = {}  # by the parts' ids, valid while both are kept
        self.size = 0

    def add(self, row: Notification, epoch: str) -> str:
        """Add the stamped `row`, whose channel has subscribers, and return its line of JSON."""
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
        """Write what was collected to the live streams, count it, and begin anew."""
        self._close_run()
        rows = size = streams = 0
        piece = b""
        for subscriber, data in self._to_write.items():
            if data is not piece:  # those that get the same follow each other
                rows, size = rows + streams * frames.count(piece), size + streams * len(piece)
                piece, streams = data, 0
            for stream in subscriber.streams:
                if stream.lane is Lane.LIVE and stream.put(data):
                    streams += 1
        written.note_rows(rows + streams * frames.count(piece), size + streams * len(piece))
        self._to_write.clear()
        self._joined.clear()
        self.size = 0

    def _close_run(self) -> None:
        """Give the finished run to each subscriber of its channel, and count it for them."""
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
        """Append `data` to what `subscriber` gets; equal parts are joined once for all subscribers."""
        before = self._to_write.get(subscriber)
        if before is None:
            self._to_write[subscriber] = data
            return
        joined = self._joined.get((id(before), id(data)))
        if joined is None:
            joined = self._joined[id(before), id(data)] = (before + data, before, data)
        self._to_write[subscriber] = joined[0]
