"""Run a dispatcher as a process of its own: `manage.py dispatch`. Of any number one leads, the others stand by."""

import asyncio
import signal

import uvloop
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from prometheus_client import start_http_server

from notificacao.server import runtime


class Command(BaseCommand):
    help = "Carimba e despacha as notificações. Inicie quantos quiser: um lidera, os outros aguardam. SIGTERM encerra."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--metrics-port", type=int, help="serve as métricas do Prometheus nesta porta")
        parser.add_argument("--metrics-host", default="127.0.0.1", help="endereço das métricas (padrão: 127.0.0.1)")

    def handle(self, *, metrics_port: int | None, metrics_host: str, **options) -> None:
        if connection.vendor == "sqlite":
            raise CommandError(
                "Com SQLite o despachante vive dentro do servidor (manage.py serve). "
                "Para tê-lo em um processo próprio, defina DATABASE_URL com um PostgreSQL."
            )
        if metrics_port is not None:
            try:
                start_http_server(metrics_port, addr=metrics_host)
            except (OSError, OverflowError) as error:
                raise CommandError(
                    f"Não é possível servir métricas em {metrics_host}:{metrics_port}: {error}."
                ) from error
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_until_told_to_end())


async def _until_told_to_end() -> None:
    work = asyncio.create_task(runtime.dispatch())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, work.cancel)
    await asyncio.wait([work])
    if not work.cancelled():
        work.result()
