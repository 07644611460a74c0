"""Migrate as Django does, and on PostgreSQL give way to whoever holds a table: `manage.py migrate`.

A migration that waited behind somebody's long transaction, such as a dump, would hold up all who came after it.
"""

import contextlib
from collections.abc import Iterator

import stamina
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from semtas.postgresql import locks

PATIENCE = 300.0  # seconds


class Command(migrate.Command):
    def add_arguments(self, parser) -> None:
        super().add_arguments(parser)
        told = "por quantos segundos tenta de novo, no PostgreSQL, enquanto outra sessão segura uma tabela"
        parser.add_argument("--patience", type=float, default=PATIENCE, help=f"{told}; padrão: {PATIENCE:g}")

    def handle(self, *args, patience: float, **options) -> None:
        """Try until each lock was had. Raises CommandError once `patience` seconds are over."""
        connection = connections[options["database"]]
        if connection.vendor != "postgresql":
            super().handle(*args, **options)
            return
        try:
            for attempt in stamina.retry_context(
                locks.was_refused, attempts=None, timeout=patience, wait_initial=1, wait_max=30, wait_jitter=0
            ):
                with attempt, self._tell_who_is_there(connection), locks.bounded(connection):
                    super().handle(*args, **options)
        except OperationalError as error:
            if not locks.was_refused(error):
                raise
            raise CommandError(
                "Outra sessão não soltou a tabela. A migração acima foi desfeita por inteiro, as anteriores ficam. "
                "Rode de novo quando aquela sessão terminar."
            ) from error

    @contextlib.contextmanager
    def _tell_who_is_there(self, connection: BaseDatabaseWrapper) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            if locks.was_refused(error):
                there = (f"{pid} {name} ({age} s)" for pid, name, age in locks.oldest_transactions(connection))
                self.stderr.write(f"\nA tabela está presa. Sessões há mais tempo em transação: {', '.join(there)}")
            raise
