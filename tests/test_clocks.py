"""Where a machine's clock is wrong: what is kept, shown and noticed goes by the database's."""

import os
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from notificacao import alarm, changes, eventlog, keys, reading, retention, revocations, tokens
from notificacao.conf import conf
from notificacao.content import InvalidNotification, Notice
from notificacao.dispatcher import breaker_monitor, lease
from notificacao.dispatcher.breaker import Breaker, Reason
from notificacao.dispatcher.orchestrator import PUBLISHED, NotificationOrchestrator
from notificacao.eventlog import Cursor
from notificacao.models import AuditEvent, BreakerState, Notification, Producer, ProducerKey, Revocation
from notificacao.pages.lines import lines_of
from notificacao.producing import api_keys
from notificacao.rollout.breaker_override import force_breaker
from notificacao.stream import tail
from notificacao.stream.standby import StandbyLane
from notificacao.transports import Envelope
from tests.dispatcher.test_orchestrator import everybody
from tests.fake_transport import FakeTransport
from tests.faults.clock import Clock
from tests.live.ably_server import ROOT
from tests.producers import make_key, make_producer
from tests.rows import write, write_stamped
from tests.stamping import fill, stamp_all
from tests.touched import forget_changes

pytestmark = pytest.mark.django_db

SYSTEM = "system:notifications"


@pytest.fixture
def true_now():
    return timezone.now()


@pytest.fixture
def wrong_clock(true_now, monkeypatch):
    """This machine's clock, so far off."""

    def set_off_by(**span):
        moment = true_now + timedelta(**span)
        monkeypatch.setattr(timezone, "now", lambda: moment)
        monkeypatch.setattr(time, "time", moment.timestamp)

    return set_off_by


def start():
    return Cursor(eventlog.position().epoch, 0)


def test_what_has_an_hour_to_live_is_sent_and_read_where_the_clock_is_a_day_ahead(true_now, wrong_clock):
    write(SYSTEM, expires_at=true_now + timedelta(hours=1))
    stamp_all()
    wrong_clock(days=1)
    assert len(eventlog.read_after(start(), {SYSTEM: 0}, 10).rows) == 1
    assert [row.expired for row in tail.read(start(), [], 0).rows] == [False]


def test_what_expired_an_hour_ago_is_neither_sent_nor_read_where_the_clock_is_a_day_behind(true_now, wrong_clock):
    write(SYSTEM, expires_at=true_now - timedelta(hours=1))
    stamp_all()
    wrong_clock(days=-1)
    assert eventlog.read_after(start(), {SYSTEM: 0}, 10).rows == []
    assert [row.expired for row in tail.read(start(), [], 0).rows] == [True]


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_change_of_access_or_reading_is_noticed_whoever_made_it_and_whoever_looks(ana, bia, wrong_clock, hours):
    forget_changes()
    wrong_clock(hours=hours)
    changes.of_access([ana.pk])
    reading.mark_all_read(bia, eventlog.position())
    assert {change.person_id for change in tail.read(eventlog.position(), [], 0).changes} == {ana.pk, bia.pk}
    wrong_clock(hours=-hours)
    assert {change.person_id for change in tail.read(eventlog.position(), [], 0).changes} == {ana.pk, bia.pk}


def test_a_clock_that_is_years_ahead_does_not_empty_the_log(true_now, wrong_clock):
    write_stamped(1, stamped_at=true_now, dispatch_state="skipped")
    wrong_clock(days=9_999)
    assert (retention.due(), retention.trim()) == (0, 0)
    assert Notification.objects.count() == 1


@pytest.fixture
def a_process_ahead():
    """`a_process_ahead(code)`: what that code prints in a process whose clock is 90 s ahead, on this database."""

    def run(code, folder):
        ahead = Clock(folder)
        ahead.jump(90)
        database = connections["default"].settings_dict
        setup = (
            "import django; from django.conf import settings; "
            f"settings.DATABASES['default']['NAME'] = {str(database['NAME'])!r}; django.setup()\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", setup + code],
            env={**os.environ, **ahead.environment, "DJANGO_SETTINGS_MODULE": "semtas.settings"},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    return run


