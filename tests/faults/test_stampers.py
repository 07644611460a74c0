"""Two stampers, producers and stale saves, interleaved statement by statement on real connections: the log stays whole.

A seq is never written twice, none that is lower appears after a higher one, and each row follows its channel's last.
"""

import contextlib
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notificacao.dispatcher import lease
from notificacao.dispatcher.stamp import LeadLost, stamp
from notificacao.models import Channel, DispatcherLease, LogHead, Notification
from tests.faults.postgres import connected_to
from tests.faults.stepped import Actor, run_in_turns
from tests.rows import write

pytestmark = [pytest.mark.faults, pytest.mark.services]


def stamper(holder, term):
    """A round of a dispatcher that believes to lead in `term`, or asks whether it may."""
    with contextlib.suppress(LeadLost):
        stamp(term or lease.hold(holder, None) or 0)


def producer(*channels):
    with transaction.atomic():
        for channel in channels:
            write(channel)


def saver(instance, **how):
    """Loaded before it was stamped, saved whenever."""
    instance.title = "Outro título"
    instance.save(**how)


class Log:
    """What somebody sees who looks again and again."""

    def __init__(self):
        self.seen = {}

    def look(self):
        head = LogHead.objects.values_list("seq", flat=True).get(pk=1)
        rows = {
            seq: (pk, prev)
            for pk, seq, prev in Notification.objects.exclude(seq=None).values_list("pk", "seq", "prev_seq")
        }
        assert set(range(1, head + 1)) <= rows.keys(), f"the head is {head}, and one can see {sorted(rows)}"
        assert Notification.objects.exclude(seq=None).count() == len(rows), "a seq was given twice"
        assert self.seen.items() <= rows.items(), "a row's place in the log changed"
        self.seen = rows

    def check_chains(self):
        last = {}
        for channel, seq, prev in Notification.objects.order_by("seq").values_list("channel", "seq", "prev_seq"):
            assert prev == last.get(channel, 0), f"{seq} follows {prev}, not {last.get(channel, 0)}"
            last[channel] = seq
        assert dict(Channel.objects.values_list("name", "head")) == last


@pytest.fixture(scope="module")
def a_database(postgres, django_db_blocker):
    with django_db_blocker.unblock(), connected_to(postgres.create_database()):
        yield


def begin_anew():
    """The stale leader's term is 1 and has run out; four rows wait."""
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {Notification._meta.db_table}, {Channel._meta.db_table} CASCADE")
    LogHead.objects.update(seq=0)
    DispatcherLease.objects.update(holder="stale", term=1, until=timezone.now() - timedelta(seconds=1))
    for channel in ("a", "b", "a", "b"):
        write(channel)
    return list(Notification.objects.order_by("pk"))


@settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(turns=st.lists(st.integers(0, 5), max_size=60))
def check(turns):
    rows = begin_anew()
    log = Log()
    actors = [
        Actor(stamper, "stale", 1),
        Actor(stamper, "new", None),
        Actor(producer, "a", "b"),
        Actor(producer, "b", "c"),
        Actor(saver, rows[0]),
        Actor(lambda: saver(rows[1], update_fields=["title", "seq", "prev_seq", "stamped_at"])),
    ]
    run_in_turns(actors, turns, log.look)
    stamper("last", DispatcherLease.objects.get().term)
    log.look()
    log.check_chains()
    assert len(log.seen) == Notification.objects.count() == 8


@pytest.mark.endurance
def test_no_order_of_statements_breaks_the_log(a_database):
    check()
