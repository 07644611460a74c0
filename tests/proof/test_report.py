"""The report by itself: it loads nothing, it has each metric of the plan, and its last line and exit code say red."""

import json
import re
import sys
from dataclasses import replace

import pytest

from benchmarks.proof import __main__ as proof
from benchmarks.proof import metrics, staging
from benchmarks.proof.charts import chart, number_of, shares
from benchmarks.proof.judging import Section, Verdict, held_against, of_harm
from benchmarks.proof.loaded import Harm
from benchmarks.proof.report import Report, as_html, write
from notificacao import plan_goals as plan


def section(**more) -> Section:
    line = held_against(plan.LATENCY_P95, 42.5, samples=1_234, how="<script>alert(1)</script> em 10 s", spread="p50 20")
    drawn = chart("Atraso", "%", "ms", {"SSE": shares([10, 20, 30]), "Ably": shares([30, 40])}, 100)
    return Section("Mil de uma vez", "Do plano.", [line], [drawn], **more)


def report(*sections: Section, **more) -> Report:
    found = metrics.Found()
    tables = metrics.technical(found), metrics.business(found), metrics.side_by_side(found)
    return Report("script/proof --quick", "rápida", {"Máquina": "2 núcleos"}, *tables, list(sections), 300, **more)


def test_the_page_loads_nothing_and_has_each_metric_of_the_plan_with_baseline_and_goal():
    html = as_html(report(section()))
    assert not re.search(r"(?:src|href)=|url\(|@import|<script|https?://", html)
    for goal in (*plan.TECHNICAL, *plan.BUSINESS):
        (row,) = re.findall(rf"<td>{re.escape(goal.name)}</td>.*?</tr>", html, re.DOTALL)[:1]
        for number in (goal.baseline, goal.goal, goal.critical):
            assert number is None or number_of(number) in row
        assert "não se mede aqui" in row
    assert html.count("<polyline") == 4, "two lines, each with its key"
    assert "42,5 ms" in html
    assert not re.search(r' (?:x|y|x1|x2|y1|y2|dx|dy)="[^"]*,', html), "one number each, whatever the language"
    assert "&lt;script&gt;" in html
    assert "A rede não está incluída" in html


def test_the_last_line_says_what_was_lost_and_what_did_not_come_to_its_end():
    well = report(section(harm=Harm(checked=1_000, by_one_path=900)), whole=True)
    assert well.verdict().startswith(
        "VERDE: perdidas 0 e alheias 0 de 1.000 entregas conferidas, repetidas 0 das 900 em que isso se vê. Métricas"
    )
    red = report(section(harm=Harm(lost=1)), Section("faults", "", error="TimeoutError: parou"), whole=True)
    assert red.verdict().startswith("VERMELHO: perdidas 1 e alheias 0 de 0 entregas conferidas, repetidas 0 ")
    assert "não chegaram ao fim: faults." in red.verdict()
    assert red.as_json()["sections"][1]["error"] == "TimeoutError: parou"


def test_green_is_a_whole_proof_in_which_no_goal_was_missed():
    assert report(section()).word == "SEM DANO, E INCOMPLETA"
    slow = report(section(), whole=True)
    slow.technical[0] = held_against(plan.LATENCY_P95, 501, samples=1, how="medido")
    assert slow.word == "SEM DANO, COM METAS NÃO CUMPRIDAS"
    assert "crítico: Latência P95; não se mede aqui: " in slow.verdict()


def test_a_latency_that_grew_is_told_as_a_growth_and_by_the_scene_that_it_is_of():
    slow = report(section(), whole=True)
    slow.technical[0] = replace(held_against(plan.LATENCY_P95, 641, samples=1, how="medido"), scene="todos pelo Ably")
    against_sse = "Ably contra SSE: redução do P95"
    slow.side_by_side = [held_against(plan.REDUCTION, -483, what=against_sse, samples=1, how="medido")]
    assert "crítico: Latência P95 (todos pelo Ably); " in slow.verdict()
    assert "aumento de 483 %" in as_html(slow)


