"""Acts of staff that change many people's access: how long each takes, and how long the log stands still meanwhile."""

import argparse
import os
import subprocess
import sys
import threading
import time

ROWS_A_SECOND = 50


def main() -> None:
    """Start PostgreSQL, and run this module once more on it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--units", type=int, default=500)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.here:
        return measure(asked.people, asked.units)
    from tests.live.postgres import PostgresServer
    from tests.live.site import DispatcherProcess

    with PostgresServer(fsync=False) as server:
        database = server.create_database()
        command = [sys.executable, "-m", "benchmarks.access", "--here"]
        command += ["--people", str(asked.people), "--units", str(asked.units)]
        key = "semtas.bench:" + "s" * 32  # nothing is sent there: the dispatcher has none
        environment = {**os.environ, "DATABASE_URL": database, "DEBUG": "true", "ABLY_API_KEY": key}
        environment["DJANGO_SETTINGS_MODULE"] = "semtas.settings"
        manage = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(manage, check=True, env=environment)
        with DispatcherProcess(database, WAKES="false", DISPATCH_POLL="0.01"):
            subprocess.run(command, check=True, env=environment)


def measure(people: int, units: int) -> None:
    import django

    django.setup()
    from notificacao import access
    from notificacao.models import BenefitType, Unit

    fill(people, units)
    benefit = BenefitType.objects.get()
    acts = {
        "a unit is deleted": Unit.objects.order_by("pk")[0].delete,
        "a unit comes": lambda: Unit.objects.create(code="NOVA", name="Nova"),
        "a benefit is taken off a unit": lambda: Unit.objects.order_by("pk")[0].benefits.remove(benefit),
        "all logins end": lambda: access.end_all_logins("bench", "bench"),
    }
    print(f"{people:,} people with a login each, {units} units, {ROWS_A_SECOND} rows a second meanwhile:")
    for name, act in acts.items():
        log = Log()
        log.start()
        log.wait_for_rows(10)
        began = time.perf_counter()
        act()
        took = time.perf_counter() - began
        log.wait_for_rows(10)
        log.stop()
        print(f"  {name:32} {took:6.2f} s   longest wait of a row for its stamp {log.longest_wait() * 1000:6.0f} ms")


class Log(threading.Thread):
    """Write rows one after the other, which the dispatcher, another process, stamps."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._written: list[int] = []
        self._over = False

    def run(self) -> None:
        from django.db import connection

        from notificacao.models import Notification

        while not self._over:
            row = Notification.objects.create(channel="system:notifications", title="t", message="m")
            self._written.append(row.pk)
            time.sleep(1 / ROWS_A_SECOND)
        connection.close()

    def wait_for_rows(self, count: int) -> None:
        seen = len(self._written)
        while len(self._written) < seen + count:
            time.sleep(0.01)

    def stop(self) -> None:
        self._over = True
        self.join()

    def longest_wait(self) -> float:
        """Return the seconds from a row's INSERT to its stamp, by the database's clock, once all are stamped."""
        from notificacao.models import Notification

        rows = Notification.objects.filter(pk__in=self._written)
        while rows.filter(stamped_at=None).exists():
            time.sleep(0.01)
        return max((row.stamped_at - row.created_at).total_seconds() for row in rows)


def fill(people: int, units: int) -> None:
    """Make the units, all with one benefit, their coordinators and staff, a login each, and each person's channel."""
    from benchmarks.people import log_everybody_in
    from notificacao import audiences
    from notificacao.models import BenefitType, Channel, Membership, Person, Role, Unit

    log_everybody_in(people)
    benefit = BenefitType.objects.create(slug="aluguel-social", name="Aluguel social")
    benefit.units.set(Unit.objects.bulk_create([Unit(code=f"B{n}", name=f"Unidade B{n}") for n in range(units - 10)]))
    benefit.units.add(*Unit.objects.all()[:10])
    everybody = list(Person.objects.order_by("pk"))
    managers = [Membership(person=person, role=Role.GESTOR) for person in everybody[:200]]
    coordinators = [
        Membership(person=person, role=Role.COORDENADOR, unit=unit)
        for person, unit in zip(everybody[200:], Unit.objects.all(), strict=False)
    ]
    Membership.objects.bulk_create([*managers, *coordinators], batch_size=1_000)
    names = [audiences.channel_for_user(person) for person in everybody]
    names += [audiences.channel_for_unit(unit) for unit in Unit.objects.all()]
    Channel.objects.bulk_create([Channel(name=name) for name in names], batch_size=1_000)


if __name__ == "__main__":
    main()
