"""`manage.py dispatch` whose guard looks each second and counts what is three seconds old; the time of grace is whole.

`python -m tests.faults.hurried`
"""

import os
import sys
from datetime import timedelta

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "semtas.settings")

import django
from django.core.management import execute_from_command_line

from tests.live.site import DispatcherProcess


class Hurried(DispatcherProcess):
    """It as a process."""

    def __init__(self, database: str, **settings: str):
        super().__init__(database, **settings)
        self.command = [sys.executable, "-m", "tests.faults.hurried"]


def main() -> None:
    django.setup()
    from notificacao.rollout import guard

    guard.LOOK_EVERY = 1.0  # before any other module takes it over
    from notificacao.rollout.guard import counting

    counting.RIPE_AFTER = timedelta(seconds=3)
    execute_from_command_line(["manage.py", "dispatch"])


if __name__ == "__main__":
    main()
