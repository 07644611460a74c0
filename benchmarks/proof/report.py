"""Write the report: `report.json`, `report.html` (self-contained, to be printed) and `report.pdf`."""

import contextlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from django.template import Context, Engine

from benchmarks.proof.charts import number_of
from benchmarks.proof.judging import Line, Section, Verdict, by_verdict, is_red

NAMES = ("report.json", "report.html", "report.pdf")

_CSS = {
    Verdict.MET: "met",
    Verdict.MISSED: "missed",
    Verdict.CRITICAL: "red",
    Verdict.RED: "red",
    Verdict.TOO_FEW: "bound",
    Verdict.UNMEASURED: "none",
    Verdict.INFORMS: "none",
}
HONEST = (
    "Servidores, banco, produtores e clientes dividem os núcleos desta máquina: o processamento em máquinas próprias "
    "seria mais rápido, e onde uma meta não foi alcançada com os núcleos ocupados em 85% ou mais, a linha o diz. A "
    "rede não está incluída: tudo corre dentro desta máquina, e o caminho até as pessoas e até a nuvem se soma a cada "
    "latência. O Ably de verdade nunca foi alcançado daqui: as medidas são contra um servidor local que fala o seu "
    "protocolo. Cada cena foi feita uma vez; as amostras de uma mesma rajada não são independentes."
)
HONEST_OUTSIDE = (
    "Um só computador, uma só pessoa, por fora: a rede entre os dois está incluída em cada latência. O que o site "
    "suporta, o que faz quando algo falha e quanta memória toma não se mede assim."
)


@dataclass
class Report:
    """Hold all that is told. `command` made it; `scale` is its size's name."""

    command: str
    scale: str
    machine: dict[str, str]
    technical: list[Line]
    business: list[Line]
    side_by_side: list[Line]
    sections: list[Section]
    seconds: float
    whole: bool = False
    honest: str = HONEST

    @property
    def red(self) -> bool:
        return is_red(self.sections)

    @property
    def word(self) -> str:
        """Return what the report comes to. Green is a whole proof in which no goal of the plan was missed either."""
        lines = [*self.technical, *self.business]
        if self.red:
            return "VERMELHO"
        if not self.whole:
            return "SEM DANO, E INCOMPLETA"
        missed = any(line.verdict in (Verdict.MISSED, Verdict.CRITICAL) for line in lines)
        return "SEM DANO, COM METAS NÃO CUMPRIDAS" if missed else "VERDE"

    def verdict(self) -> str:
        """Return the line that ends the run."""
        lost, foreign, checked, twice, by_one_path = (
            sum(getattr(section.harm, what) for section in self.sections)
            for what in ("lost", "foreign", "checked", "twice", "by_one_path")
        )
        harm = (
            f"perdidas {lost} e alheias {foreign} de {number_of(checked)} entregas conferidas, "
            f"repetidas {twice} das {number_of(by_one_path)} em que isso se vê"
        )
        failed = [section.title for section in self.sections if section.error]
        broken = f"; não chegaram ao fim: {', '.join(failed)}" if failed else ""
        lines = [*self.technical, *self.business]
        told = f" Métricas do plano: {by_verdict(lines)}." if lines else ""
        return f"{self.word}: {harm}{broken}.{told}"

    def as_json(self) -> dict:
        """Return everything, numbers unrounded, with each point of each chart."""
        sections = [
            {
                "title": section.title,
                "red": section.is_red,
                "error": section.error,
                "seconds": section.seconds,
                "harm": asdict(section.harm),
                "about": section.about,
                "lines": [asdict(line) for line in section.lines],
                "charts": {drawn.title: drawn.series for drawn in section.charts},
            }
            for section in self.sections
        ]
        tables = {
            name: [asdict(line) for line in getattr(self, name)] for name in ("technical", "business", "side_by_side")
        }
        head = {"verdict": self.verdict(), "red": self.red, "honest": self.honest, "command": self.command}
        made = {"scale": self.scale, "seconds": self.seconds, "machine": self.machine}
        return {**head, **made, **tables, "sections": sections}


def write(report: Report, folder: Path) -> None:
    """Write all of NAMES; without a Chromium the PDF is left out, and a line says so."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        (folder / name).unlink(missing_ok=True)  # an older one is no part of this
    (folder / "report.json").write_text(json.dumps(report.as_json(), ensure_ascii=False, indent=1) + "\n")
    html = as_html(report)
    (folder / "report.html").write_text(html)
    try:
        _print(html, folder / "report.pdf")
    except Exception as error:  # the report stands without it, whatever Chromium has
        print(f"report.pdf was not made: {error}", flush=True)


def as_html(report: Report) -> str:
    """Return the page, which loads nothing."""
    engine = Engine(dirs=[str(Path(__file__).parent)])
    tables = [
        ("Métricas técnicas", report.technical),
        ("Métricas de negócio", report.business),
        ("SSE e Ably lado a lado: as mesmas notificações", report.side_by_side),
    ]
    context = {
        "report": report,
        "verdict": report.verdict(),
        "minutes": number_of(report.seconds / 60),
        "honest": report.honest,
        "tables": [(title, _rows(lines)) for title, lines in tables if lines],
        "sections": [(section, _rows(section.lines)) for section in report.sections],
    }
    return engine.get_template("page.html").render(Context(context, use_l10n=False))


def _rows(lines: Sequence[Line]) -> list[dict]:
    return [
        {
            "line": line,
            "css": _CSS[line.verdict],
            "measured": _with_unit(line),
            "baseline": number_of(line.baseline),
            "goal": _bound(line.goal, "≥" if line.higher_is_better else "≤") + " (nossa)" * line.is_ours,
            "critical": _bound(line.critical, "<" if line.higher_is_better else ">"),
            "samples": number_of(line.samples),
        }
        for line in lines
    ]


def _with_unit(line: Line) -> str:
    if line.measured is None:
        return "–"
    if line.higher_is_better and line.measured < 0:  # a reduction that is none
        return f"aumento de {number_of(-line.measured)} {line.unit}"
    number = "≤ " * line.at_most + number_of(line.measured)
    return f"{line.unit} {number}" if line.unit == "US$" else f"{number} {line.unit}"


def _bound(value: float | None, sign: str) -> str:
    return "–" if value is None else f"{sign} {number_of(value)}"


def _print(html: str, path: Path) -> None:
    with contextlib.ExitStack() as ending:
        from tests.browser.chromium import chromium

        page = ending.enter_context(chromium()).new_page()
        page.set_content(html)
        page.pdf(path=str(path), format="A4", landscape=True, print_background=True)
