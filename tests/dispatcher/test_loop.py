"""The dispatcher as a whole: real threads, a real database, and a transport of our own."""

import asyncio
import contextlib
import threading
from datetime import timedelta
from functools import partial

import pytest
import stamina
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from notificacao import doorbells, eventlog, metrics, retention, rollout
from notificacao.changes import of_keys
from notificacao.database import DatabaseThread
from notificacao.dispatcher import changes, claims, lease, loop, sender, upkeep
from notificacao.dispatcher.breaker_monitor import BreakerMonitor
from notificacao.dispatcher.loop import Dispatcher
from notificacao.dispatcher.pace import StampPace
from notificacao.dispatcher.publishing import Publishing
from notificacao.models import BreakerState, CostGovernor, DispatcherLease, Notification, RolloutFlag
from tests.fake_transport import FakeTransport, transient
from tests.lives import set_back
from tests.rows import let_leases_run_out, write, write_stamped
from tests.scraped import scrape
from tests.waiting import PATIENCE, eventually

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

CHANNEL = "system:notifications"


@pytest.fixture(autouse=True)
def quick(settings, monkeypatch):
    settings.ABLY_API_KEY = "semtas.local:" + "s" * 32
    settings.DISPATCH_POLL = 0.05
    monkeypatch.setattr(loop, "_AFTER_A_FAULT", 0.01)
    monkeypatch.setattr(loop, "_WATCH_EVERY", 0.02)
    monkeypatch.setattr(lease, "RENEW_EVERY", 0.05)
    monkeypatch.setattr(lease, "LENGTH", timedelta(minutes=1))  # a slow machine changes no leader
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@pytest.fixture
def everybody_on_ably(transactional_db):
    RolloutFlag.objects.update(everyone=True)


@pytest.fixture
async def database(transactional_db):
    """Runs database work beside the event loop: `await database(work, *args)`."""
    thread = DatabaseThread("test")
    yield thread.run
    thread.close()


@contextlib.asynccontextmanager
async def running(*transports):
    """Dispatchers with these transports; cancelled at the end, as the server does."""
    dispatchers = [Dispatcher(transport) for transport in transports]
    tasks = [asyncio.create_task(dispatcher.run()) for dispatcher in dispatchers]
    try:
        yield dispatchers if len(dispatchers) > 1 else dispatchers[0]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def states():
    return list(Notification.objects.order_by("seq").values_list("seq", "dispatch_state"))


def breaker():
    return BreakerState.objects.values_list("state", "reason").get(pk=rollout.BREAKER)


def holder():
    return DispatcherLease.objects.values_list("holder", "until").get(pk=1)


async def breaker_is_closed(database):
    return (await database(breaker))[0] == "closed"


async def settled(database, *expected):
    """Until the log reads: seq 1 in the first of these states, seq 2 in the second…"""

    async def reads_so():
        return await database(states) == list(enumerate(expected, start=1))

    await eventually(reads_so)


async def test_committed_rows_are_stamped_published_and_settled(database, everybody_on_ably):
    transport = FakeTransport()
    async with running(transport):
        await eventually(lambda: breaker_is_closed(database))
        for _ in range(3):
            await database(write, CHANNEL)
        await settled(database, "published", "published", "published")
    assert transport.seqs == [1, 2, 3]


async def test_a_claim_that_is_not_full_is_the_last_of_its_round(database, everybody_on_ably, monkeypatch):
    monkeypatch.setattr(claims, "BATCH", 2)
    rounds, take, begin = [[]], Publishing.take, BreakerMonitor.knows_ably

    async def note(publishing, *asked):
        rounds[-1].append(await take(publishing, *asked))
        return rounds[-1][-1]

    async def begin_another(watch):
        rounds.append([])
        await begin(watch)

    monkeypatch.setattr(Publishing, "take", note)
    monkeypatch.setattr(BreakerMonitor, "knows_ably", begin_another)

    def write_together():
        with transaction.atomic():
            for _ in range(5):
                write(CHANNEL)

    async with running(FakeTransport()):
        await eventually(lambda: breaker_is_closed(database))
        await database(write_together)
        await settled(database, *["published"] * 5)
    assert [found for found in rounds if any(found)] == [[2, 2, 1]]


