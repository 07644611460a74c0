"""Run the whole system in one process, under uvicorn: `manage.py serve`."""

import errno

from django.core.management.base import BaseCommand, CommandError

from notificacao.conf import conf
from notificacao.database import ServedAlready, served_here_alone
from notificacao.server import serve as server


class Command(BaseCommand):
    help = "Serve o sistema: páginas, API, stream e, embutido, o despachante. Ctrl-C ou SIGTERM encerra."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="endereço em que escuta (padrão: 127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="porta; 0 escolhe uma livre (padrão: 8000)")

    def handle(self, *, host: str, port: int, **options) -> None:
        self.stdout.write(conf.told)
        try:
            with self._listen(host, port) as listener, served_here_alone():
                address = server.address_of(listener)
                server.Server(server.configuration(), up=lambda: self._say(address)).run(sockets=[listener])
        except ServedAlready as served:
            raise CommandError(
                f"Outro processo já serve o banco {served}: com SQLite há um só. "
                "Para ter vários, defina DATABASE_URL com um PostgreSQL."
            ) from served

    def _listen(self, host: str, port: int):
        try:
            return server.listen(host, port)
        except OverflowError as error:
            raise CommandError(f"A porta {port} não existe: use --port de 0 a 65535.") from error
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise CommandError(f"A porta {port} já está em uso: escolha outra com --port.") from error
            raise CommandError(f"Não é possível escutar em {host}:{port}: {error.strerror or error}.") from error

    def _say(self, address: str) -> None:
        self.stdout.write(f"No ar em {address} (Ctrl-C encerra)")
        self.stdout.flush()
