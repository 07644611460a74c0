"""Each process tells who listens to what in it; together that is what staff see."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from notificacao import audiences, audit, presence, retention
from notificacao.models import ActiveChannel, AuditEvent, Connection, Person, WebProcess
from notificacao.presence import Count, Pages
from notificacao.stream import presence_reporter
from tests.asgi import in_database, set_rollout
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

SYSTEM = "system:notifications"


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(presence_reporter, "EVERY", 0.02)


def told(channel=SYSTEM):
    """`(on SSE, on Ably)` of a channel over all processes; None where it is not listed."""
    return next(((one.on_sse, one.on_ably) for one in presence.active_channels() if one.channel == channel), None)


async def test_who_opens_a_page_is_counted_by_lane_and_once_a_person(site, ana, bia, cras_norte):
    unit = audiences.channel_for_unit(cras_norte)
    await in_database(set_rollout, everyone=True, breaker="closed")
    await site.open(ana)
    await site.open(ana)
    await eventually(lambda: in_database(lambda: told(unit) == (1, 0)))
    await site.open(bia, lane="standby")
    await eventually(lambda: in_database(lambda: told(unit) == (1, 1)))
    assert await in_database(told, audiences.channel_for_user(bia)) == (0, 1)
    assert await in_database(presence.count_on_ably) == 3


async def test_a_channel_that_nobody_listens_to_any_more_is_idle_and_then_dropped(site, ana, settings):
    settings.CHANNEL_IDLE = 3_600
    stream = await site.open(ana)
    await eventually(lambda: in_database(lambda: told() == (1, 0)))
    before = await in_database(ActiveChannel.objects.get, channel=SYSTEM)
    await stream.close()
    await eventually(lambda: in_database(lambda: told() == (0, 0)))
    after = await in_database(ActiveChannel.objects.get, channel=SYSTEM)
    assert after.since > before.since
    settings.CHANNEL_IDLE = 0
    await eventually(lambda: in_database(lambda: told() is None))
    await site.open(ana)
    await eventually(lambda: in_database(lambda: told() == (1, 0)))


async def test_since_stays_while_others_come_and_go(site, ana, bia):
    await site.open(ana)
    await eventually(lambda: in_database(lambda: told() == (1, 0)))
    before = await in_database(ActiveChannel.objects.get, channel=SYSTEM)
    await site.open(bia)
    await eventually(lambda: in_database(lambda: told() == (2, 0)))
    assert (await in_database(ActiveChannel.objects.get, channel=SYSTEM)).since == before.since


async def test_people_with_alike_pages_share_what_is_kept_of_them(site, ana, bia):
    await site.open(ana)
    await site.open(bia)
    people, counts = site.hub.presence._people, site.hub.presence._reported
    own = {audiences.channel_for_user(ana), audiences.channel_for_user(bia)}
    await eventually(lambda: {ana.pk, bia.pk} <= people.keys() and own <= counts.keys())
    assert people[ana.pk] is people[bia.pk]
    assert counts[audiences.channel_for_user(ana)] is counts[audiences.channel_for_user(bia)]


async def test_a_process_that_was_forgotten_tells_all_again(site, ana):
    await site.open(ana)
    await eventually(lambda: in_database(lambda: told() == (1, 0)))
    await in_database(WebProcess.objects.all().delete)
    await eventually(lambda: in_database(lambda: told() == (1, 0)))


def test_processes_are_added_up_and_one_that_says_nothing_for_long_counts_no_more(transactional_db):
    for process, count in (("one", Count(2, 1)), ("two", Count(5, 0))):
        presence.record_process(process)
        presence.write_counts(process, {SYSTEM: count}, [SYSTEM])
    assert told() == (7, 1)
    WebProcess.objects.filter(pk="two").update(seen_at=F("seen_at") - timedelta(minutes=1))
    assert told() == (2, 1)
    retention.clear_the_rest()
    assert set(WebProcess.objects.values_list("pk", flat=True)) == {"one"}
    assert ActiveChannel.objects.count() == 1


def test_a_wrong_clock_of_this_machine_changes_nothing(transactional_db, monkeypatch):
    presence.record_process("one")
    presence.write_counts("one", {SYSTEM: Count(1, 0)}, [SYSTEM])
    monkeypatch.setattr(timezone, "now", lambda: timezone.datetime(2040, 1, 1, tzinfo=timezone.get_default_timezone()))
    assert told() == (1, 0)


class Crowd:
    """A roster of so many channels, one listener each; of no pages."""

    def __init__(self, channels):
        self.subscribers = {}
        subscriber = type("Listener", (), {"in_standby": False})
        self.subscribers_of = {f"private:user:p{number}:notifications": {subscriber()} for number in range(channels)}

    def channels(self):
        return list(self.subscribers_of.items())


@pytest.mark.slow
async def test_ten_thousand_channels_cost_one_statement_a_round_once_they_are_told(transactional_db, monkeypatch):
    class Here:
        """This test's own thread, so that its statements are seen."""

        async def run(self, work, *args):
            return await in_database(work, *args)

    crowd = Crowd(10_000)
    reporter = presence_reporter.PresenceReporter(crowd, Here())
    monkeypatch.setattr(presence_reporter, "EVERY", 0)
    await reporter.report()
    assert await in_database(ActiveChannel.objects.count) == 10_000
    crowd.subscribers_of.popitem()
    assert await in_database(statements, reporter) == 2, "the beat, and the one that changed"
    assert await in_database(statements, reporter) == 1, "the beat alone"


