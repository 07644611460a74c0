"""What the proof's clients make of bytes; what it makes of streams in which a frame is missing, comes again, or is
somebody else's.
"""

from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest

from benchmarks import producer
from benchmarks.proof.checker import judge
from benchmarks.proof.clients import Came, came_again, shown_once
from benchmarks.proof.frames import Event, Frames
from benchmarks.proof.loaded import WITH_STANDBY, Asked, Loaded, Produced
from benchmarks.proof.log import Written
from benchmarks.proof.meter import Weighed
from benchmarks.proof.scenes import told
from notificacao.stream import frames as server
from tests.faults.history import Arrival, Path, Row

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
BODY = server.RETRY + b"".join(
    [
        b'event: counts\ndata: {"unread":1}\n\n',
        server.notification('{"id":"a","seq":7}', "0a.7"),
        b"id: 0a.8\n\n",
        server.COMMENT,
        server.notification('{"id":"b","seq":9}', None),
    ]
)
UNIT = "private:unit:1:notifications"
ANA, CAIO = (
    SimpleNamespace(name=name, hears=dict.fromkeys(channels, 0))
    for name, channels in (
        ("ana", [UNIT, "private:user:ana:notifications"]),
        ("caio", ["private:user:caio:notifications"]),
    )
)
WRITTEN = [
    Written(Row("a", "a", UNIT, seq=11, prev_seq=0), 1.0, "normal", None),
    Written(Row("b", "b", "private:user:ana:notifications", seq=12, prev_seq=0), 1.5, "alta", None),
    Written(Row("c", "c", "private:user:caio:notifications", seq=13, prev_seq=0), 2.0, "normal", None),
    Written(Row("d", "d", UNIT, seq=14, prev_seq=11), 2.5, "urgente", None),
]


def chunked(body: bytes, size: int) -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
@pytest.mark.parametrize("by_proxy", [False, True])
def test_events_are_the_same_however_the_bytes_are_cut(size, by_proxy):
    head = HEAD + (b"Transfer-Encoding: chunked\r\n\r\n" if by_proxy else b"\r\n")
    sent = head + (chunked(BODY, 11) if by_proxy else BODY)
    frames = Frames()
    found = [event for start in range(0, len(sent), size) for event in frames.feed(sent[start : start + size])]
    assert frames.status == 200
    assert [event for event in found if event.data is not None or event.id] == [
        Event("counts", "", {"unread": 1}),
        Event("notification", "0a.7", {"id": "a", "seq": 7}),
        Event("message", "0a.8", None),
        Event("notification", "", {"id": "b", "seq": 9}),
    ]


