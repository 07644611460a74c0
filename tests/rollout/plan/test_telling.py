"""What becomes of the plan is told to whoever holds ADMIN, once for each act, whoever acted."""

import pytest

from notificacao.models import Notification, Role, RolloutPlan
from notificacao.rollout import plan as rollout_plan
from notificacao.rollout.plan import SystemActor
from tests.conftest import make_person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def dora():
    return make_person("dora", Role.ADMIN)


def act(*names, by=SystemActor.SHELL):
    for name in names:
        getattr(rollout_plan, name)(by, version=rollout_plan.newest().version, reason=f"porque {name}")


def told():
    return list(Notification.objects.order_by("pk").values_list("title", "message"))


def test_a_plan_that_is_completed_by_its_last_stage():
    act("start", *["advance"] * 3)
    assert told() == []
    act("advance", by=SystemActor.GUARD)
    assert RolloutPlan.objects.last().state == "completed"
    assert told() == [("Transição concluída", "porque advance")]
    assert Notification.objects.get().link == "/admin/notificacao/rolloutplan/"


@pytest.mark.parametrize(
    ("names", "by", "title"),
    [
        (["advance", "step_down"], "guard", "Transição voltou uma etapa"),
        (["advance", "step_down"], "shell", "Transição voltou uma etapa"),
        (["step_down"], "shell", "Transição revertida"),
        (["roll_back"], "shell", "Transição revertida"),
        (["roll_back"], "guard", "Transição revertida automaticamente"),
        (["await_approval"], "guard", "Transição à espera de aprovação"),
    ],
)
def test_a_step_back_a_rollback_and_a_question(names, by, title):
    act("start", *names[:-1])
    act(names[-1], by=SystemActor(by))
    assert told() == [(title, f"porque {names[-1]}")]


def test_the_kill_switch():
    act("start")
    rollout_plan.switch_off(SystemActor.SHELL, reason="Vazamento")
    assert told() == [("Transição revertida", "Vazamento")]


def test_pauses_and_steps_ahead_are_told_to_nobody():
    act("start", "pause", "resume", "advance")
    assert told() == []
