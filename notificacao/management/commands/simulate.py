"""Send a stream of believable notifications, for a demonstration or a load test: `manage.py simulate`."""

import random
import time
from contextlib import suppress

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from notificacao import checks, services
from notificacao.content import InactiveUnit, Notice
from notificacao.demo import alarm, simulation


class Command(BaseCommand):
    help = "Envia notificações plausíveis às pessoas e unidades do banco, até --count, Ctrl-C ou SIGTERM."
    requires_system_checks = (checks.OURS,)

    def add_arguments(self, parser) -> None:
        parser.add_argument("--rate", type=float, default=1.0, help="notificações por segundo (padrão: 1)")
        parser.add_argument("--count", type=int, help="quantas enviar (padrão: até ser interrompido)")
        parser.add_argument("--seed", type=int, help="a mesma semente repete a mesma sequência")

    def handle(self, *, rate: float, count: int | None, seed: int | None, **options) -> None:
        if not 0 < rate < float("inf"):
            raise CommandError("--rate deve ser maior que zero.")
        if count is not None and count <= 0:
            raise CommandError("--count deve ser maior que zero.")
        if seed is None:
            seed = random.randrange(1_000_000)  # noqa: S311 - a story, not a secret
        try:
            cast = simulation.Cast.from_database()
        except simulation.NothingToSimulate as error:
            raise CommandError(str(error)) from error
        self._say(f"{rate:g} por segundo; para repetir esta sequência: --seed {seed}")
        story = simulation.Story(cast, seed, timezone.localdate())
        with simulation.StopSignals() as signals:
            pace = simulation.Pace(rate, clock=time.monotonic, wait=signals.wait)
            sent = simulation.run(story, pace, send=_send, limit=count, progress=self._progress)
        self._say(f"{sent} notificações enviadas")

    def _progress(self, sent: int) -> None:
        self._say(f"… {sent} até agora")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


@transaction.atomic
def _send(notice: Notice) -> None:
    with suppress(InactiveUnit):  # the story goes on without a unit that was deactivated meanwhile
        services.notify_many([notice])
        alarm.record_what_is_behind([notice])
