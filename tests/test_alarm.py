"""The alarm: administrators and auditors hear of whoever is refused again and again, once."""

import pytest
from structlog.testing import capture_logs

from notificacao import alarm, audiences, rates
from notificacao.denials import Denials
from notificacao.models import AuditEvent, Notification, Role
from notificacao.rates import Buckets, Memory
from tests.conftest import make_person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def three_in_ten_minutes(settings):
    settings.ALARM_REFUSALS, settings.ALARM_WINDOW = 3, 600


@pytest.fixture
def dora():
    return make_person("dora", Role.ADMIN)


@pytest.fixture
def eva():
    return make_person("eva", Role.AUDITOR)


def refuse(times, who="caio", ip="10.0.0.1", reason="not_found read"):
    kept = Denials(AuditEvent.Action.ACCESS_DENIED)
    for _ in range(times):
        kept.record(who=who, ip=ip, reason=reason)


def alarms() -> list[tuple[str, str, int]]:
    found = AuditEvent.objects.filter(action="alarm_raised").order_by("pk")
    return [(event.who, event.ip, event.data["told"]) for event in found]


def test_administrators_and_auditors_are_told_at_once_on_their_own_channels(dora, eva, ana):
    refuse(4)
    rows = Notification.objects.all()
    assert {row.channel for row in rows} == {audiences.channel_for_user(person) for person in (dora, eva)}
    assert {(row.kind, row.priority, row.data["event"]) for row in rows} == {("alerta", "urgente", alarm.EVENT)}
    assert alarms() == [("caio", "10.0.0.1", 2)]


def test_the_notification_names_nobody(dora):
    refuse(4)
    row = Notification.objects.get()
    assert "caio" not in f"{row.title} {row.message} {row.data}"


def test_up_to_the_limit_nobody_is_told(dora):
    refuse(3)
    assert not Notification.objects.exists()


def test_once_in_a_window_however_long_it_goes_on(dora):
    refuse(50)
    assert Notification.objects.count() == 1


def test_another_process_that_counted_the_same_does_not_tell_again(dora):
    refuse(4)
    rates.forget()
    refuse(4)
    assert Notification.objects.count() == 1


def test_two_addresses_that_nobody_knows_are_two(dora):
    for ip in ("10.0.0.1", "10.0.0.2"):
        refuse(4, who="", ip=ip)
    assert [event[:2] for event in alarms()] == [("", "10.0.0.1"), ("", "10.0.0.2")]


def test_one_person_is_the_same_from_many_addresses(dora):
    for number in range(4):
        refuse(1, ip=f"10.0.0.{number}")
    assert alarms() == [("caio", "10.0.0.3", 1)]


@pytest.mark.parametrize("reason", ["not_authenticated session", "not_in_rollout"])
def test_a_login_that_ran_out_is_no_attack(dora, reason):
    refuse(50, who="", reason=reason)
    assert alarms() == []


def test_where_nobody_holds_the_roles_it_is_on_record_all_the_same():
    refuse(4)
    assert alarms() == [("caio", "10.0.0.1", 0)]


@pytest.fixture
def processes(monkeypatch):
    """`processes(2)`: what follows happens in the second process."""
    buckets = {number: Buckets(Memory()) for number in (1, 2, 3)}
    return lambda number: monkeypatch.setattr(rates, "_buckets", buckets[number])


def refused_in_each(processes) -> list[tuple[str, str, int]]:
    """Two refusals in each of three processes, of somebody whom no other test knows; the alarms raised."""
    for number in (1, 2, 3):
        processes(number)
        refuse(2, who="", ip="10.9.8.7")
    return alarms()


@pytest.mark.services
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_with_redis_all_processes_count_together_and_one_of_them_tells(dora, redis, settings, processes):
    settings.REDIS_URL = redis.url
    assert refused_in_each(processes) == [("", "10.9.8.7", 1)]


def test_without_redis_each_counts_for_itself(dora, processes):
    assert refused_in_each(processes) == []


@pytest.mark.services
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_while_redis_is_gone_each_counts_for_itself(dora, settings, processes):
    settings.REDIS_URL = "redis://127.0.0.1:9/0"  # nobody listens there
    with capture_logs():
        assert refused_in_each(processes) == []
        refuse(4, who="", ip="10.9.8.7")
    assert alarms() == [("", "10.9.8.7", 1)]
