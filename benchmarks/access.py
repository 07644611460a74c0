"""Acts of staff that change many people's access: how long each takes, and how long the log stands still meanwhile."""

import argparse
import multiprocessing
import os
import subprocess
import sys
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

    with PostgresServer(fsync=False) as server:
        command = [sys.executable, "-m", "benchmarks.access", "--here"]
        command += ["--people", str(asked.people), "--units", str(asked.units)]
        key = "semtas.bench:" + "s" * 32  # nothing is sent there: no dispatcher runs
        environment = {**os.environ, "DATABASE_URL": server.create_database(), "DEBUG": "true", "ABLY_API_KEY": key}
        environment["DJANGO_SETTINGS_MODULE"] = "semtas.settings"
        subprocess.run(command, check=True, env=environment)


def measure(people: int, units: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from notificacao import access
    from notificacao.models import BenefitType, Unit

    call_command("migrate", verbosity=0)
    fill(people, units)
    benefit = BenefitType.objects.get()
    acts = {
        "a unit is deleted": Unit.objects.order_by("pk")[0].delete,
        "a unit comes": lambda: Unit.objects.create(code="NOVA", name="Nova"),
        "a benefit is taken off a unit": lambda: Unit.objects.order_by("pk")[0].benefits.remove(benefit),
        "all logins end": lambda: access.end_all_logins("bench", "bench"),
    }
    print(f"{people:,} people with a login each, {units} units, load {os.getloadavg()[0]:.1f}")
    print(f"{ROWS_A_SECOND} rows a second meanwhile, written and stamped by another process:")
    for name, act in acts.items():
        log = Log()
        log.wait_for_rows(10)
        began = time.perf_counter()
        act()
        took = time.perf_counter() - began
        log.wait_for_rows(10)
        log.stop()
        print(f"  {name:32} {took:6.2f} s   longest wait of a row for its stamp {max(log.waits) * 1000:6.0f} ms")


class Log:
    """Have rows written and stamped in a process of their own; `waits` are the seconds until each had its stamp."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        spawn = multiprocessing.get_context("spawn")  # a fork would share the connection to the database
        self._told, tells = spawn.Pipe(duplex=False)
        self._over = spawn.Event()
        self._process = spawn.Process(target=write_and_stamp, args=(tells, self._over), daemon=True)
        self._process.start()

    def wait_for_rows(self, count: int) -> None:
        """Wait until the log has all rows that came before, and `count` rows more."""
        while self._told.poll():
            self.waits.append(self._told.recv())
        self.waits += [self._told.recv() for _ in range(count)]

    def stop(self) -> None:
        self._over.set()
        self._process.join()


def write_and_stamp(tells, over) -> None:
    """Write rows one after the other, stamp each as the dispatcher does, and tell how long that took."""
    import django

    django.setup()
    from notificacao.dispatcher import changes, lease
    from notificacao.dispatcher.stamp import stamp
    from notificacao.models import Notification

    term = lease.hold("bench", None)
    while not over.is_set():
        began = time.perf_counter()
        Notification.objects.create(channel="system:notifications", title="t", message="m")
        while not stamp(lease.hold("bench", term)):
            pass
        changes.number(term)
        waited = time.perf_counter() - began
        tells.send(waited)
        time.sleep(max(0.0, 1 / ROWS_A_SECOND - waited))
    lease.release("bench")


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
