"""The admin's form for the stages of the plan: what it shows, what it refuses and says why, and who may use it."""

from decimal import Decimal

import pytest

from notificacao.models import RolloutEvent
from notificacao.rollout import plan as rollout_plan
from notificacao.rollout.plan import Draft, SystemActor
from tests.staff import make_staff, told

pytestmark = pytest.mark.django_db
PAGE, FORM = "/admin/notificacao/rolloutplan/", "/admin/notificacao/rolloutplan/stages/"
BLANK = ("", "", "")


@pytest.fixture
def operator(client):
    client.force_login(make_staff("dora", "view_rolloutplan", "run_rollout"))
    return client


def filled(*rows, **fields):
    """The form as the page sends it, with a blank row at its end."""
    rows = (*rows, BLANK)
    sent = {"form-TOTAL_FORMS": len(rows), "form-INITIAL_FORMS": 0}
    for number, row in enumerate(rows):
        for name, value in zip(("percent", "bake_hours", "minimum_sample"), row, strict=True):
            sent[f"form-{number}-{name}"] = value
    common = {"version": rollout_plan.newest().version, "holdback": "1", "approval": "no", "reason": "Piloto menor"}
    return sent | common | fields


def planned():
    plan = rollout_plan.newest()
    return [tuple(stage) for stage in Draft.of(plan).stages], plan.needs_approval


TEMPLATE = [(5, 48, 300), (25, 72, 1_500), (75, 168, 5_000), (100, 336, 5_000)]
ROWS = [("2.5", 24, 100), ("50", 48, 900), ("99", 72, 2_000)]


def test_the_form_has_what_is_planned_with_a_name_for_each_field(operator):
    page = operator.get(FORM).content.decode()
    assert 'href="/admin/notificacao/rolloutplan/stages/"' in operator.get(PAGE).content.decode()
    for name in ("Pessoas no Ably (%)", "Observação (horas)", "Amostra mínima (notificações)"):
        assert f'aria-label="{name}, etapa 4"' in page
    assert 'value="5000"' in page
    assert 'value="yes" id="id_approval_0" required checked' in page


def test_what_is_sent_is_planned_and_is_in_the_history_with_what_it_was_before(operator):
    response = operator.post(FORM, filled(*ROWS), follow=True)
    assert told(response) == ["Feito: as etapas foram alteradas."]
    assert planned() == ([(Decimal("2.5"), 24, 100), (50, 48, 900), (99, 72, 2_000)], False)
    page = response.content.decode()
    assert "Ao fim, 1% das pessoas ficam por SSE. O plano avança sozinho quando a etapa cumpre tudo." in page
    assert "100% 336 h 5000; reserva 0%; com aprovação → 2,5% 24 h 100, 50% 48 h 900, 99% 72 h 2000; reserva 1%" in page


@pytest.mark.parametrize(
    ("rows", "fields", "sentence"),
    [
        ([("50", 24, 100), ("25", 24, 100), ("99", 24, 100)], {}, "Os percentuais só aumentam"),
        ([("5", 24, 100), ("100", 24, 100)], {}, "A última etapa é a de todos menos a reserva: 99%, e não 100%."),
        ([], {}, "Um plano tem de 1 a 8 etapas."),
        ([("5", 0, 100), ("99", 24, 100)], {}, "maior ou igual a 1"),
        ([("5", 24, ""), ("99", 24, 100)], {}, "Este campo é obrigatório"),
        ([("5.25", 24, 100), ("99", 24, 100)], {}, "não tenha mais de 1 casa decimal"),
        (ROWS, {"holdback": "3"}, "menor ou igual a 2"),
        (ROWS, {"reason": " "}, "Este campo é obrigatório"),
        (ROWS, {"approval": "maybe"}, "Faça uma escolha válida"),
        (ROWS, {"version": "77"}, "O plano mudou depois que esta página abriu"),
        (ROWS, {"form-TOTAL_FORMS": "x"}, "ManagementForm"),
    ],
)
def test_what_is_refused_says_why_in_portuguese_and_changes_nothing(operator, rows, fields, sentence):
    response = operator.post(FORM, filled(*rows, **fields))
    assert response.status_code == 200
    assert sentence in response.content.decode()
    assert planned() == (TEMPLATE, True)
    assert not RolloutEvent.objects.exists()


def test_a_running_plan_shows_why_it_is_not_edited_and_is_not(operator):
    rollout_plan.start(SystemActor.SHELL, version=rollout_plan.newest().version, reason="Semana 1")
    for page in (operator.get(PAGE), operator.get(FORM)):
        assert "O plano está em curso: a verificação automática mede cada etapa" in page.content.decode()
    assert 'name="form-0-percent"' not in operator.get(FORM).content.decode()
    assert "Não é possível agora" in operator.post(FORM, filled(*ROWS)).content.decode()
    assert planned() == (TEMPLATE, True)


@pytest.mark.parametrize("permissions", [["view_rolloutplan"], ["run_rollout"], []])
def test_without_the_plans_own_permission_nobody_sees_or_sends_the_form(client, permissions):
    client.force_login(make_staff("rui", *permissions))
    assert client.get(FORM).status_code == 403
    assert client.post(FORM, filled(*ROWS)).status_code == 403
    assert planned() == (TEMPLATE, True)


def test_who_may_only_look_is_not_offered_it(client):
    client.force_login(make_staff("rui", "view_rolloutplan"))
    assert FORM not in client.get(PAGE).content.decode()