async def test_over_budget_low_priority_goes_by_sse_and_comes_back_once_staff_say_so(database, everybody_on_ably):
    transport = FakeTransport()
    await database(partial(CostGovernor.objects.create, pk=1, mode="on", level=1))
    async with running(transport):
        await eventually(lambda: breaker_is_closed(database))
        for priority in ("baixa", "urgente"):
            await database(partial(write, CHANNEL, priority=priority))
        await settled(database, "skipped", "published")
        await database(partial(CostGovernor.objects.update, mode="off"))

        async def is_published_again():
            await database(partial(write, CHANNEL, priority="baixa"))
            return (await database(states))[-1][1] == "published" or len(transport.seqs) > 1

        await eventually(is_published_again)
    assert transport.seqs[0] == 2


async def test_with_nobody_on_ably_rows_are_settled_as_skipped_without_a_publish(database):
    transport = FakeTransport()
    async with running(transport):
        await database(write, CHANNEL)
        await settled(database, "skipped")
    assert transport.attempted == []


async def test_without_a_transport_rows_are_stamped_and_skipped(database, settings, everybody_on_ably):
    settings.ABLY_API_KEY = ""
    async with running(None):
        await database(write, CHANNEL)
        await settled(database, "skipped")
    assert await database(breaker) == ("open", "ainda não alcançado")


async def test_rows_that_waited_for_a_dispatcher_are_dispatched_once_one_leads(database):
    for _ in range(2):
        await database(write, CHANNEL)
    async with running(FakeTransport()):
        await settled(database, "skipped", "skipped")


async def test_a_commit_wakes_the_dispatcher_long_before_its_next_poll(database, settings):
    settings.DISPATCH_POLL = 60.0
    async with running(FakeTransport()) as dispatcher:
        await eventually(lambda: dispatcher.leads)
        await database(write, CHANNEL)
        await settled(database, "skipped")


async def test_what_comes_while_the_stamper_keeps_its_pace_is_stamped_together(database, settings, monkeypatch):
    settings.DISPATCH_POLL = 60.0
    stamps, gaps = [], []
    more_came, gap_is_over = threading.Event(), asyncio.Event()
    real_stamp, real_gather = loop.stamp, doorbells.Doorbell.gather

    def stamp(term, **how):
        if rows := real_stamp(term, **how):
            stamps.append(len(rows))
            assert len(stamps) != 2 or more_came.wait(PATIENCE)
        return rows

    async def gather(doorbell, seconds):
        gaps.append(seconds)
        if stamps == [1, 1]:
            await gap_is_over.wait()
        await real_gather(doorbell, seconds)

    monkeypatch.setattr(loop, "stamp", stamp)
    monkeypatch.setattr(loop, "StampPace", lambda clock: StampPace(lambda: 0.0))
    monkeypatch.setattr(doorbells.Doorbell, "gather", gather)
    async with running(FakeTransport()) as dispatcher:
        await eventually(lambda: dispatcher.leads)
        for taken in ([1], [1, 1]):
            await database(write, CHANNEL)
            await eventually(lambda taken=taken: stamps == taken)
        gaps.clear()  # a commit may ring twice, the second time while its row is stamped
        await database(write, CHANNEL)
        more_came.set()
        await eventually(lambda: any(gaps))
        await database(lambda: [write(CHANNEL) for _ in range(100)])
        gap_is_over.set()
        await eventually(lambda: sum(stamps) == 103)
    assert stamps == [1, 1, 101]
    assert max(gaps) == settings.STAMP_PACE


async def test_rows_to_be_sent_again_go_out_long_before_the_next_poll(database, settings, everybody_on_ably):
    settings.DISPATCH_POLL = 60.0
    transport = FakeTransport()
    async with running(transport):
        await eventually(lambda: breaker_is_closed(database))
        row = await database(partial(write_stamped, 1, dispatch_state="failed"))
        assert await database(claims.send_again, [row.pk]) == 1
        await settled(database, "published")
    assert transport.seqs == [1]


async def test_a_fault_that_no_transport_announced_is_survived_and_its_rows_go_out_later(database, everybody_on_ably):
    transport = FakeTransport()
    async with running(transport):
        await eventually(lambda: breaker_is_closed(database))
        row = await database(write, CHANNEL)
        transport.faults[row.pk] = [ZeroDivisionError("a bug of ours")]
        await eventually(lambda: transport.attempted)
        await database(let_leases_run_out)
        await settled(database, "published")
    assert len(transport.attempted) >= 2
    assert transport.seqs == [1]


