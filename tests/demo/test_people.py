"""The demonstration data: made once, never undone, and never where it would be a risk."""

import io
import json
import re

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from notificacao import audiences
from notificacao.conf import conf
from notificacao.demo import alarm
from notificacao.demo import people as demo
from notificacao.dispatcher.findings import keys
from notificacao.management.commands import simulate
from notificacao.models import Alert, AuditEvent, BenefitType, Membership, Notification, Person, RolloutFlag, Unit
from tests.conftest import make_person
from tests.producers import System, make_producer


@pytest.fixture(autouse=True)
def developing(db, settings):
    settings.DEBUG = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.ABLY_API_KEY = ""


def run_demo(**options):
    output = io.StringIO()
    call_command("demo", stdout=output, **options)
    return output.getvalue()


def counts():
    return {model: model.objects.count() for model in (Person, Unit, BenefitType, Membership, Notification)}


def the_flag():
    return RolloutFlag.objects.get(name="ably")


def on_ably():
    return {name for name in ("ana", "bia", "caio", "gil") if the_flag().includes(Person.objects.get(username=name).pk)}


def test_it_makes_units_benefits_and_people_who_can_log_in(client):
    run_demo()
    assert set(Unit.objects.values_list("code", flat=True)) == {"CRAS01", "CRAS02", "CREAS01"}
    assert set(BenefitType.objects.values_list("slug", flat=True)) == set(demo.BENEFITS)
    assert all(unit.benefits.exists() for unit in Unit.objects.all())
    for name in ("ana", "bia", "caio", "carla", "gil", "admin"):
        assert client.login(username=name, password="semtas-demo")
        assert Person.objects.get(username=name).get_full_name().count(" ") == 1
    assert Person.objects.get(username="admin").is_superuser
    assert set(Person.objects.filter(is_staff=True).values_list("username", flat=True)) == {"admin", "carla"}
    assert client.login(username="carla", password="semtas-demo")
    assert "Enviar notificação" in client.get("/admin/notificacao/notification/add/").content.decode()


def test_a_second_run_changes_nothing():
    run_demo()
    before = counts(), the_flag().salt
    assert "enviadas" not in run_demo()
    assert (counts(), the_flag().salt) == before


def test_a_second_run_keeps_what_staff_has_changed():
    run_demo()
    ana = Person.objects.get(username="ana")
    ana.set_password("outra-senha")
    ana.save()
    Unit.objects.get(code="CRAS01").benefits.clear()
    output = run_demo()
    assert Person.objects.get(username="ana").check_password("outra-senha")
    assert not Unit.objects.get(code="CRAS01").benefits.exists()
    assert "(alterada)" in output


def test_ana_and_gil_are_on_ably_and_bia_and_caio_are_not():
    run_demo()
    assert on_ably() == {"ana", "gil"}
    assert the_flag().percent == 50


def test_a_fresh_database_gets_the_salt_that_was_searched_once():
    assert demo._draws(demo.SALT, {"ana": 1, "bia": 2, "caio": 3, "gil": 5})


def test_other_primary_keys_get_another_salt_that_draws_the_same_people():
    for number in range(3):
        make_person(f"antes{number}")
    person = make_person("bia")
    run_demo()
    assert person.pk < Person.objects.get(username="ana").pk
    assert on_ably() == {"ana", "gil"}


@pytest.mark.parametrize("touched", [{"percent": 10}, {"everyone": False}, {"everyone": True}])
def test_a_flag_that_staff_has_set_before_the_first_run_is_left_alone(touched):
    RolloutFlag.objects.filter(name="ably").update(**touched)
    before = RolloutFlag.objects.filter(name="ably").values().get()
    run_demo()
    assert RolloutFlag.objects.filter(name="ably").values().get() == before


@pytest.mark.parametrize("percent", [25, 0])
def test_a_flag_that_staff_has_changed_since_the_first_run_is_left_alone(percent):
    run_demo()
    RolloutFlag.objects.filter(name="ably").update(percent=percent)
    run_demo()
    assert the_flag().percent == percent


def test_the_first_run_fills_the_inboxes():
    assert "9 notificações enviadas" in run_demo()
    assert Notification.objects.values("event_id").distinct().count() == 9
    sent = set(Notification.objects.values_list("channel", flat=True))
    heard = audiences.channels_of(Person.objects.values_list("pk", flat=True))
    assert all(sent & (set(channels) - {audiences.SYSTEM_CHANNEL}) for channels in heard.values())


def test_the_logins_are_listed_with_their_transport():
    rows = [line.split() for line in run_demo().splitlines()]
    listed = {row[0]: (row[1], row[-1]) for row in rows[1:7]}
    assert set(listed) == {"ana", "bia", "caio", "carla", "gil", "admin"}
    assert listed["ana"] == ("semtas-demo", "Ably")
    assert listed["bia"] == ("semtas-demo", "SSE")


def test_it_is_refused_where_debug_is_off(settings):
    settings.DEBUG = False
    with pytest.raises(CommandError, match="use --force"):
        run_demo()
    assert not Person.objects.exists()


def test_force_overrides_the_refusal(settings):
    settings.DEBUG = False
    run_demo(force=True)
    assert Person.objects.filter(username="ana").exists()


def test_the_alarm_has_refusals_and_itself_behind_it_in_the_audit():
    run_demo()
    raised = AuditEvent.objects.get(action=AuditEvent.Action.ALARM_RAISED)
    refused = AuditEvent.objects.filter(action=AuditEvent.Action.ACCESS_DENIED, ip=raised.ip, reason=raised.reason)
    assert sum(1 + event.data.get("alike_before", 0) for event in refused) == conf.ALARM_REFUSALS
    told = Notification.objects.filter(data__event="seguranca.acesso_negado_repetido").count()
    assert raised.data["told"] == told > 0


def test_an_alarm_of_the_simulation_has_them_too():
    run_demo()
    before = AuditEvent.objects.filter(action=AuditEvent.Action.ALARM_RAISED).count()
    simulate._send(alarm.notice())
    assert AuditEvent.objects.filter(action=AuditEvent.Action.ALARM_RAISED).count() == before + 1


def test_the_first_example_of_the_producers_guide_is_sent_on_this_data():
    run_demo()
    guide = (settings.BASE_DIR / "docs" / "producers.md").read_text()
    order = json.loads(re.search(r"-d '(.*?)'\n", guide, re.DOTALL)[1])
    producer = make_producer(events=[order["event"]])
    before = Notification.objects.count()
    assert System(producer).post(order).status_code == 201
    assert Notification.objects.count() > before


def test_an_alert_that_is_over_and_one_that_the_dispatcher_finds_by_itself():
    run_demo()
    assert {(one.name, one.about, one.closed_at is None) for one in Alert.objects.all()} == {
        ("BreakerOpen", "", False),
        ("KeyEndsSoon", "protocolo-geral", True),
    }
    assert [(one.name, one.about) for one in keys()] == [("KeyEndsSoon", "protocolo-geral")]
