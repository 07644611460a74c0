"""Where a machine's clock is wrong: what is kept, shown and noticed goes by the database's."""

from datetime import timedelta

import pytest
from django.utils import timezone

from notificacao import changes, eventlog, reading, retention
from notificacao.eventlog import Cursor
from notificacao.models import Notification
from notificacao.stream import tail
from tests.rows import write, write_stamped
from tests.stamping import stamp_all
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
