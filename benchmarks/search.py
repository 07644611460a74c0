"""The inbox's text search: one person with 50,000 rows, of which the newest are looked through; on either database."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

WORDS = {"a common word": "solicitação", "a rare word": "agulha", "no such word": "inexistente"}
ROWS = 50_000


def main() -> None:
    """Runs itself once on each database: Django knows one a process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.here:
        return measure(asked.rows)
    from tests.live.postgres import PostgresServer

    with tempfile.TemporaryDirectory() as folder, PostgresServer(fsync=False) as server:
        for url in (f"sqlite:///{Path(folder) / 'search.sqlite3'}", server.create_database()):
            command = [sys.executable, "-m", "benchmarks.search", "--here", "--rows", str(asked.rows)]
            subprocess.run(command, check=True, env={**os.environ, "DATABASE_URL": url, "DEBUG": "true"})


def measure(rows: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from notificacao.models import Person
    from notificacao.reading import Filter, Reader

    call_command("migrate", verbosity=0)
    ana = Person.objects.create_user("ana", password=None)
    write(ana, rows)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    print(f"{connection.vendor}, {rows:,} rows of one person, a page of 50, median of 3:")
    for name, text in WORDS.items():
        took = []
        for _ in range(3):
            start = time.perf_counter()
            found = len(Reader(ana).inbox(Filter(search=text)).order_by("-seq")[:51])
            took.append(time.perf_counter() - start)
        print(f"  {name:14} {found:3} found  {median(took) * 1000:6.0f} ms")


def write(person, rows: int) -> None:
    from notificacao.audiences import channel_for_user
    from notificacao.models import LogHead, Notification

    def row(seq: int) -> Notification:
        needle = " agulha" if seq == 1 else ""
        message = (
            f"A solicitação SOL-{seq:06} está sob sua responsabilidade: verifique os documentos até amanhã.{needle}"
        )
        content = {"title": f"Solicitação SOL-{seq:06} atribuída", "message": message}
        return Notification(
            channel=channel_for_user(person), seq=seq, prev_seq=seq - 1, dispatch_state="skipped", **content
        )

    Notification.objects.bulk_create((row(seq) for seq in range(1, rows + 1)), batch_size=1000)
    LogHead.objects.update(seq=rows)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "semtas.settings")
    main()
