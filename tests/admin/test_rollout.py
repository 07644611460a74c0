"""The flag and the breaker in the admin: who is on Ably, who said so, and whether Ably is in use."""

import re
from decimal import Decimal

import pytest

from notificacao import wakes
from notificacao.models import AuditEvent, BreakerState, Person, RolloutEvent, RolloutFlag
from notificacao.rollout import plan as rollout_plan
from notificacao.rollout.plan import SystemActor
from tests.conftest import make_person
from tests.staff import complaints, make_staff

FLAGS, BREAKERS = "/admin/notificacao/rolloutflag/", "/admin/notificacao/breakerstate/"


@pytest.fixture
def flag(db, settings):
    """At half, with Ably configured and in use."""
    settings.ABLY_API_KEY = "app.key:secret"
    BreakerState.objects.update(state=BreakerState.State.CLOSED)
    flag = RolloutFlag.objects.get(name="ably")
    flag.percent, flag.note, flag.salt = 50, "Piloto", "sal"
    flag.save()
    return flag


@pytest.fixture
def operator(client, flag):
    client.force_login(make_staff("dora", "change_rolloutflag", "view_breakerstate"))
    return client


def address(flag):
    return f"{FLAGS}{flag.pk}/change/"


def opened(client, flag):
    """The page's own fields as they stand when it opens."""
    form = client.get(address(flag)).context["adminform"].form
    return {"percent": "50", "everyone": "unknown", "note": "Piloto", "seen": form.initial["seen"]}


def set_to(client, flag, **fields):
    """Open the page, change `fields`, save; the sentences of what was refused."""
    return complaints(client.post(address(flag), opened(client, flag) | fields))


def as_stored():
    return RolloutFlag.objects.values_list("percent", "everyone", "salt").get(name="ably")


def situation(client, flag):
    return re.search(r'class="field-situation">(.*?)</td>', client.get(FLAGS).content.decode())[1]


@pytest.mark.parametrize("percent", ["0", "12.5", "100"])
def test_the_percent_is_set(operator, flag, percent):
    assert set_to(operator, flag, percent=percent) == []
    assert as_stored()[0] == Decimal(percent)


@pytest.mark.parametrize(("posted", "everyone"), [("true", True), ("false", False), ("unknown", None)])
def test_everyone_is_set(operator, flag, posted, everyone):
    assert set_to(operator, flag, everyone=posted) == []
    assert as_stored()[1] is everyone


@pytest.mark.parametrize(
    ("percent", "sentence"),
    [
        ("101", "Certifique-se que este valor seja menor ou igual a 100."),
        ("-1", "Certifique-se que este valor seja maior ou igual a 0."),
        ("5.25", "Certifique-se de que não tenha mais de 1 casa decimal."),
        ("", "Este campo é obrigatório."),
    ],
)
def test_a_percent_that_is_none_is_refused_in_portuguese(operator, flag, percent, sentence):
    assert set_to(operator, flag, percent=percent) == [sentence]
    assert as_stored()[0] == 50


def test_a_change_wakes_hubs_and_dispatcher(operator, flag, monkeypatch, django_capture_on_commit_callbacks):
    woken = []
    monkeypatch.setattr(wakes, "wake", woken.append)
    with django_capture_on_commit_callbacks(execute=True):
        set_to(operator, flag, percent="0")
        assert woken == []
    assert {wakes.HUBS, wakes.DISPATCHER} <= {*woken}


def test_the_history_tells_old_value_new_value_and_who(operator, flag):
    set_to(operator, flag, percent="25", everyone="false", note="Ably lento")
    page = operator.get(f"{FLAGS}{flag.pk}/history/").content.decode()
    assert "Percentual: 50,0 → 25,0" in page
    assert "Todos no Ably: Vale o percentual → Não: ninguém, todos por SSE" in page
    assert "Observação: “Piloto” → “Ably lento”" in page
    assert "dora (Dora)" in page


def test_what_was_not_changed_is_not_in_the_history(operator, flag):
    set_to(operator, flag, percent="25")
    set_to(operator, flag, percent="25")
    page = operator.get(f"{FLAGS}{flag.pk}/history/").content.decode()
    assert "Observação" not in page
    assert page.count("Percentual: 50,0 → 25,0") == 1
    assert "Nenhum campo modificado." in page


def test_a_page_that_was_open_while_somebody_else_changed_the_flag_does_not_undo_it(operator, flag):
    stale = opened(operator, flag)
    set_to(operator, flag, percent="0")
    response = operator.post(address(flag), stale | {"note": "Só a observação"})
    assert "A chave foi alterada por outra pessoa" in response.content.decode()
    assert as_stored()[0] == 0


def begin_a_plan():
    return rollout_plan.start(SystemActor.SHELL, version=rollout_plan.newest().version, reason="Piloto")


@pytest.mark.parametrize("change", [{"percent": "12"}, {"everyone": "true"}])
def test_while_a_plan_is_under_way_the_percent_is_its_own(operator, flag, change):
    begin_a_plan()
    (sentence,) = set_to(operator, flag, **{"percent": "5"} | change)
    assert sentence.startswith("Um plano de transição está em curso")
    assert as_stored()[:2] == (5, None)


def test_but_its_note_may_be_written(operator, flag):
    begin_a_plan()
    assert set_to(operator, flag, percent="5", note="Semana de pagamento") == []
    assert rollout_plan.newest().under_way


