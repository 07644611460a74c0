"""Minutes are kept for 30 days, then put together by the hour: the same sums, and the highest of what was seen."""

from datetime import timedelta

import pytest

from notificacao import eventlog, retention
from notificacao.figures import keeping, latency
from notificacao.models import FigureMinute

pytestmark = pytest.mark.django_db


def minute(at, **fields):
    return FigureMinute.objects.create(at=at, stamped_peak=fields.get("stamped", 0), **fields)


@pytest.fixture
def hour():
    """An hour that began 40 days ago."""
    return (eventlog.now() - timedelta(days=40)).replace(minute=0, second=0, microsecond=0)


def test_an_hour_has_the_sums_and_the_peaks_of_its_minutes(hour):
    one, two = ([0] * place + [count] + [0] * (15 - place) for place, count in ((4, 30), (7, 2)))
    minute(hour, stamped=5, failed=1, latency={"sse": one}, on_sse=300, looked=1, out_of_use=1, unstamped_seconds=0.5)
    minute(hour + timedelta(minutes=59), stamped=9, latency={"sse": two, "ably": one}, on_sse=310, looked=1)
    minute(hour + timedelta(minutes=60), stamped=100)
    retention.clear_the_rest()
    first, second = FigureMinute.objects.order_by("at")
    assert (first.at, first.span, first.measured, first.stamped, first.stamped_peak) == (hour, 60, 2, 14, 9)
    assert (first.failed, first.on_sse, first.on_ably, first.looked, first.out_of_use) == (1, 310, None, 2, 1)
    assert first.unstamped_seconds == 0.5
    assert first.latency == {"sse": latency.total([one, two]), "ably": one}
    assert (second.span, second.stamped) == (60, 100)


def test_of_thirty_days_each_minute_stays_and_after_two_years_nothing(hour):
    minute(eventlog.now() - timedelta(days=29))
    minute(eventlog.now() - keeping.HOURS_KEPT - timedelta(hours=2))
    retention.clear_the_rest()
    assert [row.span for row in FigureMinute.objects.all()] == [1]


def test_an_hour_is_put_together_once(hour):
    minute(hour, stamped=5)
    assert keeping.fold()
    assert not keeping.fold()
    assert FigureMinute.objects.get().stamped == 5
