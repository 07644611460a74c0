"""`manage.py serve` whose streams in standby wait for Ably without an end: what still comes down them was settled.

`python -m tests.faults.patient`
"""

import math
import os
import sys
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "semtas.settings")

import django
from django.core.management import execute_from_command_line

from tests.live.ably_server import AblyServer
from tests.live.site import Site


class Patient(Site):
    """It as a process."""

    def __init__(self, database: Path | str, ably: AblyServer | None = None, **settings: str):
        super().__init__(database, ably, **settings)
        self.command = [sys.executable, "-m", "tests.faults.patient", "--port", str(self.port)]


def main() -> None:
    django.setup()
    from notificacao.stream import standby

    standby.PATIENCE = math.inf
    execute_from_command_line(["manage.py", "serve", *sys.argv[1:]])


if __name__ == "__main__":
    main()