@pytest.mark.postgres  # SQLite's clock is the process's
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_what_a_process_90_seconds_ahead_writes_is_not_from_the_future(a_process_ahead, tmp_path, settings):
    code = """
from django.utils import timezone
from notificacao import audit, services, audiences
from notificacao.models import AuditEvent, BreakerState, Notification, Producer, ProducerKey, Revocation
from notificacao.pages.lines import lines_of
from notificacao.producing import api_keys
from notificacao.rollout.breaker_override import force_breaker
(row,) = services.notify([audiences.SYSTEM_CHANNEL], title="a", message="b")
kept = Notification.objects.get(pk=row.pk)
Revocation.objects.create(target="clientId:a", reason="x")
audit.record("logged_in", who="ana")
print(row.created_at == kept.created_at, (timezone.now() - kept.created_at).total_seconds() > 60)
"""
    assert a_process_ahead(code, tmp_path) == "True True"
    now = eventlog.now()
    assert Notification.objects.get().created_at <= now
    assert AuditEvent.objects.get().at <= now
    revocation = Revocation.objects.get()
    assert (revocation.created_at <= now, revocation.try_at <= now) == (True, True)


def test_what_is_written_has_its_moment_on_the_instance_however_it_was_written(db):
    one = write(SYSTEM)
    (many,) = Notification.objects.bulk_create([Notification(channel=SYSTEM, title="a", message="b")])
    assert [row.created_at for row in (one, many)] == [
        Notification.objects.get(pk=row.pk).created_at for row in (one, many)
    ]


def test_what_has_an_hour_to_live_is_counted_where_the_clock_is_a_day_ahead(ana, true_now, wrong_clock):
    fill(SYSTEM, expires_at=true_now + timedelta(hours=1))
    wrong_clock(days=1)
    assert reading.unread_of(ana) == 1


def test_what_has_an_hour_to_live_goes_down_the_standby_lane_where_the_clock_is_a_day_ahead(true_now, wrong_clock):
    wrong_clock(days=1)
    eventlog.head()
    lane = StandbyLane()
    row = Notification(seq=1, channel=SYSTEM, expires_at=true_now + timedelta(hours=1))
    lane.add(row, "{}", now=0.0)
    assert [owed.expired for owed in lane._owed.values()] == [False]


@pytest.fixture
def database_has_said(db):
    """The time by its clock, on a connection of the test's own thread."""
    eventlog.head()


async def test_what_has_an_hour_to_live_is_published_where_the_clock_is_a_day_ahead(
    database_has_said, true_now, wrong_clock
):
    wrong_clock(days=1)
    row = Notification(pk=1, seq=1, prev_seq=0, channel=SYSTEM, expires_at=true_now + timedelta(hours=1))
    orchestrator = NotificationOrchestrator(FakeTransport(), Breaker(clock=lambda: 0.0, state="closed"), everybody)
    assert await orchestrator.send(Envelope(row, "e90c", 1)) == PUBLISHED


def test_a_revocation_is_due_at_once_where_the_clock_of_whoever_looks_is_behind(wrong_clock):
    Revocation.objects.create(target="clientId:a", reason="x")
    wrong_clock(hours=-1)
    assert [row.target for row in revocations.due()] == ["clientId:a"]


# --- Tokens, keys of channels and keys of producers

SESSION_KEY = "sessao-de-ana-0123456789"


@pytest.fixture
def ably(settings):
    settings.ABLY_API_KEY = "semtas.local:" + "s" * 32


def issued_at(person):
    """The token's `iat`, in milliseconds since 1970."""
    token = tokens.generate_token(person, SESSION_KEY)
    return 1_000 * (int(token.expires_at.timestamp()) - conf.ABLY_TOKEN_TTL)


def test_a_token_of_a_process_that_is_90_seconds_ahead_is_revoked_by_another_process(ana, ably, wrong_clock):
    wrong_clock(seconds=90)
    issued = issued_at(ana)
    wrong_clock(seconds=0)
    revocations.ask([revocations.of_person(ana.public_id)], "access")
    (revocation,) = revocations.due()
    assert issued <= revocation.issued_before


