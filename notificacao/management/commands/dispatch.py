"""Run a dispatcher as a process of its own: `manage.py dispatch`. Of any number one leads, the others stand by."""

import asyncio
import signal

import uvloop
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from notificacao import checks
from notificacao.conf import conf
from notificacao.server import beside, ending
from notificacao.server.runtime import runtime

ENDS_WITHIN = 10.0  # seconds; docs/operations.md lets a pod have 20


class Command(BaseCommand):
    help = "Carimba e despacha as notificações. Inicie quantos quiser: um lidera, os outros aguardam. SIGTERM encerra."
    requires_system_checks = (checks.OURS,)

    def run_from_argv(self, argv: list[str]) -> None:
        """Run as a process of its own, and leave at once when all is done."""
        super().run_from_argv(argv)
        ending.leave()

    def add_arguments(self, parser) -> None:
        parser.add_argument("--metrics-port", type=int, help="serve métricas, /health/live e /health/ready nesta porta")
        parser.add_argument("--metrics-host", default="127.0.0.1", help="endereço das métricas (padrão: 127.0.0.1)")

    def handle(self, *, metrics_port: int | None, metrics_host: str, **options) -> None:
        if connection.vendor == "sqlite":
            raise CommandError(
                "Com SQLite o despachante vive dentro do servidor (manage.py serve). "
                "Para tê-lo em um processo próprio, defina DATABASE_URL com um PostgreSQL."
            )
        self.stdout.write(conf.told)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            if metrics_port is not None:
                try:
                    beside.serve(metrics_host, metrics_port, runner.get_loop())
                except (OSError, OverflowError) as error:
                    raise CommandError(
                        f"Não é possível servir métricas em {metrics_host}:{metrics_port}: {error}."
                    ) from error
            runner.run(_until_told_to_end())


async def _until_told_to_end() -> None:
    """Dispatch until a signal comes; then end within ENDS_WITHIN, hard where it must be."""
    work = asyncio.create_task(runtime.dispatch(), name="dispatch")
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    signalled = asyncio.create_task(told.wait())
    await asyncio.wait([work, signalled], return_when=asyncio.FIRST_COMPLETED)
    ending.end_hard_after(ENDS_WITHIN)
    await ending.end_tasks(work, signalled)
    if work.done() and not work.cancelled():
        work.result()
