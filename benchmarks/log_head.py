"""A log whose rows are written before its head moves: what is measured is the stream, not the producer."""

import os
import signal
import sqlite3
import time
from pathlib import Path

from benchmarks.crowd import MARK

FRAME = 500  # bytes of one event on the wire


class LogHead:
    """`advance` makes the next rows visible, and rings the site's doorbell."""

    def __init__(self, database: Path, channel: str):
        self._channel = channel
        self._written = 0
        self._database = sqlite3.connect(database, isolation_level=None)
        self._database.execute("PRAGMA synchronous=OFF")
        self._epoch, self._seq = self._database.execute("SELECT epoch, seq FROM notificacao_loghead").fetchone()
        self._written = self._seq
        self.sent: dict[int, float] = {}  # seq → when it was made visible

    def write(self, count: int) -> None:
        """`count` rows beyond the head, of `FRAME` bytes each."""
        from notificacao import eventlog, wire
        from notificacao.eventlog import Cursor
        from notificacao.models import Notification
        from notificacao.stream import frames

        now = eventlog.now()  # the size of an event depends on its moment, which the INSERT would else give

        def row(seq: int, message: str) -> Notification:
            return Notification(
                channel=self._channel,
                title=f"Medida {MARK.decode()}",
                message=message,
                created_at=now,
                seq=seq,
                prev_seq=seq - 1,
                dispatch_state="skipped",
            )

        bare = len(frames.notification(wire.encode(row(10_000, "")), Cursor("0a1b2c3d", 10_000)))
        first = self._written + 1
        Notification.objects.bulk_create(
            [row(seq, "m" * max(1, FRAME - bare)) for seq in range(first, first + count)], batch_size=500
        )
        self._written += count

    def advance(self, count: int, pid: int) -> None:
        assert self._seq + count <= self._written, "write more rows"
        now = time.perf_counter()
        self._database.execute("UPDATE notificacao_loghead SET seq = seq + ?", (count,))
        for _ in range(count):
            self._seq += 1
            self.sent[self._seq] = now
        if pid:
            os.kill(pid, signal.SIGUSR1)

    @property
    def position(self) -> str:
        return f"{self._epoch}.{self._seq}"

    def read_by(self, person_pks: list[int]) -> None:
        """Everybody has read everything: what is measured next begins with nothing to count."""
        from notificacao.models import ReadMark

        ReadMark.objects.bulk_create(
            [ReadMark(person_id=pk, channel=self._channel, seq=self._seq) for pk in person_pks],
            update_conflicts=True,
            unique_fields=["person", "channel"],
            update_fields=["seq"],
            batch_size=1_000,
        )

    def close(self) -> None:
        self._database.close()
