"""Make a second device for a person's logins in the admin, for ADMIN_OTP: `manage.py otp_device NAME`."""

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from notificacao import audit, checks
from notificacao.conf import conf
from notificacao.models import AuditEvent, Person


class Command(BaseCommand):
    help = "Cadastra um segundo fator (TOTP) e mostra o endereço a ler no aplicativo. O anterior deixa de valer."
    requires_system_checks = (checks.OURS,)

    def add_arguments(self, parser) -> None:
        parser.add_argument("username", metavar="NAME")

    def handle(self, *, username: str, **options) -> None:
        if not conf.ADMIN_OTP:
            raise CommandError("ADMIN_OTP=false: defina ADMIN_OTP=true e rode manage.py migrate.")
        from django_otp.plugins.otp_totp.models import TOTPDevice

        person = Person.named(username).first()
        if person is None:
            raise CommandError(f"Não há pessoa com o nome de usuário {username}.")
        with transaction.atomic():
            TOTPDevice.objects.filter(user=person).delete()
            device = TOTPDevice.objects.create(user=person, name="manage.py", confirmed=True)
            audit.record(AuditEvent.Action.ROLE_GIVEN, who="manage.py", to=person.public_id, given=["second device"])
        self.stdout.write(device.config_url)