def test_each_point_that_was_measured_is_in_the_json_and_no_peak_is_left_out_of_the_drawing():
    drawn = chart("P95", "s", "ms", {"P95": [(second, 900 if second == 777 else 10) for second in range(1_000)]})
    found = json.loads(json.dumps(report(Section("Mil", "Do plano.", charts=[drawn])).as_json()))["sections"][0]
    assert len(found["charts"]["P95"]["P95"]) == 1_000
    assert found["about"] == "Do plano."
    heights = [float(point.split(",")[1]) for point in drawn.lines[0].points.split()]
    assert min(heights) < 50 < sorted(heights)[1], "one point stands high"


def test_from_outside_nothing_is_green_where_nothing_was_delivered():
    nothing = staging._section({}, [], {"private:user:ana:notifications"}, refused=120)
    assert nothing.error == "nada foi entregue: 120 de 120 recusadas"
    assert nothing.is_red


def test_of_two_paths_to_ably_only_a_page_shows_that_nothing_came_twice():
    twice = {line.what: line for line in of_harm(Harm(checked=67_222, by_one_path=291), "", live=0)}
    assert twice["Mostradas duas vezes"].samples == 291
    assert twice["Fora de ordem"].verdict is Verdict.UNMEASURED
    assert twice["Perdidas"].samples == 67_222


def test_an_older_report_does_not_stay_beside_a_new_one(tmp_path, monkeypatch):
    (tmp_path / "report.pdf").write_bytes(b"of last week")

    def none(html, path):
        raise OSError("no browser")

    monkeypatch.setattr("benchmarks.proof.report._print", none)
    write(report(section()), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"report.json", "report.html"}


@pytest.mark.parametrize(("harm", "code"), [(Harm(), 0), (Harm(lost=1), 1), (Harm(twice=1), 1), (Harm(foreign=1), 1)])
def test_red_ends_with_one(harm, code, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(proof, "prove", lambda options: report(section(harm=harm)))
    monkeypatch.setattr("benchmarks.proof.report._print", lambda html, path: None)
    monkeypatch.setattr(sys, "argv", ["proof", "--out", str(tmp_path)])
    monkeypatch.setattr(proof, "_prepare", lambda: None)
    assert proof.main() == code
    assert capsys.readouterr().out.splitlines()[-1].startswith("VERMELHO" if code else "SEM DANO")
    assert json.loads((tmp_path / "report.json").read_text())["red"] is bool(code)


def test_a_host_that_is_not_this_machine_is_asked_only_where_it_was_named():
    assert staging.allowed("http://127.0.0.1:8000/", "") == "http://127.0.0.1:8000"
    assert staging.allowed("https://homologacao.example", "homologacao.example") == "https://homologacao.example"
    for url, named in (
        ("https://homologacao.example", ""),
        ("https://homologacao.example", "outro.example"),
        ("http://127.0.0.1.example", ""),
        ("http://127.0.0.1@outro.example/", "homologacao.example"),
        ("ftp://127.0.0.1", ""),
        ("127.0.0.1:8000", ""),
    ):
        with pytest.raises(ValueError):  # noqa: PT011 - which one it is, is in its sentence
            staging.allowed(url, named)


def test_what_is_missing_of_the_access_is_named(monkeypatch):
    monkeypatch.setenv("SMOKE_USER", "ana")
    for name in ("SMOKE_PASSWORD", "SMOKE_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="SMOKE_PASSWORD, SMOKE_KEY"):
        staging.access("http://127.0.0.1:8000")


def test_a_scene_that_is_not_there_is_refused_by_name(capsys):
    with pytest.raises(SystemExit):
        proof.arguments(["--only", "nonesuch"])
    assert "nonesuch" in capsys.readouterr().err
