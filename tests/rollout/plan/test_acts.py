"""The staged plan: who may do what with it, when, and what is on record of it."""

from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.core.exceptions import PermissionDenied

from notificacao import rollout
from notificacao.models import AuditEvent, RolloutEvent, RolloutFlag, RolloutPlan
from notificacao.models.append_only import AppendOnly
from notificacao.rollout import plan as rollout_plan
from notificacao.rollout.plan import NotNow, Stale, SystemActor
from tests.conftest import make_person
from tests.staff import make_staff

pytestmark = pytest.mark.django_db
SHELL = SystemActor.SHELL


def act(name, by=SHELL, reason="porque sim"):
    return getattr(rollout_plan, name)(by, version=rollout_plan.newest().version, reason=reason)


def percent():
    return float(RolloutFlag.objects.get(name="ably").percent)


def led(*names):
    """State, stage and percent after these acts."""
    for name in names:
        plan = act(name)
    return plan.state, plan.position, percent()


def test_the_first_plan_is_the_migrations_draft():
    assert rollout_plan.newest().state == "draft"
    stages = rollout_plan.newest().stages.values_list("percent", "bake_hours")
    assert list(stages) == [(5, 48), (25, 72), (75, 168), (100, 336)]


def test_a_database_without_a_plan_is_told_so_and_stays_as_it_is():
    RolloutPlan.objects.all().delete()
    with pytest.raises(RolloutPlan.DoesNotExist, match="migration makes the first"):
        rollout_plan.newest()
    assert not RolloutPlan.objects.exists()


@pytest.mark.parametrize("plans", [0, 1])
def test_the_migration_makes_a_plan_only_where_there_is_none(plans):
    if not plans:
        RolloutPlan.objects.all().delete()
    import_module("notificacao.migrations.0044_first_plan").make(apps, None)
    assert RolloutPlan.objects.count() == 1
    assert [stage.position for stage in rollout_plan.newest().stages.all()] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("acts", "where"),
    [
        (["start"], ("running", 1, 5)),
        (["start", "pause"], ("paused", 1, 5)),
        (["start", "pause", "resume"], ("running", 1, 5)),
        (["start", "advance"], ("running", 2, 25)),
        (["start", "await_approval"], ("awaiting_approval", 1, 5)),
        (["start", "await_approval", "advance"], ("running", 2, 25)),
        (["start", "advance", "step_down"], ("running", 1, 5)),
        (["start", "step_down"], ("rolled_back", 0, 0)),
        (["start", "advance", "pause", "roll_back"], ("rolled_back", 0, 0)),
        (["start", "advance", "advance", "advance"], ("running", 4, 100)),
        (["start", "advance", "advance", "advance", "advance"], ("completed", 4, 100)),
        (["start", "advance", "advance", "advance", "advance", "roll_back"], ("rolled_back", 0, 0)),
        (["start", "roll_back", "start"], ("running", 1, 5)),
    ],
)
def test_where_acts_lead(acts, where):
    assert led(*acts) == where


def test_a_rollback_brings_back_whoever_a_yes_has_put_on_ably_since_the_plan_was_completed(ana):
    led("start", *["advance"] * 4)
    RolloutFlag.objects.update(everyone=True)
    act("roll_back", reason="Ably lento")
    flag = RolloutFlag.objects.get()
    assert (flag.everyone, flag.percent) == (None, 0)
    assert not flag.includes(ana.pk)
    changed = AuditEvent.objects.filter(data__act="flag").get()
    assert (changed.who, changed.reason, changed.data["everyone"]) == ("shell", "Ably lento", [True, None])
    assert led("start") == ("running", 1, 5)


@pytest.mark.parametrize(
    ("acts", "refused"),
    [
        ([], "pause"),
        ([], "advance"),
        ([], "roll_back"),
        (["start"], "start"),
        (["start"], "resume"),
        (["start", "pause"], "advance"),
        (["start", "pause"], "pause"),
        (["start", "pause"], "await_approval"),
        (["start", "roll_back"], "step_down"),
    ],
)
def test_what_is_refused(acts, refused):
    for name in acts:
        act(name)
    before = percent()
    with pytest.raises(NotNow, match="Não é possível agora"):
        act(refused)
    assert percent() == before


def test_a_plan_that_follows_another_has_its_stages_and_a_later_version():
    first = act("start")
    first.stages.filter(position=1).update(percent=3)
    act("roll_back")
    plan = act("start")
    assert (plan.pk != first.pk, plan.version, percent()) == (True, 3, 3)


def test_without_a_reason_nothing_is_done():
    with pytest.raises(NotNow, match="motivo"):
        act("start", reason="  ")


