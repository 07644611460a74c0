"""Tell each hub what a stamp numbered, so that one which serves none of these channels need not ask the log for it.

A hint beside a wake. It is sealed: whoever reaches Redis reads no channel's name in it, and cannot have a hub pass over
a row. One that is forged, too old or before its time costs a look at the log, one that is lost a poll.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from notificacao import keys
from notificacao.conf import conf
from notificacao.eventlog import Cursor

MOST = 100  # rows that one tells of: some 7 KB
_VALID_FOR = 30  # seconds, and a minute for clocks that differ (Fernet's own)


@dataclass(frozen=True)
class Stamped:
    """Hold that the rows after `after` are of `channels`, one each, in the log's order; as long as they are many."""

    after: Cursor
    channels: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.channels)

    @property
    def up_to(self) -> Cursor:
        """Return the place of the last of them."""
        return Cursor(self.after.epoch, self.after.seq + len(self))


def seal(rows: Stamped, changes: int) -> bytes:
    """Return `rows` for the hubs of all processes; `b""` for more than `MOST`, and where WAKE_CHANNELS is off.

    `changes` is the number of the last change of anybody's access: no other was made before the rows were stamped.
    """
    if not conf.WAKE_CHANNELS or len(rows) > MOST:
        return b""
    told = [rows.after.epoch, rows.after.seq, changes, *rows.channels]
    return _fernet().encrypt(json.dumps(told).encode())


def opened(sealed: bytes) -> tuple[Stamped, int] | None:
    """Return what `seal` was given; None where none of our processes sealed it, or too long ago.

    None too where WAKE_CHANNELS is off.
    """
    if not conf.WAKE_CHANNELS:
        return None
    try:
        epoch, seq, changes, *channels = json.loads(_fernet().decrypt(sealed, _VALID_FOR))
    except InvalidToken:
        return None
    return Stamped(Cursor(epoch, seq), channels), changes


def _fernet() -> MultiFernet:
    """Return what seals under today's key, and opens under those before too."""
    return _of(*keys.of_servers("stamped"))


@lru_cache(maxsize=4)
def _of(*secrets: bytes) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(secret)) for secret in secrets])
