"""What a stamp tells the hubs: sealed, bounded, and of no worth to anybody else."""

import time

import pytest

from notificacao import stamped, wakes
from notificacao.eventlog import Cursor
from notificacao.stamped import MOST, Stamped

ROWS = Stamped(Cursor("c0ffee", 7), ["private:user:ana:notifications", "private:unit:CRAS01:notifications"])
CHANGES = 41


def test_what_was_sealed_is_opened_and_shows_no_channel_on_its_way():
    sealed = stamped.seal(ROWS, CHANGES)
    assert stamped.opened(sealed) == (ROWS, CHANGES)
    assert b"private" not in sealed
    assert ROWS.up_to == Cursor("c0ffee", 9)


@pytest.mark.parametrize("sealed", [b"", b"x", b"\xff" * 100, "não é".encode()])
def test_what_nobody_sealed_is_nothing(sealed):
    assert stamped.opened(sealed) is None


def test_what_was_altered_is_nothing():
    sealed = stamped.seal(ROWS, CHANGES)
    for place in (20, len(sealed) // 2, -10):
        altered = bytearray(sealed)
        altered[place] = ord("A") if altered[place] != ord("A") else ord("B")
        assert stamped.opened(bytes(altered)) is None


def test_another_deployment_opens_nothing_and_one_that_changes_its_secret_goes_on(settings):
    sealed = stamped.seal(ROWS, CHANGES)
    before, settings.ENCRYPTION_SECRET = settings.ENCRYPTION_SECRET, "outro-segredo-de-outra-cidade-" * 2
    assert stamped.opened(sealed) is None
    settings.ENCRYPTION_SECRET_FALLBACKS = [before]
    assert stamped.opened(sealed) == (ROWS, CHANGES)


def test_what_is_older_than_half_a_minute_is_nothing(monkeypatch):
    sealed, now = stamped.seal(ROWS, CHANGES), time.time()
    monkeypatch.setattr(time, "time", lambda: now + 32)
    assert stamped.opened(sealed) is None


def test_of_many_rows_and_where_it_is_off_nothing_is_told(settings):
    sealed = stamped.seal(Stamped(ROWS.after, ["private:unit:" + "x" * 64 + ":notifications"] * MOST), CHANGES)
    assert 0 < len(sealed) < wakes._LARGEST_TOLD
    assert stamped.seal(Stamped(ROWS.after, ["c"] * (MOST + 1)), CHANGES) == b""
    settings.WAKE_CHANNELS = False
    assert stamped.seal(ROWS, CHANGES) == b""
    assert stamped.opened(sealed) is None
