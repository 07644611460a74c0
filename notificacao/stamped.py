"""Tell each hub what a stamp numbered, so that one which serves none of these channels need not ask the log for it.

A hint beside a wake. It is sealed: whoever reaches Redis reads no channel's name in it, and cannot have a hub pass over
a row. One that is lost, late, doubled, forged or too old costs a look at the log.
"""

import base64
import json
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from notificacao import keys
from notificacao.conf import conf
from notificacao.eventlog import Cursor

MOST = 100  # rows that one tells of: some 5 KB
_VALID_FOR = 30  # seconds, and a minute for clocks that differ (Fernet's own)


class Stamped(NamedTuple):
    """Hold that the rows after `after` are of `channels`, one each, in the log's order."""

    after: Cursor
    channels: Sequence[str]

    @property
    def up_to(self) -> Cursor:
        """Return the place of the last of them."""
        return Cursor(self.after.epoch, self.after.seq + len(self.channels))


def seal(stamped: Stamped) -> bytes:
    """Return it for the hubs of all processes; `b""` for more than `MOST` rows, and where WAKE_CHANNELS is off."""
    if not conf.WAKE_CHANNELS or len(stamped.channels) > MOST:
        return b""
    told = [stamped.after.epoch, stamped.after.seq, *stamped.channels]
    return _fernet(*keys.of_servers("stamped")).encrypt(json.dumps(told).encode())


def opened(sealed: bytes) -> Stamped | None:
    """Return what `seal` was given; None where none of our processes sealed it, or too long ago."""
    try:
        epoch, seq, *channels = json.loads(_fernet(*keys.of_servers("stamped")).decrypt(sealed, ttl=_VALID_FOR))
    except InvalidToken:
        return None
    return Stamped(Cursor(epoch, seq), channels)


@lru_cache(maxsize=4)
def _fernet(*secrets: bytes) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(secret)) for secret in secrets])