def test_a_refusal_is_known_by_its_status():
    frames = Frames()
    assert list(frames.feed(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\n\r\n{}")) == []
    assert frames.status == 429


def arrival(place: int, path=Path.LIVE, late=0.02) -> Arrival:
    row, asked_at = WRITTEN[place].row, WRITTEN[place].asked_at
    return Arrival(row.id, row.event_id, row.channel, row.seq, row.prev_seq, path, 1, True, asked_at + late)


WELL = {"ana": [arrival(0), arrival(1), arrival(3)], "caio": [arrival(2)]}


def judged(
    ana=WELL["ana"], caio=WELL["caio"], placed=None, kind="sse", *, late=None, from_due=True, connected=()
) -> Loaded:
    came = Came({("ana", kind): list(ana), ("caio", kind): list(caio)}, placed or {})
    asked = Asked(rate=2, batch=1, seconds=2, from_due=from_due)
    produced = Produced(calls=[0.01], late=late or {}, behind=0.0, until=1.5)
    seen = {"weighed": Weighed(connected=[*connected]), "unstamped_after": 0.1, "since": 10}
    return judge(asked, WRITTEN, came, [ANA, CAIO], {}, produced=produced, **seen)


def test_streams_in_which_all_is_well_do_no_harm_and_are_timed():
    found = judged()
    assert not found.harm.any
    assert (found.owed, found.late, found.rows, found.rate) == (4, 0, 4, 2)
    assert found.delays["sse"] == pytest.approx([20, 20, 20, 20])
    assert {name: len(of) for name, of in found.by_priority.items()} == {"normal": 2, "alta": 1, "urgente": 1}


@pytest.mark.parametrize(
    ("altered", "harm"),
    [
        ({"ana": WELL["ana"][:2]}, (1, 0, 0)),
        ({"ana": [*WELL["ana"], arrival(3, late=0.5)]}, (0, 1, 0)),
        ({"caio": [*WELL["caio"], arrival(3)]}, (0, 0, 1)),
        ({"ana": [arrival(0), replace(arrival(1), seq=99), arrival(3)]}, (0, 0, 1)),
        ({"ana": [arrival(0), arrival(1), replace(arrival(3), id="nonesuch", event_id="nonesuch")]}, (1, 0, 1)),
        ({"placed": {"ana": [("a", 1.1), ("b", 1.6)]}}, (1, 0, 0)),
        ({"placed": {"ana": [("a", 1.1), ("b", 1.6), ("d", 2.6), ("d", 2.7)]}}, (0, 1, 0)),
        ({"placed": {"caio": [("c", 2.1), ("b", 2.2)]}}, (0, 0, 1)),
    ],
)
def test_what_is_missing_or_comes_again_or_to_somebody_else_is_counted(altered, harm):
    found = judged(**altered).harm
    assert (found.lost, found.twice, found.foreign) == harm
    assert found.examples


def test_a_swap_is_out_of_order_and_a_delivery_after_five_seconds_is_an_error():
    assert judged(ana=[arrival(1), arrival(0), arrival(3)]).harm.disordered == 1
    late = judged(ana=[*WELL["ana"][:2], arrival(3, late=5.1)])
    assert (late.harm.any, late.late) == (False, 1)


def test_what_came_by_both_paths_is_shown_once_by_the_first():
    both = shown_once([arrival(0, Path.ABLY, 0.05), arrival(0, Path.STANDBY, 0.03), arrival(1, Path.ABLY)])
    assert [(one.path, one.shown) for one in both] == [
        (Path.STANDBY, True), (Path.ABLY, False), (Path.ABLY, True),
    ]  # fmt: skip
    assert came_again([*both, arrival(3, Path.ABLY)]) == 0
    assert came_again([*both, arrival(0, Path.ABLY)]) == 1
    found = judged(ana=[*both, arrival(3, Path.ABLY)], caio=[arrival(2, Path.ABLY)], kind="ably")
    assert (found.harm.any, found.by_standby, len(found.delays["ably"])) == (False, 1, 4)
    assert sorted(found.delays["ably"]) == pytest.approx([20, 20, 20, 50]), "the standby's was not first by Ably"
    assert sorted(found.delays[WITH_STANDBY]) == pytest.approx([20, 20, 20, 30])
    assert found.deliveries == len(found.all_delays) == 4


def test_what_only_the_standby_brought_is_no_delivery_by_ably():
    standby = [replace(one, path=Path.STANDBY) for one in (*WELL["ana"], *WELL["caio"])]
    found = judged(ana=standby[:3], caio=standby[3:], kind="ably")
    assert ("ably" in found.delays, len(found.delays[WITH_STANDBY])) == (False, 4)
    lines = {line.what: line for line in told.latency_lines(found)}
    assert lines["Latência P95 por Ably"].measured is None


def test_one_that_came_twice_does_not_make_up_for_one_that_was_lost():
    again = arrival(0, late=0.5)
    assert judged(ana=[arrival(0), again, arrival(1)]).late == 1
    assert judged(caio=[arrival(3)]).late == 1, "nor does one that was somebody else's"


def test_delays_count_from_when_a_call_was_due_and_not_from_when_it_could_begin():
    late = {1_000_000_000: 0.3, 2_500_000_000: 0.1}
    assert sorted(judged(late=late).delays["sse"]) == pytest.approx([20, 20, 120, 320])
    assert judged(late=late).read_after == pytest.approx(0.12)
    assert judged(late=late, from_due=False).delays["sse"] == pytest.approx([20, 20, 20, 20])


def test_the_connected_are_the_least_that_were_counted_and_not_those_asked_for():
    found = judged(connected=[2, 1, 2])
    assert (found.people, found.connected, judged().connected) == (2, 1, 0)


class Clock:
    """In the place of `time`: a call or a wait moves it on."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now

    def perf_counter_ns(self) -> int:
        return round(1e9 * self.now)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_producers_say_how_late_each_call_was(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(producer, "time", clock)
    monkeypatch.setattr(producer, "create", lambda asked, link: clock.sleep(0.06))
    done = asdict(producer.produce(["one"], batch=1, rate=50, seconds=0.09))
    found = Produced.of([done, {"calls": [], "begun": [], "until": 0.0}])
    assert len(found.calls) == len(found.late) == 5
    assert found.behind == pytest.approx(0.16), "four calls of 60 ms were before the last, which was due after 80"
    assert found.until == pytest.approx(0.08 + found.behind)