def test_who_read_an_older_version_changes_nothing():
    version = rollout_plan.newest().version
    act("start")
    with pytest.raises(Stale):
        rollout_plan.roll_back(SHELL, version=version, reason="tarde")
    assert percent() == 5


def test_without_the_permission_nobody_acts(ana):
    with pytest.raises(PermissionDenied):
        act("start", by=ana)
    assert percent() == 0


def test_a_flag_that_is_forced_is_given_back_first():
    RolloutFlag.objects.update(everyone=False)
    with pytest.raises(NotNow, match="forçada"):
        act("start")
    assert rollout_plan.newest().state == "draft"


def test_each_act_is_on_record_with_who_from_to_and_why():
    dora = make_staff("dora", "run_rollout")
    act("start", by=dora, reason="Piloto")
    event = RolloutEvent.objects.get()
    assert (event.who, event.from_state, event.to_state) == (dora.public_id, "draft", "running")
    assert (event.from_percent, event.to_percent, event.reason) == (0, 5, "Piloto")
    audited = AuditEvent.objects.get(action=AuditEvent.Action.ROLLOUT_CHANGED)
    assert (audited.who, audited.reason, audited.data["percent"]) == (dora.public_id, "Piloto", "0% → 5%")
    assert LogEntry.objects.get().user == dora


def test_an_event_is_neither_changed_nor_deleted():
    act("start")
    event = RolloutEvent.objects.get()
    for change in (event.save, event.delete, RolloutEvent.objects.all().delete):
        with pytest.raises(AppendOnly):
            change()


def test_the_switch_ends_a_plan_that_is_under_way_and_no_other():
    rollout_plan.kill(SHELL, "nada")
    act("start")
    rollout_plan.kill(SHELL, "Ably lento")
    rollout_plan.kill(SHELL, "de novo")
    assert rollout_plan.newest().state == "rolled_back"
    assert percent() == 0
    assert list(RolloutEvent.objects.values_list("action", "reason")) == [
        ("kill", "Ably lento"),
        ("start", "porque sim"),
    ]


def test_a_step_begins_its_stage_anew_and_a_pause_does_not():
    plan = act("start")
    plan.stages.update(watched=7, sample=3, gates=[{}])
    RolloutPlan.objects.update(counted_to=9)
    assert act("pause").counted_to == 9
    act("resume")
    act("advance")
    plan = act("step_down")
    assert (plan.counted_to, plan.stages.get(position=1).watched, plan.stages.get(position=1).gates) == (None, 0, [])


def test_the_overview_tells_where_we_are_and_what_may_be_done(settings):
    settings.ABLY_API_KEY = "app.key:secret"
    assert rollout_plan.overview()["sentence"] == "A transição não começou e todos recebem por SSE."
    assert [one["name"] for one in rollout_plan.overview()["actions"]] == ["start"]
    make_person("ana")
    RolloutFlag.objects.update(salt="sal")
    act("start", reason="Piloto")
    found = rollout_plan.overview()
    assert found["sentence"].startswith(
        "Etapa 1 de 4, com 5% das pessoas no Ably. Motivo: Piloto. Faltam 10 min de carência:"
    )
    assert "O Ably está" in found["sentence"]
    assert (found["state"], found["version"], found["percent"]) == ("running", 1, 5.0)
    assert found["stages"][0] == {
        "position": 1, "people": found["people"]["assigned_to_ably"], "percent": 5.0, "current": True, "bake_hours": 48,
        "watched_hours": 0.0, "minimum": 300, "sample": 0, "gates": [],
    }  # fmt: skip
    assert found["people"]["active"] == 1
    assert found["events"][0]["who"] == "o terminal"
    assert [one["name"] for one in found["actions"]] == ["pause", "advance", "step_down", "roll_back"]


@pytest.mark.parametrize("configured", [True, False])
@pytest.mark.parametrize("everyone", [True, False, None])
def test_the_overview_takes_each_persons_bucket_once_and_counts_as_the_flag_does(
    settings, monkeypatch, everyone, configured
):
    settings.ABLY_API_KEY = "app.key:secret" if configured else ""
    people = {make_person(f"pessoa{number}").pk for number in range(30)}
    RolloutFlag.objects.update(salt="sal", percent=40, everyone=everyone)
    on_ably = set(filter(rollout.current().includes, people))
    taken = []
    bucket = RolloutFlag.bucket
    monkeypatch.setattr(RolloutFlag, "bucket", lambda flag, pk: taken.append(pk) or bucket(flag, pk))
    assert rollout_plan.overview()["people"]["assigned_to_ably"] == len(on_ably)
    assert sorted(taken) == sorted(people)
