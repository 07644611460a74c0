"""The breaker's row and the breaker kept alike, and staff's word over both."""

import asyncio
import time

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied
from structlog.testing import capture_logs

from notificacao import rollout
from notificacao.dispatcher import lease
from notificacao.dispatcher.breaker import Breaker, Reason
from notificacao.dispatcher.breaker_monitor import BreakerMonitor, breaker_from_settings
from notificacao.dispatcher.stamp import LeadLost
from notificacao.models import BreakerState
from notificacao.rollout.breaker_override import force_breaker
from tests.conftest import make_person
from tests.fake_transport import transient
from tests.waiting import PATIENCE, eventually

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

Forced = BreakerState.Forced


@pytest.fixture
def breaker():
    return Breaker(clock=time.monotonic, cooldown=0.01)


@pytest.fixture
async def look(database, transport, breaker):
    """One round of the watch, as the leader makes it; `look.watch` is the watch."""
    watch = BreakerMonitor(transport, breaker, database)
    term = await database.run(lease.hold, "test", None)

    async def look(term=term):
        await watch.look(term, await database.run(rollout.current))

    look.watch = watch
    yield look
    watch.stop()


def row():
    return BreakerState.objects.get(pk=rollout.BREAKER)


def force(forced):
    BreakerState.objects.filter(pk=rollout.BREAKER).update(forced=forced)


async def test_a_quick_probe_closes_breaker_and_row_in_one_round(look, database, breaker):
    await look()
    assert breaker.state == "closed"
    assert (await database.run(row)).state == "closed"


async def test_while_a_probe_is_out_the_row_says_half_open_and_staff_are_heard(look, database, transport, breaker):
    answer = asyncio.Event()
    transport.probe = answer.wait
    await look()
    assert (await database.run(row)).state == "half_open"
    await database.run(force, "closed")
    await look()
    assert (await database.run(row)).in_force == "closed"
    assert breaker.state == "closed"


async def test_a_failed_probe_leaves_the_reason_in_the_row(look, database, transport):
    transport.ill = transient("503: away")
    await look()
    found = await database.run(row)
    assert (found.state, found.reason) == ("open", "o Ably falhou (503: away)")


async def test_a_probe_that_ends_in_a_bug_of_ours_is_a_failed_probe(look, breaker, transport):
    transport.ill = ZeroDivisionError("a bug of ours")
    await look()
    assert breaker.state == "open"
    assert breaker.reason == ("a sondagem do Ably falhou (ZeroDivisionError)", "ZeroDivisionError: a bug of ours")


async def test_a_probe_that_is_answered_late_does_not_close_it(look, breaker, transport, settings):
    settings.ABLY_SLOW_AFTER = 0.05
    transport.probe = lambda: asyncio.sleep(0.08)
    await look()
    assert breaker.state == "open"
    assert "uma sondagem do Ably levou" in breaker.reason.staff
    assert "a probe took" in breaker.reason.log


async def test_forced_open_ably_is_not_even_asked_and_released_it_is(look, database, transport, breaker):
    await database.run(force, "open")
    await look()
    assert breaker.state == "open"
    assert transport.probes == 0
    await database.run(force, "")
    await look()
    assert breaker.state == "closed"


async def test_forced_closed_the_row_tells_what_fails(look, database, breaker):
    await database.run(force, "closed")
    await look()
    breaker.failure(Reason("o Ably falhou", "503: away"))
    await look()
    found = await database.run(row)
    assert (found.state, found.reason, found.forced) == ("closed", "o Ably falhou", "closed")


async def test_the_state_keeps_its_since_while_only_the_reason_changes(look, database, breaker, transport):
    transport.ill = transient("first")
    await look()
    before = await database.run(row)
    transport.ill = transient("second")
    await eventually(lambda: breaker.reason.log == "second" or look())
    await look()
    after = await database.run(row)
    assert (after.reason, after.changed_at) == ("o Ably falhou (second)", before.changed_at)


async def test_a_leader_whose_term_is_over_does_not_write_the_row(look, database):
    with pytest.raises(LeadLost):
        await look(term=99)
    assert (await database.run(row)).state == "open"


async def test_who_begins_to_lead_waits_for_the_first_answer_and_not_for_ever(look, transport, monkeypatch):
    first_answer = "notificacao.dispatcher.breaker_monitor._FIRST_ANSWER_WITHIN"
    monkeypatch.setattr(first_answer, 0.05)
    transport.probe = asyncio.Event().wait
    await look()
    await look.watch.knows_ably()  # given up after a moment
    monkeypatch.setattr(first_answer, 10 * PATIENCE)
    transport.probe = lambda: asyncio.sleep(0)
    await eventually(lambda: look.watch._asked.is_set() or look())
    await asyncio.wait_for(look.watch.knows_ably(), PATIENCE)


def test_the_settings_make_the_breaker(settings):
    settings.BREAKER_MINIMUM, settings.BREAKER_SLOW_THRESHOLD = 2, 1.0
    breaker = breaker_from_settings()
    breaker.force("closed")
    breaker.release()
    breaker.slow("x")
    breaker.success()
    assert breaker.state == "closed"
    breaker.failure("2 of 3 failed")
    assert breaker.state == "closed"
    breaker.failure("2 of 4")
    assert breaker.state == "open"


# --- By hand


@pytest.fixture
def chief(transactional_db):
    """Somebody who may force the breaker."""
    person = make_person("bia")
    person.user_permissions.add(Permission.objects.get(codename="force_breaker"))
    return person


def test_who_forces_it_is_written_and_every_process_reads_it(chief, settings):
    settings.ABLY_API_KEY = "app.key:segredo"
    BreakerState.objects.update(state="closed")
    force_breaker(Forced.OPEN, chief)
    found = row()
    assert (found.in_force, found.state, found.forced_by) == ("open", "closed", chief)
    assert found.forced_at is not None
    assert not rollout.current().ably_up
    [entry] = LogEntry.objects.all()
    assert (entry.user_id, entry.object_id) == (chief.pk, rollout.BREAKER)
    assert "Ably suspenso" in entry.get_change_message()


def test_released_the_breaker_decides_again(chief, settings):
    settings.ABLY_API_KEY = "app.key:segredo"
    force_breaker(Forced.CLOSED, chief)
    assert rollout.current().ably_up
    force_breaker(Forced.NO, chief)
    assert not rollout.current().ably_up
    assert LogEntry.objects.count() == 2


def test_without_the_permission_nobody_forces_it(transactional_db):
    with pytest.raises(PermissionDenied):
        force_breaker(Forced.OPEN, make_person("caio", is_staff=True))
    assert row().forced == ""
    assert LogEntry.objects.count() == 0


async def test_an_outage_begins_and_ends_with_a_line_however_often_ably_is_asked(look, transport, breaker):
    await look()
    transport.ill = transient("503: away")
    with capture_logs() as lines:
        breaker.trip(Reason("o Ably caiu", "503: away"))
        for _ in range(3):
            await look()
        transport.ill = None

        async def closes():
            await look()
            return breaker.state == "closed"

        await eventually(closes)
        await look()
    told = [(line["event"], line.get("reason")) for line in lines if line["event"].startswith("breaker_")]
    assert told == [("breaker_opened", "503: away"), ("breaker_closed", None)]
