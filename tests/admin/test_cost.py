"""The admin's page «Custo»: what it tells, who may see it, who may switch the governor."""

import csv
from datetime import timedelta

import pytest
from django.utils import timezone

from notificacao import cost, eventlog
from notificacao.cost import meters
from notificacao.models import CostGovernor, CostMeter
from tests.admin.test_audit import pieces_of
from tests.staff import make_staff, told

pytestmark = pytest.mark.django_db
PAGE = "/admin/notificacao/costgovernor/"
Kind = CostMeter.Kind


@pytest.fixture(autouse=True)
def used(settings):
    settings.ABLY_API_KEY = "app.key:secret"
    settings.MONTHLY_COSTS_USD = {"servidor": 80}
    today = timezone.localdate(eventlog.now())
    meters._add(
        today, {(Kind.PUBLISHED, "normal"): 400_000, (Kind.DELIVERED, "baixa"): 3_600_000, (Kind.CONNECTED, ""): 120}
    )


@pytest.fixture
def page(client):
    client.force_login(make_staff("dora", "view_costgovernor", "govern_cost"))
    return client


def test_it_tells_the_month_the_forecast_and_each_day(page):
    shown = page.get(PAGE).content.decode()
    assert "Até agora US$ 119,00." in shown
    assert "orçamento de US$ 160,00" in shown
    assert "cabe no orçamento" in shown
    assert "servidor: US$ 80" in shown
    assert "ably.com/pricing" in shown
    assert "<td>400000</td>" in shown.replace(".", "")
    assert "<polyline" in shown


def test_ahead_of_the_budget_it_says_so(page, settings):
    settings.MONTHLY_BUDGET_USD = 100.0
    assert "passa do orçamento" in page.get(PAGE).content.decode()


def test_a_month_without_a_measure_has_a_page_too(page):
    CostMeter.objects.all().delete()
    assert "Nada foi medido neste mês." in page.get(PAGE).content.decode()


def test_switching_the_governor_is_on_record_and_shown_with_who_and_why(page):
    answer = page.post(PAGE, {"mode": "on", "reason": "Aprovado na reunião"}, follow=True)
    assert told(answer) == ["Feito: o controle do custo está “Ligado”."]
    assert CostGovernor.objects.get().mode == "on"
    shown = answer.content.decode()
    assert "Ensaio: só diz o que faria → Ligado. Aprovado na reunião" in shown
    assert "Dora" in shown


def test_what_the_governor_did_is_told_in_a_sentence(page):
    CostGovernor.objects.create(pk=1, mode="on", level=1, changed_at=eventlog.now() - timedelta(days=1))
    cost.govern(cost.advise())
    shown = page.get(PAGE).content.decode()
    assert "Prioridade baixa por SSE → Nada passa ao SSE (Ligado): previsão de US$ 119,00" in shown


def test_without_a_reason_or_with_an_unknown_mode_nothing_is_switched(page):
    for given in ({"mode": "on", "reason": " "}, {"mode": "perhaps", "reason": "x"}):
        assert page.post(PAGE, given).status_code == 200
    assert not CostGovernor.objects.exclude(mode="dry_run").exists()


def test_who_may_only_see_it_switches_nothing(client):
    client.force_login(make_staff("dora", "view_costgovernor"))
    assert "Mudar o modo" not in client.get(PAGE).content.decode()
    assert client.post(PAGE, {"mode": "on", "reason": "x"}).status_code == 403


@pytest.mark.parametrize("address", [PAGE, f"{PAGE}csv/"])
def test_without_permission_nobody_sees_it(client, address):
    client.force_login(make_staff("dora", "govern_cost"))
    assert client.get(address).status_code == 403


def test_the_days_are_there_as_csv(page):
    answer = page.get(f"{PAGE}csv/")
    assert "custo-" in answer["Content-Disposition"]
    [row] = csv.DictReader("".join(pieces_of(answer)).removeprefix("\ufeff").splitlines())
    assert (row["published"], row["delivered"], row["connection_minutes"]) == ("400000", "3600000", "2")
    assert row["total_usd"] == "10.0000"
