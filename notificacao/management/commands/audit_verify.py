"""Verify the audit trail's chain: `manage.py audit_verify`. It ends with an error where something was tampered with."""

from django.core.management.base import BaseCommand, CommandError

from notificacao import audit_chain, checks


class Command(BaseCommand):
    help = "Confere a corrente da auditoria: eventos alterados, eliminados ou acrescentados por fora aparecem."
    requires_system_checks = (checks.OURS,)

    def add_arguments(self, parser) -> None:
        parser.add_argument(
            "--kept",
            nargs=2,
            metavar=("POSIÇÃO", "HASH"),
            help="último elo que um comando anterior mostrou: também ele há de estar na corrente",
        )

    def handle(self, *, kept: list[str] | None, **options) -> None:
        found = audit_chain.verify(_place(*kept) if kept else None)
        self.stdout.write(f"{found.linked} eventos na corrente, {found.waiting} à espera.")
        self.stdout.write(f"Último elo: posição {found.position}, {found.hash or 'sem hash'}. Guarde-o em outro lugar.")
        if found.faults:
            raise CommandError("\n".join(["A auditoria foi mexida:", *found.faults[:20]]))


def _place(position: str, known: str) -> tuple[int, str]:
    if not position.isdecimal():
        raise CommandError(f"{position!r} não é uma posição: use o número que o comando mostrou.")
    return int(position), known
