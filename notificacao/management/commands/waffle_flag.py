"""List the flags, in the place of waffle's own command: `manage.py waffle_flag`.

That one would reset whatever it is not told, without a record.
"""

from django.core.management.base import BaseCommand, CommandError

from notificacao import checks
from notificacao.models import RolloutFlag

REFUSED = (
    "waffle_flag não altera a chave: apagaria campos e não deixaria registro. Use manage.py rollout (ou, no admin, a "
    "página da chave)."
)
_SWITCHES = ("everyone", "deactivate", "superusers", "staff", "authenticated", "rollout", "testing", "create", "append")
_VALUES = ("percent", "group", "user")


class Command(BaseCommand):
    help = "Mostra as chaves (--list). Não as altera: use manage.py rollout."
    requires_system_checks = (checks.OURS,)

    def add_arguments(self, parser) -> None:
        parser.add_argument("name", nargs="*")
        parser.add_argument("-l", "--list", action="store_true", dest="list_flags")
        for name in _SWITCHES:
            parser.add_argument(f"--{name}", action="store_true")
        for name in _VALUES:
            parser.add_argument(f"-{name[0]}", f"--{name}", action="append")

    def handle(self, *, list_flags: bool, **options) -> None:
        if not list_flags:
            raise CommandError(REFUSED)
        for flag in RolloutFlag.objects.order_by("name"):
            self.stdout.write(f"{flag.name}: everyone={flag.everyone}, percent={flag.percent}")
