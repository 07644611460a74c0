"""Inbox, list, catch-up and counts of people with few channels and with thousands; on either database."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

PEOPLE, UNITS, ROWS = 20_000, 3_000, 200_000


def main() -> None:
    """Run itself once on each database: Django knows one a process."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, number in (("people", PEOPLE), ("units", UNITS), ("rows", ROWS)):
        parser.add_argument(f"--{name}", type=int, default=number)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.here:
        return measure(asked)
    from tests.live.postgres import PostgresServer

    with tempfile.TemporaryDirectory() as folder, PostgresServer(fsync=False) as server:
        for url in (server.create_database(), f"sqlite:///{Path(folder) / 'reach.sqlite3'}"):
            command = [sys.executable, "-m", "benchmarks.reach", *sys.argv[1:], "--here"]
            subprocess.run(command, check=True, env={**os.environ, "DATABASE_URL": url, "DEBUG": "false"})


def measure(asked) -> None:
    """Write the log, and print how long each look of each person takes."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    if os.environ.get("KEPT") != "1":
        write(asked)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    size = f"{asked.people:,} people, {asked.units:,} units, {asked.rows:,} rows"
    print(f"{connection.vendor}: {size}; ms, median of 7, or of what 20 s allow")
    looks = looks_at(asked.rows)
    print(f"  {'':34}" + "".join(f"{name:>12}" for name in looks))
    from notificacao.models import Person

    for username, who in (
        ("p7", "one channel of their own"),
        ("ana", "one unit"),
        ("gil", "every unit, by the role"),
        ("eva", "40 units, each from another place"),
        ("dora", "every unit, each from another place"),
    ):
        person = Person.objects.get(username=username)
        print(f"  {who:34}" + "".join(f"{timed(look, person):>12}" for look in looks.values()), flush=True)


def looks_at(rows: int) -> dict:
    """Return the looks, by their names."""
    from notificacao import eventlog, reading
    from notificacao.api.session import describe
    from notificacao.eventlog import Cursor
    from notificacao.reading import Filter, Reader

    epoch = eventlog.position().epoch

    def catch_up(person, seq):
        return eventlog.read_after(Cursor(epoch, seq), Reader(person).channels, 100)

    return {
        "inbox": lambda person: list(Reader(person).inbox().order_by("-seq")[:31]),
        "unread": lambda person: list(Reader(person).inbox(Filter(unread=True)).order_by("-seq")[:31]),
        "archive": lambda person: list(Reader(person).inbox(Filter(archived=True)).order_by("-seq")[:31]),
        "search": lambda person: list(Reader(person).inbox(Filter(search="agulha")).order_by("-seq")[:31]),
        "catch-up, 0": lambda person: catch_up(person, 0),
        "…, the last": lambda person: catch_up(person, rows - 200),
        "count": reading.unread_of,
        "session": lambda person: describe(person, "sessao"),
    }


def timed(look, person) -> str:
    """Return the median time in ms, or the name of the error."""
    took: list[float] = []
    while len(took) < 7 and sum(took) < 20:
        start = time.perf_counter()
        try:
            look(person)
        except Exception as error:
            return type(error).__name__[:11]
        took.append(time.perf_counter() - start)
    return f"{median(took) * 1000:.1f}"


def write(asked) -> None:
    """Write people, units, memberships and a log: of a hundred rows sixty are for one person, one for all."""
    from notificacao import audiences
    from notificacao.models import Channel, LogHead, Membership, Notification, Person, ReadMark, Role, Unit

    names = [*(f"p{number}" for number in range(asked.people)), "ana", "gil", "eva", "dora"]
    people = Person.objects.bulk_create((Person(username=name) for name in names), batch_size=1_000)
    *crowd, ana, gil, eva, dora = people
    units = Unit.objects.bulk_create(
        Unit(code=f"U{place}", name=f"Unidade {place}", kind=Unit.Kind.OUTRO) for place in range(asked.units)
    )
    Membership.objects.bulk_create(
        [
            *(
                Membership(person=person, role=Role.TECNICO, unit=units[place % 500])
                for place, person in enumerate([ana, *crowd[asked.people // 2 :]])
            ),
            *(Membership(person=dora, role=Role.TECNICO, unit=unit) for unit in units),
            *(Membership(person=eva, role=Role.TECNICO, unit=unit) for unit in units[::75]),
            Membership(person=gil, role=Role.GESTOR),
        ],
        batch_size=1_000,
    )
    for person in (dora, eva):
        held = list(person.memberships.order_by("pk"))
        for place, membership in enumerate(held):
            membership.since = place * asked.rows // len(held)
        Membership.objects.bulk_update(held, ["since"], batch_size=500)
    own, shared = ([name(each) for each in of] for name, of in (
        (audiences.channel_for_user, [*crowd, ana, gil, eva, dora]), (audiences.channel_for_unit, units)
    ))  # fmt: skip

    def row(seq: int) -> Notification:
        channel = own[seq % len(own)] if seq % 10 < 6 else shared[seq * 7 % len(shared)]
        return Notification(
            channel=audiences.SYSTEM_CHANNEL if seq % 100 == 99 else channel,
            seq=seq,
            prev_seq=seq - 1,
            dispatch_state="skipped",
            title=f"Solicitação SOL-{seq:06}",
            message=f"A solicitação SOL-{seq:06} está sob sua responsabilidade: verifique os documentos até amanhã.",
        )

    Notification.objects.bulk_create((row(seq) for seq in range(1, asked.rows + 1)), batch_size=1_000)
    Channel.objects.bulk_create((Channel(name=name, head=asked.rows) for name in [*own, *shared]), batch_size=1_000)
    LogHead.objects.update(seq=asked.rows)
    ReadMark.objects.bulk_create(
        ReadMark(person=ana, channel=name, seq=asked.rows * 9 // 10) for name in audiences.channels_of([ana.pk])[ana.pk]
    )


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "semtas.settings")
    main()
