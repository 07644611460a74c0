"""The rows that the hub saw last: whatever is asked, they say what the log would say, or nothing."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from notificacao.eventlog import Cursor
from notificacao.models import Notification
from notificacao.stream import replay_cache
from notificacao.stream.replay_cache import ReplayCache

EPOCH = "0a1b"
LATER = timezone.now() + timedelta(hours=1)


def at(seq, epoch=EPOCH):
    return Cursor(epoch, seq)


def row(seq, channel="a", expires_at=None):
    content = {"title": "Nova", "message": "…", "expires_at": expires_at, "created_at": timezone.now()}
    return Notification(seq=seq, prev_seq=0, channel=channel, **content)


@pytest.fixture
def cache():
    """From beyond seq 10 on; it has seen 11 to 15."""
    cache = ReplayCache()
    cache.add(at(10), [row(seq, "b" if seq == 13 else "a") for seq in range(11, 16)], trimmed_to=0)
    return cache


def seqs(piece):
    return [json.loads(frame.split(b"data: ")[1])["seq"] for frame in piece.frames]


def test_what_lies_after_the_cursor_comes_in_order_and_is_complete_to_the_hubs_position(cache):
    piece = cache.read_after(at(12), {"a": 0, "b": 0}, 9, at(15))
    assert (seqs(piece), piece.complete_to) == ([13, 14, 15], at(15))
    assert piece.frames[0].startswith(b"event: notification\nid: 0a1b.13\n")


def test_nobody_gets_what_they_do_not_hear_or_did_not_hear_then(cache):
    assert seqs(cache.read_after(at(10), {"a": 0}, 9, at(15))) == [11, 12, 14, 15]
    assert seqs(cache.read_after(at(10), {"a": 12, "b": 13}, 9, at(15))) == [14, 15]
    assert cache.read_after(at(10), {}, 9, at(15)).frames == []


def test_what_the_hub_has_not_written_yet_is_left_to_it(cache):
    piece = cache.read_after(at(10), {"a": 0}, 9, at(12))
    assert (seqs(piece), piece.complete_to) == ([11, 12], at(12))


def test_a_full_piece_is_complete_to_its_last_row(cache):
    piece = cache.read_after(at(10), {"a": 0}, 3, at(15))
    assert (seqs(piece), piece.complete_to) == ([11, 12, 14], at(14))
    assert seqs(cache.read_after(piece.complete_to, {"a": 0}, 3, at(15))) == [15]


@pytest.mark.parametrize(
    ("cursor", "up_to"),
    [(at(9), at(15)), (at(16), at(15)), (at(12, "beef"), at(15)), (at(12), at(15, "beef"))],
    ids=["from before", "from beyond the hub", "of another life", "the hub is in another life"],
)
def test_what_it_cannot_know_is_for_the_log(cache, cursor, up_to):
    assert cache.read_after(cursor, {"a": 0}, 9, up_to) is None


def test_whether_a_row_has_expired_is_for_the_log_where_it_would_be_sent(cache):
    cache.add(at(15), [row(16, "b", LATER)], trimmed_to=0)
    assert cache.read_after(at(15), {"a": 0, "b": 0}, 9, at(16)) is None
    assert cache.read_after(at(15), {"a": 0, "b": 16}, 9, at(16)).frames == []


def test_what_the_hub_passed_over_is_for_the_log_where_somebody_may_have_it(cache):
    cache.pass_over(at(15), ["b", "c"])
    cache.add(at(17), [row(18)], trimmed_to=0)
    assert seqs(cache.read_after(at(14), {"a": 0}, 9, at(18))) == [15, 18]
    assert cache.read_after(at(14), {"a": 0, "c": 0}, 9, at(18)) is None
    assert seqs(cache.read_after(at(14), {"a": 0, "c": 17}, 9, at(18))) == [15, 18]


def test_what_retention_took_is_forgotten(cache):
    cache.add(at(15), [], trimmed_to=12)
    assert cache.read_after(at(11), {"a": 0}, 9, at(15)) is None
    assert seqs(cache.read_after(at(12), {"a": 0}, 9, at(15))) == [14, 15]


def test_only_so_many_are_kept(cache, monkeypatch):
    monkeypatch.setattr(replay_cache, "KEPT", 3)
    cache.add(at(15), [row(16)], trimmed_to=0)
    assert cache.read_after(at(12), {"a": 0}, 9, at(16)) is None
    assert seqs(cache.read_after(at(13), {"a": 0}, 9, at(16))) == [14, 15, 16]


def test_what_is_old_is_forgotten(cache, monkeypatch):
    monkeypatch.setattr(replay_cache, "KEPT_FOR", -1.0)
    cache.add(at(15), [], trimmed_to=0)
    assert cache._rows == []
    assert cache.read_after(at(14), {"a": 0}, 9, at(15)) is None
    assert cache.read_after(at(15), {"a": 0}, 9, at(15)).frames == []


def test_a_look_that_failed_and_is_repeated_doubles_nothing(cache):
    cache.add(at(13), [row(14), row(15), row(16)], trimmed_to=0)
    assert seqs(cache.read_after(at(12), {"a": 0}, 9, at(16))) == [14, 15, 16]


def test_of_a_log_that_was_set_back_nothing_older_is_told(cache):
    cache.restart(at(12))
    assert cache.read_after(at(11), {"a": 0}, 9, at(12)) is None
    cache.add(at(12), [row(13)], trimmed_to=0)
    assert seqs(cache.read_after(at(12), {"a": 0}, 9, at(13))) == [13]


def test_each_row_is_encoded_once_however_many_ask(cache):
    first, second = (cache.read_after(at(10), {"a": 0}, 9, at(15)).frames for _ in range(2))
    assert all(one is other for one, other in zip(first, second, strict=True))


@given(
    looks=st.lists(st.lists(st.sampled_from("ab"), max_size=4), min_size=1, max_size=5),
    since=st.dictionaries(st.sampled_from("ab"), st.integers(0, 20)),
    cursor=st.integers(0, 20),
    limit=st.integers(1, 4),
)
def test_piece_by_piece_everything_permitted_comes_once(looks, since, cursor, limit):
    cache, written = ReplayCache(), []
    for channels in looks:
        rows = [row(len(written) + place, channel) for place, channel in enumerate(channels, 1)]
        cache.add(at(len(written)), rows, trimmed_to=0)
        written += rows
    place, position, came = at(min(cursor, len(written))), at(len(written)), []
    permitted = [each.seq for each in written if each.seq > max(place.seq, since.get(each.channel, len(written)))]
    while place != position:
        piece = cache.read_after(place, since, limit, position)
        came += seqs(piece)
        place = piece.complete_to
    assert came == permitted