def statements(reporter) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        async_to_sync(reporter.report)()
    return len([query for query in captured if query["sql"].split()[0] in ("INSERT", "UPDATE", "DELETE")])


# --- People


def connection_of(person):
    """`(live, standby, browsers)` of a person over all processes; None where they have no page open."""
    found = Connection.objects.filter(person=person).values_list("live", "standby", "browsers").first()
    return found


async def test_each_person_is_told_with_pages_by_lane_and_the_names_of_their_browsers(site, ana, bia):
    await in_database(set_rollout, everyone=True, breaker="closed")
    first = await site.open(ana)
    await site.open(ana, lane="standby")
    await eventually(lambda: in_database(lambda: connection_of(ana) == (1, 1, "outro navegador")))
    since = (await in_database(Connection.objects.get)).since
    await first.close()
    await eventually(lambda: in_database(lambda: connection_of(ana) == (0, 1, "outro navegador")))
    assert (await in_database(Connection.objects.get)).since == since
    assert await in_database(presence.pages_open) == (0, 1, "")


async def test_nothing_is_kept_of_who_has_left(site, ana):
    stream = await site.open(ana)
    await eventually(lambda: in_database(lambda: connection_of(ana)))
    await stream.close()
    await eventually(lambda: in_database(lambda: not Connection.objects.exists()))


async def test_a_process_that_was_forgotten_tells_its_people_again(site, ana):
    await site.open(ana)
    await eventually(lambda: in_database(lambda: connection_of(ana)))
    await in_database(WebProcess.objects.all().delete)
    await eventually(lambda: in_database(lambda: connection_of(ana)))


def test_the_connections_go_with_a_process_that_is_silent_and_count_no_more_before_that(transactional_db, ana):
    presence.record_process("one")
    presence.write_connections("one", {ana.pk: Pages(1, 0), 999_999: Pages(1, 0)})
    assert presence.connections().count() == 1
    WebProcess.objects.update(seen_at=F("seen_at") - timedelta(minutes=1))
    assert presence.connections().count() == 0
    retention.clear_the_rest()
    assert not Connection.objects.exists()


@pytest.mark.slow
async def test_two_thousand_people_cost_no_statement_once_they_are_told(transactional_db, monkeypatch):
    class Here:
        async def run(self, work, *args):
            return await in_database(work, *args)

    people = await in_database(
        Person.objects.bulk_create, [Person(username=f"p{number}", password="!") for number in range(2_000)]
    )
    crowd = Crowd(0)
    crowd.subscribers = {person.pk: SimpleNamespace(pk=person.pk, streams=(Page(),)) for person in people}
    reporter = presence_reporter.PresenceReporter(crowd, Here())
    monkeypatch.setattr(presence_reporter, "EVERY", 0)
    told = "the beat, and batches of people and spans, which SQLite takes by 142 rows"
    assert await in_database(statements, reporter) <= 40, told
    assert await in_database(Connection.objects.count) == 2_000
    assert await in_database(statements, reporter) == 1, "the beat alone"
    crowd.subscribers.popitem()
    assert await in_database(statements, reporter) <= 5, "the beat, the one that left, and their span, in a transaction"


class Page:
    lane, browser_name = "live", "Firefox no Windows"


# --- Tokens


def issue(who, channels, expires_in=900):
    audit.record(
        AuditEvent.Action.TOKEN_ISSUED,
        who=who,
        channels=channels,
        expires_at=int(timezone.now().timestamp()) + expires_in,
    )


def test_a_token_in_force_counts_its_person_once_and_an_expired_one_not(transactional_db):
    issue("ana", [SYSTEM])
    issue("ana", [SYSTEM])
    issue("bia", [SYSTEM], expires_in=-1)
    [found] = presence.active_channels()
    assert (found.channel, found.tokens, found.subscribers) == (SYSTEM, 1, 1)
    assert timezone.now() - found.since < timedelta(minutes=1)


def test_a_refused_token_is_no_listener(transactional_db):
    audit.record(AuditEvent.Action.TOKEN_REFUSED, who="caio", channels=[SYSTEM], expires_at=9_999_999_999)
    assert presence.active_channels() == []
