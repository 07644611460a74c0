"""Put a believable day of figures behind this moment, with an hour in which Ably was out of use, to show the pages."""

import math
import random
from datetime import timedelta

from django.db import transaction

from notificacao import eventlog
from notificacao.figures import latency
from notificacao.figures.counting import MINUTE, minute_of
from notificacao.models import Alert, FigureMinute

PEOPLE = 320  # at noon
MINUTES = 24 * 60
OUTAGE = range(300, 360)  # minutes ago
_SHARE_ON_ABLY = 0.15
_MEDIAN_MS = {"ably": 38, "sse": 21}


@transaction.atomic
def fill(seed: int = 7) -> int:
    """Write the day's minutes over what is there, and two alerts, one of them open; return how many minutes.

    The same seed gives the same day.
    """
    dice = random.Random(seed)  # noqa: S311 - a story, not a secret
    now = minute_of(eventlog.now())
    FigureMinute.objects.filter(at__gte=now - MINUTES * MINUTE, at__lt=now).delete()
    minutes = [_minute(dice, now - ago * MINUTE, ago) for ago in range(MINUTES, 0, -1)]
    FigureMinute.objects.bulk_create(minutes)
    outage = {"opened_at": now - OUTAGE.stop * MINUTE, "closed_at": now - OUTAGE.start * MINUTE}
    Alert.objects.get_or_create(name="BreakerOpen", detail="O Ably não respondeu.", defaults=outage)
    Alert.objects.get_or_create(
        name="KeyEndsSoon",
        about="beneficios",
        closed_at=None,
        defaults={"detail": "A chave termina em 9 dias.", "opened_at": now - timedelta(hours=3)},
    )
    return len(minutes)


def _minute(dice: random.Random, at, ago: int) -> FigureMinute:
    busy = _busy(MINUTES - ago)
    out_of_use = ago in OUTAGE
    people = round(PEOPLE * busy * dice.uniform(0.97, 1.03))
    on_ably = round(people * _SHARE_ON_ABLY)
    stamped = round(22 * busy * dice.uniform(0.5, 1.5))
    tried = round(stamped * _SHARE_ON_ABLY)
    failed = tried if out_of_use else int(dice.random() < 0.004)
    receipts = {"sse": stamped - tried, ("sse" if out_of_use else "ably"): tried}
    return FigureMinute(
        at=at,
        stamped=stamped,
        stamped_peak=stamped,
        published=tried - min(failed, tried),
        failed=min(failed, tried),
        skipped=stamped - tried,
        expected=stamped,
        missing=int(stamped > 10 and dice.random() < 0.02),
        latency={name: _latency(dice, name, count, slow=ago in OUTAGE) for name, count in receipts.items() if count},
        probes_heard=0 if out_of_use else 4,
        probes_missed=4 if out_of_use else 0,
        looked=1,
        out_of_use=int(out_of_use),
        on_ably=on_ably,
        on_sse=people - on_ably,
        streams_live=round((people - on_ably) * 1.2),
        streams_standby=on_ably,
        unstamped_seconds=round(dice.uniform(0, 0.2), 3),
        unsettled_seconds=round(dice.uniform(0, 0.3), 3),
    )


def _busy(minute: int) -> float:
    """Return how busy the office is, 0.02 to 1, in the n-th minute of a day that ends in the afternoon."""
    return max(0.02, math.sin(math.pi * max(0.0, minute / MINUTES - 0.35) / 0.85) ** 0.7)


def _latency(dice: random.Random, transport: str, count: int, *, slow: bool) -> list[int]:
    buckets = latency.empty()
    for _ in range(count):
        took = dice.lognormvariate(math.log(_MEDIAN_MS[transport] * (2.4 if slow else 1)), 0.45)
        buckets[sum(took > edge for edge in latency.EDGES)] += 1
    return buckets