async def test_a_fault_in_stamping_is_survived(database, monkeypatch):
    faults = [RuntimeError("the disk was full")]

    def stamp(term, **how):
        if faults:
            raise faults.pop()
        return real(term, **how)

    real = loop.stamp
    monkeypatch.setattr(loop, "stamp", stamp)
    async with running(FakeTransport()):
        await database(write, CHANNEL)
        await settled(database, "skipped")
    assert faults == []


async def test_the_breakers_row_closes_after_a_successful_probe(database):
    assert (await database(breaker))[0] == "open"
    transport = FakeTransport()
    async with running(transport):
        await eventually(lambda: breaker_is_closed(database))
    assert transport.probes == 1
    assert await database(breaker) == ("closed", "")


async def test_a_failed_probe_leaves_the_breakers_row_open_and_rows_go_without_ably(database, everybody_on_ably):
    transport = FakeTransport()
    transport.ill = transient("503: away")
    async with running(transport):
        await eventually(lambda: transport.probes)
        await database(write, CHANNEL)
        await settled(database, "skipped")
        assert (await database(breaker))[0] == "open"
    assert transport.attempted == []


async def test_many_failures_open_the_breakers_row_with_the_reason(database, everybody_on_ably):
    transport = FakeTransport()
    async with running(transport):
        await eventually(lambda: breaker_is_closed(database))
        for _ in range(2):
            row = await database(write, CHANNEL)
            transport.faults[row.pk] = [transient("503: away")] * 3

        async def is_open():
            return await database(breaker) == ("open", "o Ably falhou (503: away)")

        await eventually(is_open)
        await settled(database, "failed", "skipped")


async def test_rows_that_wait_while_nothing_leaves_open_the_breakers_row_with_that_reason(
    database, everybody_on_ably, monkeypatch, settings
):
    settings.ABLY_IN_FLIGHT = settings.ABLY_BATCH = 1
    transport, gate = FakeTransport(), asyncio.Event()
    transport.pause = gate.wait
    async with running(transport):
        await eventually(lambda: breaker_is_closed(database))
        await database(write, CHANNEL)
        await eventually(lambda: transport.requests)
        monkeypatch.setattr(sender, "_STANDSTILL", -settings.ABLY_PUBLISH_TIMEOUT)  # from here on reported at once
        await database(write, "private:unit:99:notifications")

        async def is_told():
            return "nada sai para o Ably" in (await database(breaker))[1]

        await eventually(is_told)
        gate.set()
        await settled(database, "published", "skipped")


async def test_of_two_dispatchers_one_leads_and_every_row_goes_out_once(database, everybody_on_ably):
    transports = FakeTransport(), FakeTransport()
    async with running(*transports) as dispatchers:
        await eventually(lambda: breaker_is_closed(database))
        for _ in range(5):
            await database(write, CHANNEL)
        await settled(database, *["published"] * 5)
        assert [dispatcher.leads for dispatcher in dispatchers].count(True) == 1
    by_leader = [transport.seqs for transport in transports]
    assert sorted(by_leader) == [[], [1, 2, 3, 4, 5]]


async def test_only_the_leader_asks_ably(database):
    transports = FakeTransport(), FakeTransport()
    async with running(*transports) as dispatchers:
        await eventually(lambda: breaker_is_closed(database))
        follower = transports[[dispatcher.leads for dispatcher in dispatchers].index(False)]
    assert follower.probes == 0


async def test_cancelled_it_gives_the_lease_back_and_closes_its_transport(database):
    transport = FakeTransport()
    async with running(transport) as dispatcher:
        await eventually(lambda: dispatcher.leads)
        assert (await database(holder))[1] is not None
    assert (await database(holder))[1] is None
    assert transport.closed


async def test_a_standby_takes_over_as_soon_as_the_leader_is_cancelled(database):
    async with contextlib.AsyncExitStack() as standbys:
        async with running(FakeTransport()) as leader:
            await eventually(lambda: leader.leads)
            standby = await standbys.enter_async_context(running(FakeTransport()))
            await database(write, CHANNEL)
            await settled(database, "skipped")
            assert not standby.leads
        await eventually(lambda: standby.leads)
        await database(write, CHANNEL)
        await settled(database, "skipped", "skipped")


