"""`manage.py runserver`: daphne's, with room for a storm: its 50 waiting connections make 300 take half a minute."""

from daphne.management.commands.runserver import Command as DaphneCommand
from daphne.server import Server as DaphneServer

from notificacao.server.serve import BACKLOG


class Server(DaphneServer):
    """`endpoints` are Twisted's descriptions, such as `tcp:port=8000:interface=127.0.0.1`."""

    def __init__(self, application, endpoints=(), **options):
        roomy = [f"{each}:backlog={BACKLOG}" if each.startswith("tcp:") else each for each in endpoints]
        super().__init__(application, endpoints=roomy, **options)


class Command(DaphneCommand):
    server_cls = Server
