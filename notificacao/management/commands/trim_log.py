"""Delete what retention allows now, instead of at the dispatcher's next round: `manage.py trim_log`."""

import time

from django.core.management.base import BaseCommand, CommandError

from notificacao import checks, eventlog, retention
from notificacao.conf import conf

PAUSE = 0.1  # seconds between batches, in which others write


class Command(BaseCommand):
    help = "Apaga as notificações mais antigas que RETENTION_DAYS, com seus recibos. O despachante faz o mesmo sozinho."
    requires_system_checks = (checks.OURS,)

    def add_arguments(self, parser) -> None:
        parser.add_argument("--days", type=int, help="idade em dias, em vez de RETENTION_DAYS")
        parser.add_argument("--dry-run", action="store_true", help="só diz quantas seriam apagadas")

    def handle(self, *, days: int | None, dry_run: bool, **options) -> None:
        if days is not None and days < 1:
            raise CommandError("--days deve ser 1 ou mais.")
        if not (days or conf.RETENTION_DAYS):
            self.stdout.write("RETENTION_DAYS=0: nada é apagado.")
            return
        if dry_run:
            self.stdout.write(f"{retention.due(days)} notificações seriam apagadas")
            return
        trimmed = 0
        while batch := retention.trim(days):
            trimmed += batch
            time.sleep(PAUSE)
        self.stdout.write(f"{trimmed} notificações apagadas; o registro começa depois de {eventlog.head().trimmed_to}")