@pytest.mark.parametrize(("change", "stored"), [({"percent": "0"}, (0, None)), ({"everyone": "false"}, (0, False))])
def test_the_kill_switch_works_from_a_stale_page_and_ends_the_plan(operator, flag, change, stored):
    stale = opened(operator, flag)
    begin_a_plan()
    assert complaints(operator.post(address(flag), stale | change | {"note": "Ably lento"})) == []
    assert as_stored()[:2] == stored
    assert rollout_plan.newest().state == "rolled_back"
    event = RolloutEvent.objects.first()
    assert (event.action, event.reason) == ("kill", "Ably lento")


def test_who_changed_the_flag_from_where_is_in_the_audit_trail_with_a_plan_or_without(operator, flag):
    begin_a_plan()
    set_to(operator, flag, percent="5", everyone="false", note="Chave vazada")
    set_to(operator, flag, percent="0", everyone="unknown", note="Nova chave")
    set_to(operator, flag, percent="0", everyone="unknown", note="Só a observação")
    back, no, killed, _ = AuditEvent.objects.filter(action="rollout_changed")
    dora = Person.objects.get(username="dora").public_id
    assert {(event.who, event.ip) for event in (back, no, killed)} == {(dora, "127.0.0.1")}
    assert (killed.data["act"], killed.data["percent"], killed.reason) == ("kill", "5% → 0%", "Chave vazada")
    assert [event.data["everyone"] for event in (no, back)] == [[None, False], [False, None]]


def test_the_salt_is_shown_and_not_changed(operator, flag):
    set_to(operator, flag, salt="outro", percent="25")
    assert as_stored() == (25, None, "sal")


def test_the_flag_is_neither_added_nor_deleted(client, django_user_model, flag):
    client.force_login(django_user_model.objects.create_superuser("admin"))
    assert client.get(f"{FLAGS}add/").status_code == 403
    assert client.post(f"{FLAGS}{flag.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(FLAGS, {"action": "delete_selected", "_selected_action": [flag.pk], "post": "yes"})
    assert RolloutFlag.objects.filter(name="ably").exists()


def test_who_may_only_look_changes_nothing(client, flag):
    client.force_login(make_staff("eva", "view_rolloutflag"))
    page = client.get(address(flag)).content.decode()
    assert "50,0" in page
    assert "Seen" not in page
    assert client.post(address(flag), {"percent": "0"}).status_code == 403
    assert as_stored()[0] == 50


def test_the_lists_first_link_leads_to_the_flag(operator, flag):
    table = operator.get(FLAGS).content.decode().partition('id="result_list"')[2]
    assert re.search(r'<a href="(.*?)"', table)[1] == address(flag)


def test_without_ably_one_sentence_says_what_to_do(operator, flag, settings):
    settings.ABLY_API_KEY = ""
    sentence = situation(operator, flag)
    assert sentence.startswith("O Ably não está configurado e todos recebem por SSE: defina ABLY_API_KEY")
    assert sentence.count(". ") == 0
    assert sentence in operator.get(address(flag)).content.decode()


def test_with_ably_out_of_use_the_flag_says_so(operator, flag):
    BreakerState.objects.update(state=BreakerState.State.OPEN)
    assert situation(operator, flag).startswith("O Ably está fora de uso")


def test_with_ably_in_use_the_flag_tells_how_many_are_on_it(operator, flag):
    make_person("gone", is_active=False)
    set_to(operator, flag, everyone="true")
    assert situation(operator, flag) == "Pelo Ably: 1 de 1 pessoas ativas."
    set_to(operator, flag, everyone="false")
    assert situation(operator, flag) == "Pelo Ably: 0 de 1 pessoas ativas."


def test_nothing_of_waffle_but_the_flag_is_in_the_admin(client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("admin"))
    assert "waffle" not in client.get("/admin/").content.decode().lower()


def test_the_breaker_is_looked_at_and_what_was_found_out_is_never_edited(operator, client, django_user_model):
    BreakerState.objects.update(state=BreakerState.State.OPEN, reason="503: away")
    page = operator.get(f"{BREAKERS}ably/change/").content.decode()
    assert "Ably suspenso: todos por SSE" in page
    assert "503: away" in page
    assert operator.post(f"{BREAKERS}ably/change/", {"forced": "closed"}).status_code == 403
    client.force_login(django_user_model.objects.create_superuser("admin"))
    for method in ("add/", "ably/delete/"):
        assert client.post(BREAKERS + method, {"state": "closed", "post": "yes"}).status_code == 403
    client.post(f"{BREAKERS}ably/change/", {"state": "closed", "forced": ""})
    assert BreakerState.objects.get().state == "open"


def test_who_may_force_the_breaker_does_and_the_history_says_so_once(client, flag):
    dora = make_staff("dora", "view_breakerstate", "force_breaker")
    client.force_login(dora)
    assert complaints(client.post(f"{BREAKERS}ably/change/", {"forced": "open", "state": "half_open"})) == []
    found = BreakerState.objects.get()
    assert (found.in_force, found.state, found.forced_by) == ("open", "closed", dora)
    page = client.get(f"{BREAKERS}ably/history/").content.decode()
    assert page.count("Disjuntor: Ably suspenso") == 1
    assert complaints(client.post(f"{BREAKERS}ably/change/", {"forced": ""})) == []
    assert BreakerState.objects.get().in_force == "closed"


def test_what_is_no_command_is_refused(client, flag):
    client.force_login(make_staff("dora", "view_breakerstate", "force_breaker"))
    assert complaints(client.post(f"{BREAKERS}ably/change/", {"forced": "half_open"}))
    assert BreakerState.objects.get().forced == ""
