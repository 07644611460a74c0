"""Count what is written to streams, as /metrics shows it: once for all streams that get the same."""

import re

from notificacao import metrics

_EVENT = re.compile(rb"^event: (\w+)$", re.MULTILINE)
_SERIES = {name.encode(): metrics.STREAM_EVENTS.labels(name) for name in metrics.EVENTS}


def note(data: bytes, streams: int = 1) -> None:
    """Count whole frames that were written to so many streams."""
    if streams:
        for name in _EVENT.findall(data):
            _SERIES[name].inc(streams)
        metrics.STREAM_BYTES.inc(streams * len(data))


def note_beginning(data: bytes) -> None:
    """Count the first bytes of one stream: the retry time, which is no event, and the heads."""
    _SERIES[b"heads"].inc()
    metrics.STREAM_BYTES.inc(len(data))


def note_rows(rows: int, size: int) -> None:
    """Count so many notifications, of `size` bytes altogether."""
    if rows:
        _SERIES[b"notification"].inc(rows)
        metrics.STREAM_BYTES.inc(size)
