"""Tell why somebody received a notification, or did not: `manage.py why NOTIFICATION PERSON`."""

import uuid

from django.core.management.base import BaseCommand, CommandError

from notificacao import checks, texts, why
from notificacao.models import Notification, Person


class Command(BaseCommand):
    help = "Diz por que uma pessoa recebeu ou não uma notificação, e o que há registrado de ambas."
    requires_system_checks = (checks.OURS,)

    def add_arguments(self, parser) -> None:
        parser.add_argument("notification", type=uuid.UUID, help="o identificador da notificação")
        parser.add_argument("person", help="o nome de usuário da pessoa")

    def handle(self, *, notification: uuid.UUID, person: str, **options) -> None:
        row = Notification.objects.filter(public_id=notification).first()
        if row is None:
            raise CommandError(f"Não há notificação {notification}: copie o identificador da administração.")
        whom = Person.named(person).first()
        if whom is None:
            raise CommandError(f"Não há pessoa {person}: use o nome de usuário.")
        facts = why.gather(row, whom)
        verdict = why.judge(facts)
        self.stdout.write(verdict.sentence)
        if verdict.advice:
            self.stdout.write(verdict.advice)
        for step in why.timeline_of(facts):
            self.stdout.write(f"  {texts.to_the_second(step.at)}  {step.text}")
