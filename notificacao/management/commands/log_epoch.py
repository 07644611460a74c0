"""Show the log's epoch and head, or begin a new epoch after a restore (`--renew`): `manage.py log_epoch`."""

from django.core.management.base import BaseCommand

from notificacao import checks, epoch, eventlog


class Command(BaseCommand):
    help = (
        "Mostra a época do registro. Depois de restaurar o banco de dados, use --renew: "
        "todas as páginas abertas buscam a caixa de novo."
    )
    requires_system_checks = (checks.OURS,)

    def add_arguments(self, parser) -> None:
        parser.add_argument("--renew", action="store_true", help="dá ao registro uma nova época, sem perguntar")
        parser.add_argument("--reason", default="log_epoch --renew", help="por quê; fica no log")

    def handle(self, *, renew: bool, reason: str, **options) -> None:
        if renew:
            before, after = epoch.renew(reason)
            self.stdout.write(f"antes: {before}\ndepois: {after}")
            return
        head = eventlog.head()
        self.stdout.write(
            f"época: {head.epoch}\núltima posição: {head.seq}\napagado até: {head.trimmed_to}\nlugar: {head.home}"
        )
