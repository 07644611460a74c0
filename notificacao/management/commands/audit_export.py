"""Write the audit trail as CSV to standard output: `manage.py audit_export`."""

from datetime import UTC, date, datetime, time

from django.core.management.base import BaseCommand

from notificacao import audit, checks
from notificacao.models import AuditEvent


class Command(BaseCommand):
    help = "Escreve a auditoria em CSV na saída padrão, da mais antiga à mais nova. Datas em UTC."
    requires_system_checks = (checks.OURS,)

    def add_arguments(self, parser) -> None:
        parser.add_argument("--since", type=date.fromisoformat, help="a partir deste dia, AAAA-MM-DD")
        parser.add_argument("--until", type=date.fromisoformat, help="até este dia, inclusive")
        parser.add_argument("--action", choices=AuditEvent.Action.values, help="somente isto")

    def handle(self, *, since: date | None, until: date | None, action: str | None, **options) -> None:
        events = AuditEvent.objects.order_by("pk")
        if since:
            events = events.filter(at__gte=datetime.combine(since, time.min, UTC))
        if until:
            events = events.filter(at__lte=datetime.combine(until, time.max, UTC))
        if action:
            events = events.filter(action=action)
        for line in audit.as_csv(events.iterator()):
            self.stdout.write(line, ending="")
        audit.record(AuditEvent.Action.AUDIT_EXPORTED, who="manage.py", console=audit.this_console())