async def test_a_leader_that_lost_the_lead_stamps_no_more_and_knows_at_its_first_attempt(database, monkeypatch):
    monkeypatch.setattr(lease, "RENEW_EVERY", 60.0)  # it does not learn it by renewing
    async with running(FakeTransport()) as dispatcher:
        await eventually(lambda: dispatcher.leads)
        await database(take_the_lead)
        await database(write, CHANNEL)
        await eventually(lambda: not dispatcher.leads)
        assert await database(states) == [(None, "pending")]


async def test_a_leader_that_lost_the_lead_follows_and_leads_again_when_it_is_free(database):
    async with running(FakeTransport()) as dispatcher:
        await eventually(lambda: dispatcher.leads)
        await database(take_the_lead)
        await eventually(lambda: not dispatcher.leads)
        await database(lease.release, "another")
        await eventually(lambda: dispatcher.leads)
        await database(write, CHANNEL)
        await settled(database, "skipped")


def take_the_lead():
    DispatcherLease.objects.update(holder="another", term=F("term") + 1, until=timezone.now() + timedelta(hours=1))


def force_the_breaker(forced):
    BreakerState.objects.filter(pk=rollout.BREAKER).update(forced=forced)


async def test_forced_open_nothing_is_published_any_more_and_released_it_goes_on(database, everybody_on_ably):
    transport = FakeTransport()
    async with running(transport) as dispatcher:
        await eventually(lambda: breaker_is_closed(database))
        await database(force_the_breaker, "open")
        await eventually(lambda: dispatcher._orchestrator._breaker.state == "open")
        await database(write, CHANNEL)
        await settled(database, "skipped")
        await database(force_the_breaker, "")
        await eventually(lambda: breaker_is_closed(database))
        await database(write, CHANNEL)
        await settled(database, "skipped", "published")
    assert transport.seqs == [2]


async def test_forced_closed_it_publishes_on_although_everything_fails(database, everybody_on_ably, settings):
    settings.ABLY_PUBLISH_ATTEMPTS = 1
    transport = FakeTransport()
    async with running(transport) as dispatcher:
        await eventually(lambda: breaker_is_closed(database))
        await database(force_the_breaker, "closed")
        await eventually(lambda: dispatcher._watch._breaker.forced)
        transport.ill = transient("503: away")
        for seq in range(1, 11):
            await database(write, CHANNEL)
            await settled(database, *["failed"] * seq)
        transport.ill = None
        await database(write, CHANNEL)
        await settled(database, *["failed"] * 10, "published")


async def test_rows_that_wait_when_a_new_leader_starts_are_published_and_not_skipped(database, everybody_on_ably):
    for _ in range(3):
        await database(write, CHANNEL)
    transport = FakeTransport()
    transport.probe = lambda: asyncio.sleep(0.05)
    async with running(transport):
        await settled(database, "published", "published", "published")


async def test_a_leader_that_slept_past_its_lease_publishes_nothing_until_it_has_looked(
    database, everybody_on_ably, monkeypatch
):
    transport = FakeTransport()
    async with running(transport) as dispatcher:
        await eventually(lambda: breaker_is_closed(database))
        monkeypatch.setattr(lease, "LENGTH", timedelta(0))
        await eventually(lambda: not dispatcher._may_publish())
        await database(write, CHANNEL)
        await eventually(lambda: taken(database))
        assert transport.attempted == []
        monkeypatch.setattr(lease, "LENGTH", timedelta(minutes=1))
        await eventually(dispatcher._may_publish)
        await database(let_leases_run_out)
        await settled(database, "published")


async def taken(database):
    return await database(lambda: Notification.objects.exclude(lease="").exists())


async def test_a_log_that_was_set_back_under_a_leader_gets_another_epoch_and_goes_on(database):
    async with running(FakeTransport()):
        for _ in range(3):
            await database(write, CHANNEL)
        await settled(database, *["skipped"] * 3)
        before = await database(eventlog.position)
        await database(set_back, 1)

        async def renewed():
            return (await database(eventlog.position)).epoch != before.epoch

        await eventually(renewed)
        await database(write, CHANNEL)
        await settled(database, "skipped", "skipped")


