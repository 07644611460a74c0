"""Write the report on the plan's goals as CSV."""

from collections.abc import Iterator

from notificacao import spreadsheet
from notificacao.plan_goals import CRITICAL, GOOD, MISSED, UNASKED, UNKNOWN
from notificacao.slo.goals import REASONS, Report

VERDICTS = {
    GOOD: "cumpre",
    MISSED: "abaixo da meta",
    CRITICAL: "crítico",
    UNKNOWN: "sem amostras",
    UNASKED: "não se pediu tanto",
}
_COLUMNS = ("o quê", "medido", "unidade", "antes", "meta", "crítico", "resultado", "amostras", "de onde")


def as_csv(report: Report) -> Iterator[str]:
    """Yield the report's lines, then one for each incident, from ISO time to ISO time."""
    yield spreadsheet.line(_COLUMNS)
    for line in report.lines:
        numbers = (line.measured, line.baseline, line.goal, line.critical)
        measured, baseline, goal, critical = ("" if number is None else f"{number:.3f}" for number in numbers)
        verdict = VERDICTS[line.verdict]
        cells = (line.name, measured, line.unit, baseline, goal, critical, verdict, str(line.samples), line.source)
        yield spreadsheet.line(cells)
    for incident in report.incidents:
        since, until = incident.since.isoformat(), incident.until.isoformat()
        reason = REASONS[incident.reason]
        yield spreadsheet.line(("Incidente", str(incident.minutes), "min", since, until, "", reason, "", ""))
