"""Where a machine's clock is wrong: what is kept, shown and noticed goes by the database's."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from notificacao import changes, eventlog, reading, retention, revocations
from notificacao.dispatcher.breaker import Breaker
from notificacao.dispatcher.orchestrator import PUBLISHED, NotificationOrchestrator
from notificacao.eventlog import Cursor
from notificacao.models import Notification, Revocation
from notificacao.stream import tail
from notificacao.stream.standby import StandbyLane
from notificacao.transports import Envelope
from tests.dispatcher.test_orchestrator import everybody
from tests.fake_transport import FakeTransport
from tests.faults.clock import Clock
from tests.live.ably_server import ROOT
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

    def set_off_by(**time):
        monkeypatch.setattr(timezone, "now", lambda: true_now + timedelta(**time))

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
from notificacao import services, audiences
from notificacao.models import Notification, Revocation
(row,) = services.notify([audiences.SYSTEM_CHANNEL], title="a", message="b")
kept = Notification.objects.get(pk=row.pk)
Revocation.objects.create(target="clientId:a", reason="x")
print(row.created_at == kept.created_at, (timezone.now() - kept.created_at).total_seconds() > 60)
"""
    assert a_process_ahead(code, tmp_path) == "True True"
    now = eventlog.now()
    assert Notification.objects.get().created_at <= now
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
