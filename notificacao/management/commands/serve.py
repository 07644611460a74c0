"""Run the whole system in one process, under uvicorn: `manage.py serve`."""

import errno
import io

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from notificacao.conf import conf
from notificacao.database import ServedAlready, served_here_alone
from notificacao.server import ending
from notificacao.server import serve as server


class Command(BaseCommand):
    help = "Serve o sistema: páginas, API, stream e, embutido, o despachante. Ctrl-C ou SIGTERM encerra."

    def run_from_argv(self, argv: list[str]) -> None:
        """Run as a process of its own, and leave at once when all is done."""
        super().run_from_argv(argv)
        ending.leave()

    def add_arguments(self, parser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="endereço em que escuta (padrão: 127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="porta; 0 escolhe uma livre (padrão: 8000)")

        parser.add_argument(
            "--demo", action="store_true", help="cria antes os dados de demonstração e mostra os logins"
        )

    def handle(self, *, host: str, port: int, demo: bool = False, **options) -> None:
        self.stdout.write(conf.told)
        logins = self._prepare_demo() if demo else ""
        try:
            with self._listen(host, port) as listener, served_here_alone():
                address = server.address_of(listener)
                server.Server(server.configuration(), up=lambda: self._say(address, logins)).run(sockets=[listener])
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

    def _prepare_demo(self) -> str:
        """Make what the demonstration lacks, and return its table of logins, to be shown once the site is up."""
        output = io.StringIO()
        call_command("demo", stdout=output)
        return output.getvalue()

    def _say(self, address: str, logins: str) -> None:
        self.stdout.write(f"No ar em {address} (Ctrl-C encerra)")
        if logins:
            self.stdout.write(logins)
        self.stdout.flush()