def test_a_token_of_a_process_that_is_90_seconds_behind_is_not_revoked_with_those_before_it(ana, ably, wrong_clock):
    revoked = int((eventlog.now() - timedelta(seconds=2)).timestamp() * 1_000)
    Revocation.objects.create(target=revocations.of_person(ana.public_id), reason="access", issued_before=revoked)
    wrong_clock(seconds=-90)
    assert issued_at(ana) >= revoked


@pytest.mark.parametrize("days", [-1, 1])
def test_for_as_long_as_a_message_may_be_under_way_the_old_key_is_told_whatever_the_clock(wrong_clock, days):
    now = eventlog.now()
    wrong_clock(days=days)
    assert keys.old_keys(SYSTEM, 2, now) == [keys.channel_key(SYSTEM, 1)]
    assert keys.old_keys(SYSTEM, 2, now - keys.GRACE) == []


def test_a_producers_key_is_good_until_the_database_says_that_it_expired(true_now, wrong_clock):
    key = make_key(make_producer(), expiry_date=true_now + timedelta(hours=1))
    wrong_clock(days=1)
    assert api_keys.recognise(key).producer == Producer.objects.get()
    assert ProducerKey.objects.get().last_used_at <= eventlog.now()


def test_a_producers_key_that_expired_an_hour_ago_is_refused_where_the_clock_is_a_day_behind(true_now, wrong_clock):
    key = make_key(make_producer(), expiry_date=true_now - timedelta(hours=1))
    wrong_clock(days=-1)
    with pytest.raises(api_keys.KeyRefused, match="expired"):
        api_keys.recognise(key)


def test_a_key_that_takes_anothers_place_leaves_it_a_week_whatever_the_clock(ana, wrong_clock):
    make_key(make_producer())
    wrong_clock(days=-6)
    api_keys.rotate(ProducerKey.objects.get(), ana)
    old = ProducerKey.objects.order_by("expiry_date").first()
    assert timedelta(days=6) < old.expiry_date - eventlog.now() <= api_keys.OVERLAP


# --- What one process writes and another compares


def test_what_has_an_hour_to_live_may_be_sent_where_the_clock_is_a_day_ahead(true_now, wrong_clock):
    wrong_clock(days=1)
    lives = {"channels": (SYSTEM,), "title": "a", "message": "b", "expires_at": true_now + timedelta(hours=1)}
    assert Notice.of(**lives).expires_at == lives["expires_at"]


def test_what_expired_an_hour_ago_may_not_be_sent_where_the_clock_is_a_day_behind(true_now, wrong_clock):
    wrong_clock(days=-1)
    with pytest.raises(InvalidNotification, match="use um momento futuro"):
        Notice.of(channels=(SYSTEM,), title="a", message="b", expires_at=true_now - timedelta(hours=1))


def test_the_breakers_moments_are_by_the_databases_clock(ana, wrong_clock):
    ana.is_superuser = True
    began = eventlog.now()
    wrong_clock(days=1)
    force_breaker(BreakerState.Forced.OPEN, ana)
    breaker_monitor._store(lease.hold("a", None), BreakerState.State.CLOSED, Reason("", ""))
    row = BreakerState.objects.get()
    assert began <= row.forced_at <= row.changed_at <= eventlog.now()


def test_two_processes_whose_clocks_disagree_tell_of_the_same_refusals_once(settings, wrong_clock):
    settings.ALARM_WINDOW = 86_400
    for days in (0, 2):
        wrong_clock(days=days)
        alarm._sound("caio", "caio", None, "not_found read")
    assert AuditEvent.objects.filter(action=AuditEvent.Action.ALARM_RAISED).count() == 1


def test_what_was_just_sent_was_sent_now_where_the_clock_is_two_hours_ahead(ana, wrong_clock):
    rows = fill(SYSTEM)
    eventlog.head()
    wrong_clock(hours=2)
    (line,) = lines_of(reading.Reader(ana).entries(rows), {})
    assert line.ago == "agora"
