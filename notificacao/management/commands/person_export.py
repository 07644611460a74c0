"""Write all that is stored of one person as JSON to standard output: `manage.py person_export NAME`."""

import json

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder

from notificacao import checks, data_subject
from notificacao.models import Person


class Command(BaseCommand):
    help = "Escreve em JSON tudo o que está guardado de uma pessoa. Fica na auditoria."
    requires_system_checks = (checks.OURS,)

    def add_arguments(self, parser) -> None:
        parser.add_argument("username", metavar="NAME")

    def handle(self, *, username: str, **options) -> None:
        person = Person.named(username).first()
        if person is None:
            raise CommandError(f"Não há pessoa com o nome de usuário {username}.")
        found = data_subject.export(person, by="manage.py")
        self.stdout.write(json.dumps(found, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2))
