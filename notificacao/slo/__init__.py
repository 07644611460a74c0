"""Hold the last days against the plan's goals: `report`, and how it is told (`VERDICTS`, `REASONS`, `as_csv`)."""

from notificacao.slo.file import VERDICTS, as_csv
from notificacao.slo.goals import REASONS, Incident, Line, Report, report

__all__ = ["REASONS", "VERDICTS", "Incident", "Line", "Report", "as_csv", "report"]
