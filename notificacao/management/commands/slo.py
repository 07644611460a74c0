"""Hold the last days against the plan's goals: `manage.py slo --days 30`."""

from argparse import ArgumentTypeError

from django.core.management.base import BaseCommand
from django.utils import timezone

from notificacao import checks, slo

MOST = 731  # days, for which figures are kept


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST:
        raise ArgumentTypeError(f"use um número de dias, de 1 a {MOST}")
    return int(text)


class Command(BaseCommand):
    help = "Compara os últimos dias com as metas do plano: cada número, de onde vem e de quantas amostras."
    requires_system_checks = (checks.OURS,)

    def add_arguments(self, parser) -> None:
        parser.add_argument("--days", type=_days, default=30, help="quantos dias, até o último minuto inteiro")
        parser.add_argument("--csv", action="store_true", help="em CSV, com incidentes")

    def handle(self, *, days: int, csv: bool, **options) -> None:
        report = slo.report(days)
        if csv:
            for line in slo.as_csv(report):
                self.stdout.write(line, ending="")
            return
        begin, end = (f"{timezone.localtime(at):%d/%m/%Y %H:%M}" for at in (report.since, report.until))
        self.stdout.write(f"De {begin} a {end}, {report.minutes} minutos com números.")
        for line in report.lines:
            measured = "sem amostras" if line.measured is None else f"{line.measured:.1f} {line.unit}"
            said = f"{slo.VERDICTS[line.verdict]} (antes {line.baseline:g}, meta {line.goal:g}, n={line.samples})"
            self.stdout.write(f"  {line.name}: {measured}: {said}; {line.source}")
        self.stdout.write(f"Minutos sem serviço: {report.down}; ainda cabem {report.budget_minutes:.1f}.")
        for incident in report.incidents:
            since, until = (f"{timezone.localtime(at):%d/%m %H:%M}" for at in (incident.since, incident.until))
            self.stdout.write(f"  {since} a {until}, {incident.minutes} min: {slo.REASONS[incident.reason]}")
