"""Verify the audit trail's chain: `manage.py audit_verify`. It ends with an error where something was tampered with."""

from django.core.management.base import BaseCommand, CommandError

from notificacao import audit_chain


class Command(BaseCommand):
    help = "Confere a corrente da auditoria: eventos alterados, eliminados ou acrescentados por fora aparecem."

    def handle(self, **options) -> None:
        found = audit_chain.verify()
        self.stdout.write(f"{found.linked} eventos na corrente, {found.waiting} à espera.")
        self.stdout.write(f"Último elo: posição {found.position}, {found.hash or 'sem hash'}. Guarde-o em outro lugar.")
        if found.faults:
            raise CommandError("\n".join(["A auditoria foi mexida:", *found.faults[:20]]))
