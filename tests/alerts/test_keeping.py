"""Alerts: opened once by whoever finds them first, told once, and closed once they were fine for a while."""

import asyncio
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F

from notificacao import alerts, audiences, metrics, services
from notificacao.database import DatabaseThread
from notificacao.models import Alert, AuditEvent, Notification, Role
from tests.conftest import make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def dora():
    return make_person("dora", Role.ADMIN)


def pass_time(**past):
    """What was seen, opened and closed lies so much further back."""
    ago = timedelta(**past)
    Alert.objects.update(seen_at=F("seen_at") - ago, opened_at=F("opened_at") - ago, closed_at=F("closed_at") - ago)


def told() -> list[str]:
    return list(Notification.objects.order_by("pk").values_list("title", flat=True))


def test_who_holds_admin_is_told_what_is_wrong_and_what_to_do_with_a_link_to_the_runbook(dora, ana):
    make_person("eva", Role.AUDITOR)
    make_person("gone", Role.ADMIN, is_active=False)
    assert alerts.open("BreakerOpen", detail="Motivo: o Ably está fora de alcance.")
    row = Notification.objects.get()
    assert row.channel == audiences.channel_for_user(dora)
    assert row.title == "O Ably está fora de uso"
    assert row.message.startswith("Motivo: o Ably está fora de alcance. Todos recebem por SSE e nada se perde")
    assert (row.link, row.kind, row.priority) == ("/admin/plantao/#BreakerOpen", "alerta", "urgente")
    assert row.data == {"event": "sistema.alerta_aberto", "alert": "BreakerOpen", "about": ""}


def test_the_link_leads_to_where_the_admin_is(dora, settings):
    settings.ADMIN_PATH = "gestao/interna/"
    alerts.open("RedisAway")
    assert Notification.objects.get().link == "/gestao/interna/plantao/#RedisAway"


@pytest.mark.parametrize("name", alerts.DEFINITIONS)
def test_every_alert_can_be_told_with_the_longest_detail(dora, name):
    assert alerts.open(name, detail="x" * 400)
    alerts.close(Alert.objects.get())
    assert told() == [alerts.DEFINITIONS[name].title, f"Resolvido: {alerts.DEFINITIONS[name].title}"]


def test_the_metric_has_a_series_of_each_alert():
    assert alerts.DEFINITIONS.keys() <= set(metrics.ALERTS)


def test_while_it_is_open_nobody_is_told_again(dora):
    assert [alerts.open("RedisAway") for _ in range(3)] == [True, False, False]
    assert len(told()) == 1


def test_what_it_is_about_tells_two_of_one_name_apart(dora):
    for about in ("folha", "beneficios", "folha"):
        alerts.open("KeyEndsSoon", about)
    assert sorted(alerts.open_alerts().values_list("about", flat=True)) == ["beneficios", "folha"]
    assert len(told()) == 2


def test_it_closes_once_it_was_fine_for_a_minute_and_that_is_told_once(dora):
    alerts.open("RedisAway", detail="Sem resposta.")
    pass_time(seconds=50)
    assert len(alerts.close_what_is_over()) == 1
    pass_time(minutes=74)
    assert alerts.close_what_is_over() == []
    alerts.close_what_is_over()
    assert told() == ["O Redis não responde", "Resolvido: O Redis não responde"]
    over = Notification.objects.last()
    assert "durou 1 h 15 min" in over.message
    assert (over.priority, over.data["event"]) == ("normal", "sistema.alerta_encerrado")


def test_a_fault_that_comes_and_goes_within_the_minute_stays_one_alert(dora):
    for _ in range(5):
        alerts.open("RedisAway")
        pass_time(seconds=50)
        alerts.close_what_is_over()
    assert len(told()) == 1


def test_what_comes_back_after_it_was_over_is_told_anew(dora):
    for _ in range(2):
        alerts.open("RedisAway")
        pass_time(minutes=2)
        alerts.close_what_is_over()
    assert len(told()) == 4
    assert Alert.objects.count() == 2


def test_what_cannot_be_told_keeps_its_alert_open_and_opens_none(dora):
    alerts.open("BudgetAhead")
    pass_time(hours=2)
    alerts.hold("BudgetAhead")
    alerts.hold("RedisAway")
    assert [one.name for one in alerts.close_what_is_over()] == ["BudgetAhead"]


def test_an_alert_and_its_notification_are_written_together_or_not_at_all(dora, monkeypatch):
    monkeypatch.setattr(services, "notify_many", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        alerts.open("RedisAway")
    assert not Alert.objects.exists()


def test_without_anybody_to_tell_it_is_open_all_the_same(db):
    assert alerts.open("RedisAway")
    assert alerts.open_alerts().exists()


def test_an_alert_of_another_version_is_left_alone(dora):
    Alert.objects.create(name="OfTomorrow")
    pass_time(days=1)
    assert [one.name for one in alerts.close_what_is_over()] == ["OfTomorrow"]
    assert told() == []


def test_the_alert_itself_is_the_record_and_the_audit_trail_has_none(dora):
    alerts.open("RedisAway")
    assert not AuditEvent.objects.exists()


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
async def test_of_many_that_find_it_at_once_one_opens_it_and_closes_it(transactional_db):
    threads = [DatabaseThread("test") for _ in range(6)]
    await threads[0].run(make_person, "dora", Role.ADMIN)
    together = threading.Barrier(len(threads))

    def at_once(act, *args):
        together.wait()
        return act(*args)

    opened = await asyncio.gather(*(thread.run(at_once, alerts.open, "NobodyLeads") for thread in threads))
    alert = await threads[0].run(Alert.objects.get)
    closed = await asyncio.gather(*(thread.run(at_once, alerts.close, alert) for thread in threads))
    assert (opened.count(True), closed.count(True)) == (1, 1)
    assert len(await threads[0].run(told)) == 2
    for thread in threads:
        thread.close()


def test_looking_for_what_is_open_reads_few_rows_by_an_index(db):
    """The constraint's partial index has the open ones alone."""
    question = str(alerts.open_alerts().filter(name="NobodyLeads").only("pk").order_by().query)
    question = question.replace("= NobodyLeads", "= 'NobodyLeads'")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {'QUERY PLAN' if connection.vendor == 'sqlite' else ''} {question}")
        assert "alert_open_once" in str(cursor.fetchall())
