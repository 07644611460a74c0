"""What the meter makes of processes that end, of sites that are slow, and of memory that nobody measured for long."""

import subprocess
import threading
from collections import Counter
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from benchmarks.proof import machine, meter
from benchmarks.proof.judging import Verdict
from benchmarks.proof.loaded import WITH_STANDBY, Asked, Harm, Loaded
from benchmarks.proof.meter import Meter, Neighbours, Weighed, slope_of, student_t
from benchmarks.proof.scenes import overload, sustained, told
from tests.waiting import PATIENCE, eventually

HOUR = range(0, 3_600, 5)


def memory(a_day: float, noise: float = 0.0, seconds=HOUR) -> list[tuple[float, float]]:
    """Return samples that grow by so many MB a day; the noise is a slow wave, of which few samples are independent."""
    return [(second, 100 + a_day * second / 86_400 + noise * ((second // 400) % 2)) for second in seconds]


@pytest.mark.parametrize(
    ("samples", "verdict", "said"),
    [
        (memory(100), Verdict.MET, "entre "),
        (memory(300), Verdict.MISSED, "entre "),
        (memory(100, noise=20), Verdict.TOO_FEW, "não se sabe: entre "),
        (memory(300, noise=20), Verdict.TOO_FEW, "não se sabe: entre "),
        (memory(100, seconds=range(1_790)), Verdict.UNMEASURED, ""),
        (memory(100, seconds=range(10)), Verdict.UNMEASURED, ""),
    ],
)
def test_growth_is_judged_only_where_both_ends_of_the_interval_agree(samples, verdict, said):
    line = sustained.growth_line("web 1", samples)
    assert (line.verdict, line.spread.startswith(said)) == (verdict, True)


def test_what_is_too_short_or_has_no_slope_is_told_and_all_that_is_weighed_is_reported():
    short, none = memory(0, seconds=range(300)), memory(0, seconds=range(10))
    lines = {line.what: line for line in sustained.memory_lines(Weighed({"web 1": short, "Redis": none, "nginx": []}))}
    growth = lines["Crescimento da memória em 24 h, web 1"]
    assert "o trecho de 4,98 min não basta; rode --soak 1" in growth.how
    for name in ("Redis", "nginx"):
        assert lines[f"Memória, {name}"].verdict is Verdict.UNMEASURED
        assert lines[f"Memória, {name}"].how.startswith("não medida: ")
    assert len(lines) == 4


def test_a_run_without_a_soak_says_that_an_hour_was_not_measured():
    line = sustained.hour_line()
    assert (line.verdict, line.how) == (Verdict.UNMEASURED, "não se mede aqui; rode script/proof --soak 1")


def test_few_independent_samples_have_a_wide_interval(monkeypatch):
    assert [student_t(degrees) for degrees in (0.5, 1, 2.9, 11, 1e6)] == [12.706, 12.706, 4.303, 2.228, 1.984]
    waves = slope_of(memory(0, noise=20))
    flat = slope_of([(second, 100 + 20 * (second % 2)) for second in HOUR])
    assert waves is not None
    assert flat is not None
    assert waves.high - waves.low > 3 * (flat.high - flat.low)
    monkeypatch.setattr(meter, "_T", {1: 2.1})  # of twenty degrees, whatever their number
    narrow = slope_of(memory(0, noise=20))
    assert narrow is not None
    assert waves.high - waves.low > 1.1 * (narrow.high - narrow.low)


def test_a_process_that_is_gone_is_an_error_and_weighs_not_nothing():
    process = subprocess.Popen(["sleep", "60"])
    looking = Meter({"web 1": process.pid}, [])
    with looking:
        pass
    assert looking.seen.memory["web 1"][-1][1] > 0
    process.kill()
    process.wait()
    with pytest.raises(ProcessLookupError, match="web 1"), Meter({"web 1": process.pid}, []):
        pass


def test_what_goes_wrong_in_a_look_ends_the_block():
    def broken() -> int:
        raise RuntimeError("no count")

    with pytest.raises(RuntimeError, match="no count"), Meter({}, [], broken):
        pass


async def test_the_connected_are_counted_again_and_again(monkeypatch):
    monkeypatch.setattr(meter, "_EVERY", 0.02)
    counts = iter([*range(3, 0, -1), *[5] * 1_000])
    with Meter({}, [], lambda: next(counts)) as seen:
        await eventually(lambda: len(seen.connected) > 5)
    assert seen.connected[:3] == [3, 2, 1]


def test_what_other_processes_take_is_told_apart_from_what_is_ours(monkeypatch):
    at = SimpleNamespace(busy=(1_000, 10_000), ours=2.0)
    monkeypatch.setattr(meter, "_busy_ticks", lambda: at.busy)
    monkeypatch.setattr(meter, "seconds_on_core", lambda pid: at.ours)
    monkeypatch.setattr(meter.os, "sysconf", {"SC_CLK_TCK": 100}.get)
    neighbours = Neighbours()
    assert neighbours.share() == 0.0
    at.busy, at.ours = (2_000, 12_000), 9.5  # of 20 seconds of both cores ten are busy, 7.5 of these with ours
    assert neighbours.share() == 0.125
    assert machine.beside(neighbours) == {"Outros processos, durante a prova": "cerca de 12,5% dos núcleos"}


@pytest.fixture
def site():
    """A site that answers /slow only once `answers` is set, and counts what it was `asked`."""
    found = SimpleNamespace(answers=threading.Event(), asked=Counter())

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self):
            found.asked[self.path] += 1
            if self.path == "/slow":
                found.answers.wait()
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        found.url = f"http://127.0.0.1:{server.server_port}"
        yield found
        found.answers.set()
        server.shutdown()
        thread.join()


async def test_each_site_is_asked_on_its_own_and_a_second_that_is_missed_is_a_failure(site, monkeypatch):
    monkeypatch.setattr(meter, "_EVERY", 0.02)
    monkeypatch.setattr(meter, "_ANSWERS_WITHIN", PATIENCE)
    with Meter({}, [f"{site.url}/slow", f"{site.url}/well"]) as seen:
        await eventually(lambda: site.asked["/well"] >= 5)
        assert site.asked["/slow"] <= 1, "it waits for its answer"
        site.answers.set()
        await eventually(lambda: site.asked["/slow"] >= 2)
    assert seen.answered <= site.asked.total()
    assert seen.asked >= seen.answered + 2, "of five seconds or more it answered in one"


LOADED = Loaded(
    asked=Asked(2_500, 50, 8, producers=4, from_due=False),
    rows=5_800, owed=6_000, late=0, delays={"sse": [20.0] * 11_600}, by_priority={}, browsers=[], harm=Harm(),
    rate=725, series=[], produced=725, behind=19.5, weighed=Weighed(), people=1_000, connected=990,
    transports=Counter(), again=0, streams_reopened=0, refused=0, by_standby=0, unstamped_after=0.01, read_after=0.01,
    calls_ms=[10.0],
)  # fmt: skip


@pytest.mark.parametrize(
    ("produced", "after", "verdict"),
    [
        (725, 0.01, Verdict.UNMEASURED),
        (2_374, 0.01, Verdict.UNMEASURED),
        (2_375, 0.01, Verdict.MET),
        (725, 31, Verdict.MISSED),
        (2_500, 31, Verdict.MISSED),
    ],
)
def test_a_queue_that_never_had_what_was_asked_for_is_not_told_to_have_drained(produced, after, verdict):
    line = overload.drained_line(replace(LOADED, produced=produced, read_after=after))
    assert line.verdict is verdict
    assert ("o resto, que esperou nos produtores" in line.spread) is (verdict is Verdict.UNMEASURED)


@pytest.mark.parametrize(
    ("answered", "asked", "verdict"),
    [
        (34, 34, Verdict.TOO_FEW),
        (379, 380, Verdict.TOO_FEW),
        (400, 400, Verdict.MET),
        (33, 34, Verdict.MISSED),
        (0, 0, Verdict.UNMEASURED),
    ],
)
def test_few_probes_do_not_prove_that_the_site_answers(answered, asked, verdict):
    assert overload.answering_line(Weighed(asked=asked, answered=answered)).verdict is verdict


def test_a_load_tells_its_deliveries_and_how_late_its_producers_were():
    assert "11.600 entregas (2 por notificação)" in told.how(LOADED)
    assert "ao menos 990" in told.how(LOADED)
    lines = {line.what: line.measured for line in told.pace_lines(replace(LOADED, read_after=2))}
    assert lines == {"Entregas por segundo": 1_160, "Atraso dos produtores no fim": 19.5}
    both = replace(LOADED, delays={"ably": [30.0] * 3, WITH_STANDBY: [20.0] * 4})
    assert [line.measured for line in told.latency_lines(both)] == [30, 20]
    assert "3 das 4 entregas" in told.latency_lines(both)[0].how
