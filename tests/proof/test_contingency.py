"""What the section on contingencies says where something was lost, broke off or was not tried: that meets nothing."""

import contextlib
from types import SimpleNamespace

import pytest
from django.conf import settings

from benchmarks.proof.judging import Section, Verdict
from benchmarks.proof.loaded import Harm
from benchmarks.proof.scale import FULL, TINY
from benchmarks.proof.scenes import contingency
from benchmarks.proof.scenes.recovery import (
    EXCHANGED,
    FAULTS,
    NEVER,
    TAKEN_OVER,
    Breakage,
    Told,
    line_of_harm,
    line_of_recovery,
    lines_of,
)
from tests.faults.history import Fault
from tests.faults.machines import Wrong, pages
from tests.faults.outage import HURRIED, Noticed
from tests.faults.rollback import RolledBack

LOST = [Fault("lost", f"ana/{page}", "7 of unit") for page in range(30)]
MACHINES = SimpleNamespace(people=[], sites=[])


def noticed(**more) -> Noticed:
    figures = {"streams": 24, "on_ably": 12, "rows": 213, "shown": 1_018, "paths": {}, "opened_after": 1.4}
    seconds = {"reason": "", "away": 3.67, "first": [0.9, 1.1], "behind": [1.0], "behind_after": [], "back_after": 17.5}
    return Noticed(**figures | seconds | more)


def section_of(monkeypatch, scenes) -> Section:
    """The section where `scenes` take the place of all that breaks something."""

    @contextlib.contextmanager
    def server(*_, **__):
        yield SimpleNamespace(key="", port=0)

    for name in ("PostgresServer", "RedisServer", "AblyServer", "Proxy", "machines_on_ably"):
        monkeypatch.setattr(contingency, name, server)
    monkeypatch.setattr(contingency, "_all", scenes)
    return contingency.run(TINY)


def test_all_that_was_lost_is_counted_though_pages_raises_a_group_and_what_was_measured_stays(monkeypatch):
    async def scenes(machines, ably, way, scale, told):
        told.dead, told.shown = noticed(), 1_018
        async with pages(MACHINES):
            raise Wrong([*LOST, Fault("seen by others", "caio/1", "8 of unit came by live")], "ana/0: heard heads")

    section = section_of(monkeypatch, scenes)
    assert (section.harm.lost, section.harm.foreign, section.harm.twice, section.error) == (30, 1, 0, "")
    lines = {line.what: line for line in section.lines}
    assert (lines[NEVER].verdict, lines[NEVER].measured) == (Verdict.RED, 31)
    assert [line.measured for what, line in lines.items() if what.startswith("Falha total do Ably")] == [1.1, 1.0, 17.5]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (AssertionError("it did not come true within 120 s"), "AssertionError: it did not come true within 120 s"),
        (AssertionError(), "AssertionError sem mensagem (test_contingency.py, linha "),
        (RuntimeError("Redis is not ready"), "RuntimeError: Redis is not ready"),
    ],
)
def test_what_is_no_finding_of_the_checker_is_named_as_what_it_is_and_meets_nothing(monkeypatch, error, said):
    async def scenes(machines, ably, way, scale, told):
        async with pages(MACHINES):
            raise error

    section = section_of(monkeypatch, scenes)
    assert not section.harm.any
    assert section.error.startswith(said)
    assert {line.verdict for line in section.lines} == {Verdict.UNMEASURED}


def test_the_message_is_short_where_there_is_much_to_find():
    assert str(Wrong(LOST, "")).count("lost:") == 20
    assert str(Wrong(LOST, "")).startswith("30 faults:")


@pytest.mark.parametrize(
    ("harm", "error", "shown", "verdict"),
    [
        (Harm(), "", 1_000, Verdict.MET),
        (Harm(), "", 0, Verdict.UNMEASURED),
        (Harm(), "TimeoutError", 1_000, Verdict.UNMEASURED),
        (Harm(lost=1), "TimeoutError", 1_000, Verdict.RED),
    ],
)
def test_nothing_lost_is_said_only_of_what_came_to_its_end(harm, error, shown, verdict):
    assert line_of_harm(Section("", "", harm=harm, error=error), shown).verdict is verdict