async def test_the_leader_trims_the_log_in_batches_and_clears_logins_by_itself(database, monkeypatch):
    cleared = []
    monkeypatch.setattr(upkeep, "_RETAIN_EVERY", 0.02)
    monkeypatch.setattr(upkeep, "_PAUSE", 0.0)
    monkeypatch.setattr(retention, "BATCH", 1)
    monkeypatch.setattr(retention, "clear_the_rest", lambda: cleared.append(True))
    async with running(FakeTransport()):
        for _ in range(3):
            await database(write, CHANNEL)
        await settled(database, *["skipped"] * 3)
        long_ago = timezone.now() - timedelta(days=200)
        await database(lambda: Notification.objects.filter(seq__lt=3).update(stamped_at=long_ago))

        async def trimmed():
            return await database(states) == [(3, "skipped")]

        await eventually(trimmed)
        await eventually(lambda: cleared)


async def test_a_standby_trims_nothing(database, monkeypatch):
    def trim():
        raise AssertionError("trimmed by a standby")

    monkeypatch.setattr(upkeep, "_RETAIN_EVERY", 0.0)
    monkeypatch.setattr(retention, "trim", trim)
    await database(take_the_lead)
    async with running(FakeTransport()) as standby:
        await standby._upkeep.retain()
        assert not standby.leads


async def test_rows_that_come_while_many_changes_wait_are_stamped_between_the_batches_of_them(database, monkeypatch):
    monkeypatch.setattr(changes, "BATCH", 1)
    await database(of_keys, ["a", "b", "c"])
    number, waiting = changes.number, []

    def number_while_rows_come(term):
        waiting.append(Notification.objects.filter(seq=None).count())
        numbered, renewed = number(term)
        if numbered:
            write(CHANNEL)
        return numbered, renewed

    monkeypatch.setattr(changes, "number", number_while_rows_come)
    async with running(None):
        await settled(database, "skipped", "skipped", "skipped")
    assert not any(waiting)


# --- What the leader alone shows

OF_THE_LEADER = ("rollout_percent", "oldest_unstamped_seconds", "canary_heard_timestamp_seconds")


def of_the_leader():
    page = scrape()
    return [page(name) for name in OF_THE_LEADER]


async def test_who_leads_shows_it_and_clears_the_leaders_gauges_when_the_lead_is_lost(database, monkeypatch):
    """Two dispatchers in one process; the lease is taken from the leader as another process would."""
    monkeypatch.setattr(upkeep, "_MEASURE_EVERY", 3_600.0)
    changes_before = (await database(scrape))("lead_changes_total")
    async with running(None, None) as dispatchers:
        await eventually(lambda: any(one.leads for one in dispatchers))

        async def leading():
            return (await database(scrape))("leading")

        await eventually(leading)
        assert (await database(scrape))("lead_changes_total") == changes_before + 1
        for gauge in (metrics.ROLLOUT_PERCENT, metrics.OLDEST_UNSTAMPED_SECONDS, metrics.CANARY_HEARD):
            gauge.set(25)
        follower = next(one for one in dispatchers if not one.leads)
        await follower._watch_departures()
        assert await database(of_the_leader) == [25, 25, 25]  # who does not lead clears nothing of the leader's
        await database(take_the_lease_away)
        await eventually(lambda: not any(one.leads for one in dispatchers))
        assert await leading() == 0
        assert await database(of_the_leader) == [0, 0, 0]


def take_the_lease_away():
    DispatcherLease.objects.update(holder="another", term=F("term") + 1, until=timezone.now() + timedelta(hours=1))


async def test_a_leader_that_cannot_renew_its_lease_shows_no_more_that_it_leads(database, monkeypatch):
    async with running(None) as dispatcher:
        await eventually(lambda: dispatcher.leads)
        metrics.ROLLOUT_PERCENT.set(25)
        monkeypatch.setattr(lease, "hold", lambda *of: 1 / 0)
        dispatcher._leads_until = 0.0
        metrics.LEAD._until = 0.0

        async def cleared():
            page = await database(scrape)
            return page("leading") == 0 == page("rollout_percent")

        await eventually(cleared)
        assert dispatcher.leads  # nobody took it yet
