"""Two weeks in which all is well: days, nights, week-ends, a release at night, and what goes wrong now and then."""

import random
from collections.abc import Callable, Iterator
from itertools import accumulate

from tests.monitoring.scenes import (
    AVAILABLE,
    BREAKER,
    CANARY,
    COST,
    DAY,
    DELIVERED,
    HTTP,
    MB,
    PROBE,
    SETTLED,
    SIZE,
    UNVERIFIED,
)

TWO_WEEKS = 14  # days, from Thursday on
_RELEASE = 4 * 24 * 60 + 5 * 60  # minutes: Monday, 2:00 in Brasília; counters begin anew, and another leads
_TO_BRASILIA = -3 * 60  # minutes
_GB = 1024 * MB


def healthy(days: int) -> dict[str, str]:
    """`{series: one value a minute}` of so many days from Thursday, the first of January 1970, on."""
    minutes = range(days * 24 * 60 + 1)
    return {name: " ".join(values) for name, values in _series(random.Random(18), minutes)}


def _series(dice: random.Random, minutes: range) -> Iterator[tuple[str, list[str]]]:
    yield from _counted(dice, minutes)
    for name, value in _gauges(dice).items():
        yield name, [f"{value(minute):.6g}" for minute in minutes]


def _busy(minute: int) -> float:
    """How busy people are, from 0 to 1."""
    local = minute + _TO_BRASILIA
    weekday, hour = (local // (24 * 60) + 3) % 7, local // 60 % 24  # 0 is Monday
    if weekday >= 5:
        return 0.02 if 8 <= hour < 18 else 0.002
    if 8 <= hour < 18:
        return 0.6 if hour in (12, 13) else 1.0
    return 0.1 if hour in (7, 18, 19) else 0.003


def _counted(dice: random.Random, minutes: range) -> Iterator[tuple[str, list[str]]]:
    steps: dict[str, list[int]] = {}

    def add(name: str, number: float) -> None:
        steps.setdefault(name, []).append(int(number))

    for minute in minutes:
        sent = _some(dice, 120 * _busy(minute))
        wakes_up = 40 if minute % (24 * 60) == 11 * 60 else 0  # 8:00 in Brasília: what laptops missed at night
        for transport in ("ably", "sse"):
            shown = [_slowness(dice) for _ in range(sent)] + [7200.0] * wakes_up
            for edge in (0.1, 0.5, 60.0):
                add(DELIVERED % (transport, edge), sum(seconds <= edge for seconds in shown))
            add(DELIVERED % (transport, "+Inf"), len(shown))
        add(DELIVERED % ("rest", "60.0"), sent // 9)
        add(DELIVERED % ("rest", "0.1"), 0)
        failed = sum(dice.random() < 0.001 for _ in range(sent))
        add(SETTLED % "failed", failed)
        add(SETTLED % "published", sent - failed)
        wrong = sum(dice.random() < 0.0005 for _ in range(sent * 5))
        add(HTTP % ("500", "inbox"), wrong)
        add(HTTP % ("200", "inbox"), sent * 5 - wrong)
        add(HTTP % ("503", "health-ably"), dice.random() < 0.01)
        add("notificacao_stamped_total", sent)
        missed = dice.random() < 0.01
        add(CANARY % "missed", missed)
        add(CANARY % "heard", 4 - missed)
        add(UNVERIFIED % "unknown_key", 3 if _RELEASE < minute < _RELEASE + 5 else 0)
        add(UNVERIFIED % "wrong", 0)
        add('notificacao_guard_verdicts_total{verdict="Hold"}', 1)
    for name, made in steps.items():
        totals = [*accumulate(made[:_RELEASE]), *accumulate(made[_RELEASE:])]
        yield name, list(map(str, totals))


def _some(dice: random.Random, mean: float) -> int:
    return max(0, round(dice.gauss(mean, mean**0.5))) if mean > 5 else sum(dice.random() < mean / 10 for _ in range(10))


def _slowness(dice: random.Random) -> float:
    """Seconds: of a hundred deliveries three are over 100 ms, and one of a thousand over 500."""
    luck = dice.random()
    return 1.0 if luck < 0.001 else 0.2 if luck < 0.03 else 0.04


def _gauges(dice: random.Random) -> dict[str, Callable[[int], float]]:
    def leads_first(minute: int) -> float:
        return float(minute < _RELEASE)

    def busy(minute: int) -> float:
        return _busy(minute) * dice.uniform(0.8, 1.2)

    return {
        PROBE: lambda minute: 1,
        'up{job="web",instance="a"}': lambda minute: float(not _RELEASE <= minute < _RELEASE + 2),
        'up{job="web",instance="b"}': lambda minute: float(not _RELEASE + 2 <= minute < _RELEASE + 4),
        'notificacao_leading{instance="a"}': leads_first,
        'notificacao_leading{instance="b"}': lambda minute: 1 - leads_first(minute),
        'notificacao_open_streams{lane="live"}': lambda minute: 450 * busy(minute),
        'notificacao_open_streams{lane="standby"}': lambda minute: 150 * busy(minute),
        "notificacao_oldest_unstamped_seconds": lambda minute: dice.choice((0, 0, 0.1, 0.4)),
        "notificacao_oldest_unsettled_seconds": lambda minute: dice.choice((0, 0, 0.3, 4)),
        "notificacao_publish_standstill_seconds": lambda minute: 0,
        "notificacao_hub_lag_rows": lambda minute: dice.choice((0, 0, 3, 40)),
        "notificacao_rollout_percent": lambda minute: 25,
        "notificacao_canary_heard_timestamp_seconds": lambda minute: minute * 60 + 1,
        BREAKER % "closed": lambda minute: 1,
        BREAKER % "open": lambda minute: 0,
        BREAKER % "half_open": lambda minute: 0,
        COST % "forecast": lambda minute: 120,
        COST % "budget": lambda minute: 160,
        "notificacao_redis_up": lambda minute: 1,
        "redis_up": lambda minute: 1,
        AVAILABLE: lambda minute: 40 * _GB - minute * MB / 4 + minute % (24 * 60) * MB / 8,
        SIZE: lambda minute: 100 * _GB,
        'pg_stat_replication_pg_wal_lsn_diff{application_name="b"}': lambda minute: dice.choice((0, MB, 9 * MB)),
        'probe_ssl_earliest_cert_expiry{instance="x"}': lambda minute: 60 * DAY,
        'notificacao_key_ends_timestamp_seconds{kind="producer"}': lambda minute: 90 * DAY,
        'notificacao_key_ends_timestamp_seconds{kind="encryption"}': lambda minute: 0,
    }
