"""A producer of notifications in a process of its own. Each row says in its link when it was asked for."""

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import count, cycle, islice
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "semtas.settings")

from benchmarks.crowd import MARK

TITLE = f"Medida {MARK.decode()}"
MESSAGE = "m" * 200


Asked = Sequence[tuple[str, str]]  # (channel, priority) of each row


def create(asked: Asked, link: str) -> None:
    """The ORM alone: one row, one commit, and the wake by signal."""
    from notificacao.models import Notification

    for channel, priority in asked:
        Notification.objects.create(channel=channel, title=TITLE, message=MESSAGE, link=link, priority=priority)


def notify_many(asked: Asked, link: str) -> None:
    from notificacao import services
    from notificacao.content import Notice

    services.notify_many(
        [
            # The moment in the link may look like somebody's number.
            Notice.of(personal_data_allowed=True, channels=(c,), title=TITLE, message=MESSAGE, link=link, priority=p)
            for c, p in asked
        ]
    )


@dataclass
class Produced:
    """What became of the calls: `calls`, the seconds that each took; `begun`, `[began, late]` of each.

    `began` is the machine's monotonic clock in nanoseconds, which all its processes share: the number in the links of
    the call's rows. `late` are seconds after the moment at which the call was due. `until`: seconds from the beginning
    to the last call.
    """

    calls: list[float] = field(default_factory=list)
    begun: list[tuple[int, float]] = field(default_factory=list)
    until: float = 0.0


def produce(
    channels: Sequence[str], batch: int, rate: float, seconds: float, priorities: Sequence[str] = ("normal",)
) -> Produced:
    """`rate` rows a second, evenly, or where it is 0 as fast as it goes."""
    write = create if batch == 1 else notify_many
    everybody = zip(cycle(channels), cycle(priorities), strict=False)
    done = Produced()
    begun = time.perf_counter()
    for number in count():
        due = begun + number * batch / rate if rate else time.perf_counter()
        if due >= begun + seconds:
            return done
        time.sleep(max(0.0, due - time.perf_counter()))
        at = time.perf_counter_ns()
        write(list(islice(everybody, batch)), f"/{at}")
        done.calls.append(time.perf_counter() - at / 1e9)
        done.begun.append((at, max(0.0, at / 1e9 - due)))
        done.until = at / 1e9 - begun


def warm_up() -> None:
    """What only the first call of a process does: modules, and the connection to the database."""
    from django.db import connection

    from notificacao import services  # noqa: F401

    connection.ensure_connection()


def main() -> None:
    """Prints what `Produced` has as JSON, and `on_core`, the seconds of processor time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("channels", type=Path, help="a file with their names, one a line")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--priorities", default="normal", help="in turns, with commas between them")
    options = parser.parse_args()
    import django

    django.setup()
    channels = options.channels.read_text().split()
    warm_up()
    before = time.process_time()
    done = produce(channels, options.batch, options.rate, options.seconds, options.priorities.split(","))
    print(json.dumps({**asdict(done), "on_core": time.process_time() - before}))


if __name__ == "__main__":
    main()
