"""Run daphne's development server with a longer queue: `manage.py runserver`.

Its own queue holds 50 waiting connections, with which 300 that come at once take half a minute.
"""

from daphne.management.commands.runserver import Command as DaphneCommand
from daphne.server import Server as DaphneServer

from notificacao.server.serve import BACKLOG


class Server(DaphneServer):
    """Hold BACKLOG waiting connections; `endpoints` are Twisted's, such as `tcp:port=8000:interface=127.0.0.1`."""

    def __init__(self, application, endpoints=(), **options):
        roomy = [f"{each}:backlog={BACKLOG}" if each.startswith("tcp:") else each for each in endpoints]
        super().__init__(application, endpoints=roomy, **options)


class Command(DaphneCommand):
    server_cls = Server
