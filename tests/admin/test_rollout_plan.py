"""The admin's page "Rollout": what it tells, who may act on it, and what an act needs."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission

from notificacao.models import BreakerState, Person, RolloutEvent, RolloutFlag, RolloutMinute
from notificacao.rollout import plan as rollout_plan
from notificacao.rollout import survey
from notificacao.rollout.grace import GRACE
from notificacao.rollout.plan import SystemActor
from tests.conftest import make_person

pytestmark = pytest.mark.django_db
PAGE = "/admin/notificacao/rolloutplan/"


def allowed(person, *names):
    person.is_staff = True
    person.save()
    person.user_permissions.add(*Permission.objects.filter(codename__in=names))
    return person


@pytest.fixture
def operator(ana):
    return allowed(ana, "view_rolloutplan", "run_rollout")


@pytest.fixture
def viewer(bia):
    return allowed(bia, "view_rolloutplan")


@pytest.fixture
def page(client, operator):
    client.force_login(operator)
    return client


def act(client, name, reason="Semana 1", version=None):
    version = rollout_plan.newest().version if version is None else version
    return client.post(PAGE, {"act": name, "version": version, "reason": reason}, follow=True).content.decode()


def test_it_says_in_a_sentence_where_the_transition_stands(page):
    assert "A transição não começou e todos recebem por SSE." in page.get(PAGE).content.decode()
    shown = act(page, "start")
    assert "Etapa 1 de 4, com 5% das pessoas no Ably." in shown
    assert "Feito: o plano está “Em andamento”." in shown


def test_an_act_turns_the_flag_and_is_on_record_with_who_and_why(page, operator):
    act(page, "start", reason="Aprovado na reunião")
    event = RolloutEvent.objects.get()
    assert (event.who, event.reason, event.to_percent) == (operator.public_id, "Aprovado na reunião", 5)
    assert RolloutFlag.objects.get().percent == 5
    shown = page.get(PAGE).content.decode()
    assert "Aprovado na reunião" in shown
    assert "0% → 5%" in shown


def test_only_what_the_plan_allows_now_is_offered(page):
    before, after = page.get(PAGE).content.decode(), act(page, "start")
    assert 'value="start"' in before
    assert 'value="roll_back"' not in before
    assert 'value="roll_back"' in after
    assert 'value="start"' not in after


@pytest.mark.parametrize(
    ("reason", "version", "refusal"),
    [(" ", None, "Diga o motivo."), ("Porque sim", 77, "O plano mudou depois que esta página abriu")],
)
def test_an_act_without_a_reason_or_on_an_old_page_changes_nothing_and_says_why(page, reason, version, refusal):
    assert refusal in act(page, "start", reason, version)
    assert not RolloutEvent.objects.exists()
    assert not RolloutFlag.objects.filter(percent__gt=0).exists()


def test_who_may_only_look_is_offered_nothing_and_may_do_nothing(client, viewer):
    client.force_login(viewer)
    assert 'name="act"' not in client.get(PAGE).content.decode()
    assert client.post(PAGE, {"act": "start", "version": 0, "reason": "x"}).status_code == 403
    assert not RolloutEvent.objects.exists()


@pytest.mark.parametrize(
    "wrong", [{"act": "kill"}, {"act": "_do"}, {"version": "um"}, {"version": ""}, {"version": "9" * 5_000}]
)
def test_what_no_page_sends_is_refused(page, wrong):
    assert page.post(PAGE, {"act": "start", "version": "0", "reason": "x"} | wrong).status_code == 403
    assert not RolloutEvent.objects.exists()


def test_staff_without_the_permission_see_neither_page_nor_figures(client, caio):
    client.force_login(allowed(caio))
    assert client.get(PAGE).status_code == 403
    assert client.get("/api/v1/rollout/").json()["code"] == "permission_denied"


def test_the_api_has_the_same_as_json_with_the_minutes_to_chart(page):
    act(page, "start")
    plan = rollout_plan.newest()
    since = plan.since.replace(second=0, microsecond=0)
    RolloutMinute.objects.create(plan=plan, at=since, arm="ably", transport="ably", shown=40, over_100_ms=1, failed=0)
    found = page.get("/api/v1/rollout/")
    assert found["Cache-Control"] == "no-store"
    assert found.json()["sentence"].startswith("Etapa 1 de 4")
    assert [stage["percent"] for stage in found.json()["stages"]] == [5, 25, 75, 100]
    assert [minute["ably"]["shown"] for minute in found.json()["charts"]["minutes"]] == [40]


def test_a_gate_is_shown_with_its_state_its_value_and_its_goal(page):
    act(page, "start")
    gates = [
        {"name": "failed", "label": "Falharam", "state": "broken", "value": 0.031, "goal": 0.005, "control": 0.001}
    ]
    rollout_plan.newest().stages.filter(position=1).update(gates=gates, watched=7_200, sample=120)
    shown = page.get(PAGE, {"part": "state"}).content.decode()
    assert "<html" not in shown
    assert "rompida (3,1%; limite 0,5%)" in shown
    assert "2 de 48 h" in shown
    assert "120 de 300" in shown


def test_what_people_say_is_shown_by_arm_and_names_nobody(page, ana):
    for number, mark in enumerate((5, 5, 4, 4, 3)):
        survey.answer(make_person(f"respondente{number}"), mark)
    shown = page.get(PAGE).content.decode()
    assert "O que as pessoas dizem" in shown
    assert "nada avança nem volta por ela" in shown
    assert '<th scope="row">SSE</th><td>5, de 5 pessoas</td>' in shown
    assert "<td>4,2</td><td>8,0 (antes 7, meta 9)</td><td>80%</td>" in shown
    assert "menos de 5 pessoas" in shown
    answer = page.get("/api/v1/rollout/")
    assert answer.json()["opinions"]["arms"]["control"]["mean"] == 4.2
    assert "respondente" not in shown + answer.content.decode()


def test_what_the_guard_did_is_told_with_its_reason(page):
    act(page, "start")
    rollout_plan.roll_back(
        SystemActor.GUARD, version=rollout_plan.newest().version, reason="Falhas acima do limite crítico"
    )
    shown = page.get(PAGE).content.decode()
    assert "A transição foi revertida" in shown
    assert "a verificação automática" in shown
    assert "Falhas acima do limite crítico" in shown


@pytest.fixture
def configured(settings):
    settings.ABLY_API_KEY = "app.key:secret"


def people(many: int) -> None:
    Person.objects.bulk_create([Person(username=f"pessoa{number}") for number in range(many)])


def test_a_flag_that_was_set_after_a_rollback_is_what_the_sentence_tells_of(page, configured):
    people(60)
    act(page, "start")
    act(page, "roll_back")
    assert "foi revertida e todos recebem por SSE" in page.get(PAGE).content.decode()
    RolloutFlag.objects.update(percent=50)
    BreakerState.objects.update(state=BreakerState.State.CLOSED)
    shown = page.get(PAGE).content.decode()
    assert "revertida e todos" not in shown
    assert "A transição foi revertida; pela chave, há 50% das pessoas no Ably." in shown


def test_the_ten_minutes_of_grace_are_counted_down(page):
    act(page, "start")
    assert "Faltam 10 min de carência" in page.get(PAGE).content.decode()
    begun = rollout_plan.newest()
    begun.since -= timedelta(seconds=GRACE - 30)
    begun.save()
    assert "Faltam 1 min de carência" in page.get(PAGE).content.decode()
    begun.since -= timedelta(seconds=60)
    begun.save()
    assert "carência" not in page.get(PAGE).content.decode()


def test_a_percent_that_reaches_nobody_warns_and_each_stage_says_how_many_it_is(page, configured):
    RolloutFlag.objects.update(salt="demo", percent=0)
    act(page, "start")
    stage = rollout_plan.newest().stages.get(position=1)
    active = Person.objects.filter(is_active=True)
    flag = RolloutFlag.objects.get()
    lowest = min(map(flag.bucket, active.values_list("pk", flat=True)))
    RolloutFlag.objects.update(percent=0.1 if lowest >= 100 else 0)
    shown = page.get(PAGE).content.decode()
    assert "não alcança ninguém" in shown
    assert f"{float(stage.percent):g}% ({sum(flag.bucket(one.pk) < 5_000 for one in active)})" in shown


def test_an_act_says_how_many_people_it_takes_off_ably_before_it_is_done(page, configured):
    people(60)
    RolloutFlag.objects.update(percent=100)
    active = list(Person.objects.filter(is_active=True).values_list("pk", flat=True))
    flag = RolloutFlag.objects.get()
    after = sum(flag.bucket(pk) < 5_000 for pk in active)
    shown = page.get(PAGE).content.decode()
    assert f"Pelo Ably: {len(active)} pessoas agora, {after} depois." in shown
    assert f"Isto tira {len(active) - after} do Ably" in shown
