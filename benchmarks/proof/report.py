"""Write the report: `report.json`, `report.html` (self-contained, to be printed) and `report.pdf`."""

import contextlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from django.template import Context, Engine

from benchmarks.proof.charts import number_of
from benchmarks.proof.judging import Line, Section, Verdict, is_red

_CSS = {
    Verdict.MET: "met",
    Verdict.MISSED: "missed",
    Verdict.CRITICAL: "red",
    Verdict.RED: "red",
    Verdict.LOWER_BOUND: "bound",
    Verdict.UPPER_BOUND: "bound",
    Verdict.UNMEASURED: "none",
    Verdict.INFORMS: "none",
}
HONEST = (
    "Servidores, banco, produtores e clientes dividem os núcleos desta máquina. Por isso cada latência é um limite "
    "superior (em máquinas próprias seria menor) e cada vazão um limite inferior. Onde a meta não foi alcançada com "
    "os núcleos ocupados em 85% ou mais, a linha diz «limite» em vez de «não cumpre»: a máquina não deixa saber. O "
    "Ably de verdade nunca foi alcançado daqui: as medidas são contra um servidor local que fala o seu protocolo, "
    "sem a distância até a nuvem."
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

    @property
    def red(self) -> bool:
        return is_red(self.sections)

    def verdict(self) -> str:
        """Return the line that ends the run."""
        lines = [*self.technical, *self.business]
        counts = Counter(line.verdict for line in lines)
        told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        lost, twice, foreign = (
            sum(getattr(section.harm, what) for section in self.sections) for what in ("lost", "twice", "foreign")
        )
        harm = f"perdidas {lost}, repetidas {twice}, alheias {foreign}"
        failed = [section.title for section in self.sections if section.error]
        broken = f"; não chegaram ao fim: {', '.join(failed)}" if failed else ""
        return f"{'VERMELHO' if self.red else 'VERDE'}: {harm}{broken}. Métricas do plano: {told}."

    def as_json(self) -> dict:
        """Return everything but the charts, numbers unrounded."""
        sections = [
            {
                "title": section.title,
                "red": section.is_red,
                "error": section.error,
                "seconds": section.seconds,
                "harm": asdict(section.harm),
                "lines": [asdict(line) for line in section.lines],
            }
            for section in self.sections
        ]
        tables = {
            name: [asdict(line) for line in getattr(self, name)] for name in ("technical", "business", "side_by_side")
        }
        head = {"verdict": self.verdict(), "red": self.red, "command": self.command, "scale": self.scale}
        return {**head, "seconds": self.seconds, "machine": self.machine, **tables, "sections": sections}


def write(report: Report, folder: Path) -> None:
    """Write all three; without a Chromium the PDF is left out, and a line says so."""
    folder.mkdir(parents=True, exist_ok=True)
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
        ("SSE e Ably lado a lado, sob a mesma carga", report.side_by_side),
    ]
    context = {
        "report": report,
        "verdict": report.verdict(),
        "minutes": number_of(report.seconds / 60),
        "honest": HONEST,
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
            "goal": _bound(line.goal, "≥" if line.higher_is_better else "≤"),
            "critical": _bound(line.critical, "<" if line.higher_is_better else ">"),
            "samples": number_of(line.samples),
        }
        for line in lines
    ]


def _with_unit(line: Line) -> str:
    if line.measured is None:
        return "–"
    number = number_of(line.measured)
    return f"{line.unit} {number}" if line.unit == "US$" else f"{number} {line.unit}"


def _bound(value: float | None, sign: str) -> str:
    return "–" if value is None else f"{sign} {number_of(value)}"


def _print(html: str, path: Path) -> None:
    with contextlib.ExitStack() as ending:
        from tests.browser.chromium import chromium

        page = ending.enter_context(chromium()).new_page()
        page.set_content(html)
        page.pdf(path=str(path), format="A4", landscape=True, print_background=True)
