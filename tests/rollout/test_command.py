"""The rollout from a shell, and waffle's own command, which would change the flag behind its back."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from notificacao.models import AuditEvent, RolloutEvent, RolloutFlag
from notificacao.rollout import plan as rollout_plan
from tests.conftest import make_person

pytestmark = pytest.mark.django_db


def said(*words, **options):
    out = StringIO()
    call_command(*words, stdout=out, **options)
    return out.getvalue()


def test_the_status_tells_where_we_are():
    assert said("rollout", "status").startswith("A transição não começou e todos recebem por SSE.")
    assert json.loads(said("rollout", "status", as_json=True))["state"] == "draft"


def test_the_status_tells_that_ably_is_out_of_use_where_that_holds_for_somebody(settings, ana):
    settings.ABLY_API_KEY = "app.key:secret"
    out_of_use = "O Ably está fora de uso: por ora todos recebem por SSE."
    assert out_of_use not in said("rollout", "status")
    RolloutFlag.objects.update(percent=100)
    assert out_of_use in said("rollout", "status")


def test_each_act_of_the_page_is_there():
    for act in ("start", "pause", "resume", "advance", "step-down", "rollback"):
        said("rollout", act, reason=f"{act}, para provar")
    assert [event.action for event in RolloutEvent.objects.order_by("pk")] == [
        "start", "pause", "resume", "advance", "step_down", "roll_back",
    ]  # fmt: skip
    assert {event.who for event in RolloutEvent.objects.all()} == {"shell"}


def test_the_current_stage_shows_its_gates():
    said("rollout", "start", reason="Piloto")
    gate = {"name": "failed", "label": "falhas", "state": "not_yet", "value": 0.0123}
    rollout_plan.newest().stages.filter(position=1).update(gates=[gate], watched=3_600, sample=9)
    out = said("rollout", "status")
    assert "→ 5%: 1 de 48 h, 9 de 300 notificações\n    falhas: amostra insuficiente (até agora 1,23%" in out


def test_a_rollback_without_a_plan_under_way_names_the_act_that_works():
    with pytest.raises(CommandError, match=r"o plano está “Rascunho”.*todos recebam por SSE.*manage.py rollout kill"):
        said("rollout", "rollback", reason="Atrasos desde 2h10")


def test_that_ably_is_out_of_use_is_said_without_a_plan_too(settings):
    settings.ABLY_API_KEY = "app.key:secret"
    make_person("ana")
    RolloutFlag.objects.update(percent=100)
    assert "O Ably está fora de uso: por ora todos recebem por SSE." in said("rollout", "status")


@pytest.mark.parametrize("everyone", [None, True])
def test_the_kill_switch_needs_no_plan_and_its_no_stays(everyone):
    RolloutFlag.objects.update(everyone=everyone, percent=25)
    said("rollout", "kill", reason="Chave vazada")
    flag = RolloutFlag.objects.get()
    assert (flag.everyone, flag.percent) == (False, 0)
    assert "A chave está em “Não”: nada vai ao Ably" in said("rollout", "status")
    with pytest.raises(CommandError, match="em “Chaves de transição”, escolha “Vale o percentual”"):
        said("rollout", "start", reason="De novo")
    RolloutFlag.objects.update(everyone=None)
    assert "A chave" not in said("rollout", "status")
    event = AuditEvent.objects.first()
    assert (event.action, event.who, event.reason) == ("rollout_changed", "shell", "Chave vazada")
    assert event.data["everyone"] == [everyone, False]
    assert event.data["percent"] == "25% → 0%"
    assert "@" in event.data["console"]


def test_and_ends_the_plan_that_is_under_way():
    said("rollout", "start", reason="Piloto")
    assert said("rollout", "kill", reason="Chave vazada").startswith(
        "A transição foi revertida e todos recebem por SSE"
    )
    event = RolloutEvent.objects.first()
    assert (event.action, event.who, event.reason) == ("kill", "shell", "Chave vazada")


@pytest.mark.parametrize(
    ("act", "reason", "sentence"),
    [("start", "", "motivo"), ("kill", " ", "motivo"), ("pause", "x", "Não é possível")],
)
def test_what_is_refused_ends_with_its_sentence(act, reason, sentence):
    with pytest.raises(CommandError, match=sentence):
        said("rollout", act, reason=reason)


@pytest.mark.parametrize("words", [["ably", "-p", "25"], ["ably", "--everyone"], ["ably", "--deactivate"], ["ably"]])
def test_waffles_own_command_changes_nothing_and_says_what_does(words):
    with pytest.raises(CommandError, match=r"manage\.py rollout"):
        said("waffle_flag", *words)
    assert RolloutFlag.objects.get().percent == 0


def test_and_lists():
    assert said("waffle_flag", "--list") == "ably: everyone=None, percent=0.0\n"
