"""The stages of a plan that has not begun are edited, whole or not at all, and on record."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connections, transaction

from notificacao.models import AuditEvent, RolloutEvent, RolloutFlag, RolloutPlan
from notificacao.rollout import plan as rollout_plan
from notificacao.rollout.plan import Draft, NotNow, Stage, Stale, SystemActor
from tests.rollout.plan.test_acts import act
from tests.staff import make_staff

pytestmark = pytest.mark.django_db
SHELL = SystemActor.SHELL


def stages(*percents):
    return tuple(Stage(Decimal(str(percent)), 24, 200) for percent in percents)


SHORT = Draft(stages(2.5, 98.5), Decimal("1.5"), needs_approval=False)


def edit(draft=SHORT, by=SHELL, reason="Piloto menor", version=None):
    version = rollout_plan.newest().version if version is None else version
    return rollout_plan.edit(by, version=version, reason=reason, draft=draft)


def test_a_plan_that_has_not_begun_has_the_new_stages_and_starts_by_them():
    plan = edit()
    assert Draft.of(plan) == SHORT
    assert list(plan.stages.values_list("position", "percent")) == [(1, Decimal("2.5")), (2, Decimal("98.5"))]
    assert (plan.state, plan.needs_approval, RolloutPlan.objects.count()) == ("draft", False, 1)
    act("start")
    assert RolloutFlag.objects.get(name="ably").percent == Decimal("2.5")
    act("advance")
    assert act("advance").state == "completed"
    assert RolloutFlag.objects.get(name="ably").percent == Decimal("98.5")


def test_after_a_rollback_the_next_plan_has_them_and_the_one_before_keeps_its_own():
    first = act("start")
    act("roll_back")
    plan = edit()
    assert (plan.pk != first.pk, plan.state, Draft.of(plan)) == (True, "draft", SHORT)
    assert first.stages.count() == 4
    assert act("start").pk == plan.pk


def test_a_plan_of_the_same_stages_keeps_what_was_said_of_approval():
    edit()
    act("start")
    act("roll_back")
    assert act("start").needs_approval is False


@pytest.mark.parametrize(
    "acts",
    [["start"], ["start", "pause"], ["start", "await_approval"], ["start", "advance", "advance", "advance", "advance"]],
)
def test_what_is_under_way_or_has_people_on_ably_stays_as_it_is_and_says_why(acts):
    for name in acts:
        act(name)
    before = Draft.of(rollout_plan.newest())
    with pytest.raises(NotNow, match="Não é possível agora"):
        edit()
    assert Draft.of(rollout_plan.newest()) == before
    assert "reverta" in rollout_plan.overview()["fixed"]
    act("roll_back")
    assert rollout_plan.overview()["fixed"] == ""


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"stages": stages(5, 5, 98.5)}, "a etapa 2 tem 5%, depois de 5%"),
        ({"stages": stages(50, 25, 98.5)}, "a etapa 2 tem 25%, depois de 50%"),
        ({"stages": stages(5, 100)}, "98,5%, e não 100%"),
        ({"stages": stages(5, 90)}, "98,5%, e não 90%"),
        ({"stages": ()}, "de 1 a 8 etapas"),
        ({"stages": stages(*range(1, 9), 98.5)}, "de 1 a 8 etapas"),
        ({"stages": stages(0, 98.5)}, "etapa 1 vai de 0,1 a 100"),
        ({"stages": stages("2.55", 98.5)}, "com uma casa decimal"),
        ({"stages": (Stage(Decimal("98.5"), 0, 200),)}, "observada por 1 a 720 horas"),
        ({"stages": (Stage(Decimal("98.5"), 721, 200),)}, "observada por 1 a 720 horas"),
        ({"stages": (Stage(Decimal("98.5"), 24, 0),)}, "amostra mínima da etapa 1"),
        ({"stages": stages(5, 97.9), "holdback": Decimal("2.1")}, "A reserva vai de 0 a 2%"),
        ({"stages": stages(5, 101), "holdback": Decimal(-1)}, "A reserva vai de 0 a 2%"),
    ],
)
def test_what_cannot_be_a_plan_is_refused_and_changes_nothing(change, fault):
    before = Draft.of(rollout_plan.newest())
    wrong = replace(SHORT, **change)
    assert any(fault in found for found in wrong.faults())
    with pytest.raises(NotNow):
        edit(wrong)
    assert Draft.of(rollout_plan.newest()) == before
    assert not RolloutEvent.objects.exists()


def test_the_template_and_what_is_edited_have_no_fault():
    assert [*Draft.of(rollout_plan.newest()).faults(), *SHORT.faults()] == []


def test_an_edit_is_on_record_with_who_why_and_what_was_planned_before():
    dora = make_staff("dora", "run_rollout")
    before = Draft.of(rollout_plan.newest())
    edit(by=dora)
    event = RolloutEvent.objects.get()
    assert (event.action, event.who, event.reason) == ("edit_stages", dora.public_id, "Piloto menor")
    assert (event.from_state, event.to_state, event.from_percent, event.to_percent) == ("draft", "draft", 0, 0)
    assert event.figures == {"before": before.as_data(), "after": SHORT.as_data()}
    assert AuditEvent.objects.get(action=AuditEvent.Action.ROLLOUT_CHANGED).data["act"] == "edit_stages"
    assert rollout_plan.overview()["events"][0]["label"] == "Editar etapas"


def test_nothing_changed_without_reason_or_without_permission_is_no_edit(ana):
    with pytest.raises(NotNow, match="Nada foi mudado"):
        edit(Draft.of(rollout_plan.newest()))
    with pytest.raises(NotNow, match="Diga o motivo"):
        edit(reason=" ")
    with pytest.raises(PermissionDenied):
        edit(by=ana)
    assert not RolloutEvent.objects.exists()


def test_who_read_an_older_version_changes_nothing():
    version = rollout_plan.newest().version
    edit()
    with pytest.raises(Stale):
        edit(Draft(stages(100), Decimal(0), needs_approval=True), version=version)
    assert Draft.of(rollout_plan.newest()) == SHORT


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("second", ["edit", "start"])
def test_of_two_who_follow_a_plan_that_is_over_at_the_same_time_one_comes_too_late(second):
    act("start")
    version = act("roll_back").version
    doing = {"edit": lambda: edit(version=version), "start": lambda: start_at(version)}[second]
    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            edit(replace(SHORT, needs_approval=True))
            late = thread.submit(doing)
            thread_waits()
        with pytest.raises(Stale):
            late.result(10)
        thread.submit(connections.close_all).result()
    assert RolloutPlan.objects.count() == 2
    assert rollout_plan.newest().state == "draft"


def start_at(version):
    return rollout_plan.start(SHELL, version=version, reason="Também")


def thread_waits():
    """Until the other session stands before a lock of this one."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    found = 0
    while not found:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(waiting)
            (found,) = cursor.fetchone()
