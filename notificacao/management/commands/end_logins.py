"""End all logins, and make all tokens and channels' keys worthless: `manage.py end_logins`."""

from django.core.management.base import BaseCommand, CommandError

from notificacao import access, checks
from notificacao.conf import conf


class Command(BaseCommand):
    help = (
        "Encerra todos os logins, retira todos os tokens do Ably e renova as chaves de todos os canais. Para quando se "
        "suspeita que um segredo vazou."
    )
    requires_system_checks = (checks.OURS,)

    def add_arguments(self, parser) -> None:
        parser.add_argument("--reason", required=True, help="por quê; fica na auditoria")

    def handle(self, *, reason: str, **options) -> None:
        if not reason.strip():
            raise CommandError("Diga o motivo.")
        logins = access.end_all_logins("manage.py", reason.strip())
        self.stdout.write(f"Logins encerrados: {logins}. Todos precisam entrar de novo.")
        if conf.ably_configured and not conf.ABLY_KEY_REVOCABLE:
            self.stdout.write(
                f"Os tokens desta chave do Ably não podem ser retirados: valem ainda por {conf.ABLY_TOKEN_TTL} s, ou "
                "até que a chave seja revogada no painel do Ably."
            )