def test_each_fault_that_a_quick_proof_leaves_out_has_a_line_that_says_so():
    told = {line.what: line for line in lines_of(Told(), TINY)}
    for place, (name, _) in enumerate(FAULTS):
        (line,) = [line for what, line in told.items() if what.startswith(name)]
        assert line.verdict is Verdict.UNMEASURED
        assert line.how.startswith("não medida: " + ("só na prova completa" if place > 2 else "a seção parou antes"))
    (*_, slow) = [line for what, line in told.items() if what.startswith("Performance degradada")]
    assert "só na prova completa" in slow.how
    assert not any("só na prova completa" in line.how for line in lines_of(Told(), FULL))


def test_a_fault_that_happened_once_is_one_sample_and_its_line_names_the_quantity():
    told = lines_of(Told(dead=noticed()), TINY)
    first, longest, back = (line for line in told if line.what.startswith("Falha total do Ably"))
    assert first.what == "Falha total do Ably: atraso da primeira notificação gravada durante a falha"
    assert (first.samples, first.spread[:38]) == (1, "1 falha, fora por 3,67 s, 213 linhas ·")
    assert (longest.what[:36], longest.measured) == ("Falha total do Ably: maior atraso al", 1.0)
    assert (back.what, back.spread) == ("Falha total do Ably: volta ao Ably", "volta ao Ably: 17,5 s")


def recovery(name="Redis fora", goal=TAKEN_OVER, **found):
    fault = Breakage(name, goal, begin=None, mend=None, since=10.0, whole=12.5, until=20.0)
    return line_of_recovery(fault, **{"rows": 58, "recovery": 0.0, "longest": 0.48, "refused": 0} | found)


def test_where_no_row_was_late_the_recovery_is_at_most_a_second_and_not_none():
    line = recovery()
    assert (line.measured, line.at_most, line.samples, line.verdict) == (1.0, True, 1, Verdict.MET)
    assert line.spread.startswith("≤ 1 s: nenhuma notificação atrasada · 1 falha, fora por 2,50 s, 58 linhas")
    assert (recovery(recovery=2.2).measured, recovery(recovery=2.2).at_most) == (2.2, False)
    assert recovery(rows=0).verdict is Verdict.UNMEASURED, "nothing was written meanwhile: that is no recovery"


def test_the_exchange_of_all_processes_is_told_by_how_long_it_took_and_is_no_rollback():
    line = recovery(EXCHANGED, None, recovery=1.2)
    assert line.what.startswith("Reinício de todos os processos (mesma versão)")
    assert (line.measured, line.verdict, line.goal) == (2.5, Verdict.INFORMS, None)


def test_the_flag_is_one_line_that_counts_from_the_start_of_the_command():
    back = RolledBack(
        rows=9, deliveries=90, ordered=[2.1, 2.9], switched=[0.3, 0.5], shown=[], late_ways=set(), transports={"sse"}
    )
    (line,) = [line for line in lines_of(Told(back=back), TINY) if "chave" in line.what]
    assert (line.measured, line.samples) == (2.9, 1)
    assert "da gravação: mediana 0,40 · máx 0,50 s" in line.spread


def test_the_servers_wait_as_long_as_the_product_and_the_section_says_so():
    own = {name: float(contingency.OWN_TIMERS.get(name, getattr(settings, name))) for name in HURRIED}
    assert own == {name: getattr(settings, name) for name in HURRIED}
    about = contingency.about(TINY)
    for words in ("disjuntor 5 s", "canário 15 s", "sinal de vida 15 s", "Ably até 5 s"):
        assert words in about
    told = (settings.BREAKER_COOLDOWN, settings.CANARY_EVERY, settings.STREAM_HEARTBEAT, settings.ABLY_PUBLISH_TIMEOUT)
    assert told == (5, 15, 15, 5)
