"""Make units, people and a flag at half, to try the system with: `manage.py demo`."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from notificacao import checks
from notificacao.conf import conf
from notificacao.demo import day as simulated_day
from notificacao.demo import people as demo

ROW = "{:<8} {:<13} {:<36} {}"


class Command(BaseCommand):
    help = "Cria unidades, benefícios e pessoas de demonstração. Pode ser executado de novo: nada é desfeito."
    requires_system_checks = (checks.OURS,)

    def add_arguments(self, parser) -> None:
        parser.add_argument("--day", action="store_true", help="põe também um dia de números e alertas antes de agora")
        parser.add_argument("--force", action="store_true", help="executa mesmo com DEBUG desligado")

    def handle(self, *, force: bool, day: bool, **options) -> None:
        if not settings.DEBUG and not force:
            raise CommandError(
                "DEBUG está desligado, e as senhas de demonstração são fracas e conhecidas: "
                "para criá-las mesmo assim, use --force."
            )
        cast = demo.prepare()
        self.stdout.write(ROW.format("login", "senha", "quem é", "transporte"))
        for login in demo.LOGINS:
            self.stdout.write(self._row(login, cast))
        if not conf.ably_configured:
            self.stdout.write("Sem ABLY_API_KEY, todos recebem por SSE.")
        if cast.sent:
            self.stdout.write(f"{cast.sent} notificações enviadas")
        if day:
            self.stdout.write(f"{simulated_day.fill()} minutos de números")

    def _row(self, login: demo.Login, cast: demo.Cast) -> str:
        person = cast.people[login.username]
        password = demo.PASSWORD if person.check_password(demo.PASSWORD) else "(alterada)"
        who = f"{person.get_full_name()}, {login.role.label}" + (f" {login.unit}" if login.unit else "")
        return ROW.format(login.username, password, who, "Ably" if cast.flag.includes(person.pk) else "SSE")
