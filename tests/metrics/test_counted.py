"""Whatever is counted is counted where it happens: a real path is driven, then /metrics is read."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from notificacao import audiences, eventlog, metrics, receipts
from notificacao.api import producing
from notificacao.dispatcher import ages, claims, lease
from notificacao.dispatcher.orchestrator import PUBLISHED, Outcome
from notificacao.models import DispatchState, Notification, Producer
from notificacao.receipts import Delivery
from semtas.postgresql import waiting
from tests.asgi import set_rollout
from tests.producers import System, make_key, make_producer, to
from tests.rows import write
from tests.scraped import Grown, scrape
from tests.stamping import fill

TOKEN, NOTIFICATIONS = "/api/v1/ably/token/", "/api/v1/notifications/"


@pytest.fixture
def grown(db):
    return Grown()


def test_tokens_are_counted_when_signed_and_by_reason_when_refused(grown, as_ana, client, settings):
    settings.ABLY_API_KEY = "semtas.local:" + "s" * 32
    set_rollout(percent=100, breaker="closed")
    for _ in range(2):  # the second is the first again
        assert as_ana.post(TOKEN).status_code == 200
    Client().post(TOKEN)
    set_rollout(everyone=False)
    as_ana.post(TOKEN)
    assert grown("tokens_issued_total") == 1
    assert grown("tokens_refused_total", reason="not_authenticated") == 1
    assert grown("tokens_refused_total", reason="not_in_rollout") == 1
    assert grown("tokens_refused_total") == 2


def test_catch_ups_and_those_that_need_a_resync_are_counted(grown, as_ana):
    as_ana.get(NOTIFICATIONS, {"after": str(eventlog.position())})
    as_ana.get(NOTIFICATIONS, {"after": "ffff.0"})
    assert grown("catch_ups_total") == 1
    assert grown("resyncs_total", reason="epoch") == 1


def test_answers_to_producers_are_counted_by_status_and_refusals_by_limit(grown, ana, settings, monkeypatch):
    settings.RATE_SYSTEM = (1, 3)
    system = System(make_producer())
    for asked in (to(everybody=True), to(everybody=True), {}):
        system.post(asked)
    assert system.post({}).status_code == 429
    System(system.producer, "AAAAAAAA." + "b" * 32).post({})
    settings.RATE_SYSTEM = (1_000, 1_000)
    monkeypatch.setattr(producing, "_send", lambda *of: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        System(make_producer("outro")).post({})
    counted = {status: grown("producer_answers_total", status=status) for status in metrics.PRODUCER_STATUSES}
    expected = {"201": 2, "400": 1, "401": 1, "429": 1, "500": 1}
    assert counted == dict.fromkeys(metrics.PRODUCER_STATUSES, 0) | expected
    assert grown("rate_limited_total", limit="producer") == 1
    assert grown("rate_limited_total") == 1


def test_what_is_settled_is_counted_by_outcome_and_kind_of_channel(grown, of_ana, norte):
    fill(of_ana, norte, "system:notifications", "system:notifications")
    term = lease.hold("test", None)
    held, rows = claims.claim(term)
    failed = Outcome(DispatchState.FAILED, "não deu")
    outcomes = {row.pk: failed if row.channel == norte else PUBLISHED for row in rows}
    assert claims.settle({held: outcomes}) == 4
    assert claims.settle({held: outcomes}) == 0  # the lease holds nothing any more
    lease.release("test")
    assert grown("settled_total", outcome="published", kind="user") == 1
    assert grown("settled_total", outcome="failed", kind="unit") == 1
    assert grown("settled_total", outcome="published", kind="system") == 2
    assert grown("settled_total") == 4


def test_a_row_that_is_parked_is_counted_too(grown, norte):
    fill(norte)
    Notification.objects.update(attempts=claims.ATTEMPTS)
    term = lease.hold("test", None)
    assert claims.claim(term) == ("", [])
    lease.release("test")
    assert grown("settled_total", outcome="failed", kind="unit") == 1


def test_a_delivery_is_timed_by_transport_and_kind_of_channel(grown, ana, of_ana, norte):
    rows = fill(of_ana, norte)
    receipts.record(ana, [Delivery(row.public_id, "ably", 0) for row in rows])
    assert grown("delivery_seconds_count", transport="ably", kind="user") == 1
    assert grown("delivery_seconds_count", transport="ably", kind="unit") == 1
    assert grown("delivery_seconds_count") == 2


@pytest.mark.parametrize(
    ("channel", "kind"),
    [("system:notifications", "system"), ("private:benefit:bpc:notifications", "benefit"), ("private:x:y", "system")],
)
def test_each_channel_is_of_a_known_kind(channel, kind):
    assert audiences.kind_of(channel) == kind


def test_the_leader_shows_how_long_rows_wait_and_when_a_key_ends(db, of_ana):
    made = timezone.now()
    (stamped,) = fill(of_ana)
    waits = write(of_ana)
    Notification.objects.filter(pk=stamped.pk).update(stamped_at=made - timedelta(seconds=30))
    Notification.objects.filter(pk=waits.pk).update(created_at=made - timedelta(seconds=90))
    producer = make_producer()
    make_key(producer, expiry_date=made + timedelta(days=10))
    make_key(producer, expiry_date=made + timedelta(days=2), revoked=True)
    make_key(producer, expiry_date=made - timedelta(days=2))
    ages.measure()
    ages.show_ends_of_keys()
    page = scrape()
    assert 90 <= page("oldest_unstamped_seconds") < 90 + 60
    assert 30 <= page("oldest_unsettled_seconds") < 30 + 60
    assert page("key_ends_timestamp_seconds", kind="producer") == pytest.approx(
        (made + timedelta(days=10)).timestamp(), abs=1
    )
    Notification.objects.update(seq=None, dispatch_state="skipped")
    Producer.objects.update(is_active=False)
    Notification.objects.all().delete()
    ages.measure()
    ages.show_ends_of_keys()
    page = scrape()
    assert (page("oldest_unstamped_seconds"), page("oldest_unsettled_seconds")) == (0, 0)
    assert page("key_ends_timestamp_seconds", kind="producer") == 0


def test_threads_that_wait_for_a_connection_are_shown():
    with waiting.meanwhile():
        assert scrape()("pool_waiting") == 1
    assert scrape()("pool_waiting") == 0
