"""Tell what would be erased of one person, or with `--yes` erase it: `manage.py person_erase NAME`."""

from django.core.management.base import BaseCommand, CommandError

from notificacao import checks, data_subject
from notificacao.models import Person


class Command(BaseCommand):
    help = "Elimina os dados de uma pessoa: o que só ela recebeu, leitura, funções, sessões, nome. Não há volta."
    requires_system_checks = (checks.OURS,)

    def add_arguments(self, parser) -> None:
        parser.add_argument("username", metavar="NAME")
        parser.add_argument("--yes", action="store_true", help="elimina; sem isto só diz o que seria eliminado")

    def handle(self, *, username: str, yes: bool, **options) -> None:
        person = Person.named(username).first()
        if person is None:
            raise CommandError(f"Não há pessoa com o nome de usuário {username}.")
        for name, count in data_subject.to_erase(person).items():
            self.stdout.write(f"{name}: {count}")
        if yes:
            data_subject.erase(person, by="manage.py")
            self.stdout.write(f"Eliminada. Na auditoria ela é {person.public_id}.")
        else:
            self.stdout.write("Nada foi eliminado: confira e repita com --yes.")
