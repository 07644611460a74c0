"""The admin's page "Rollout" in a real browser: staff turn the dial, and see it move."""

import pytest
from playwright.sync_api import expect

from tests.browser.staff import Staff

pytestmark = pytest.mark.browser

MINUTES = """
from datetime import timedelta
from notificacao import eventlog
from notificacao.rollout import plan as rollout_plan
from notificacao.models import RolloutMinute
plan = rollout_plan.newest()
now = eventlog.now().replace(second=0, microsecond=0)
for ago in range(60):
    at = now - timedelta(minutes=ago)
    RolloutMinute.objects.create(plan=plan, at=at, arm='ably', transport='ably', shown=40, over_100_ms=ago % 5)
    RolloutMinute.objects.create(plan=plan, at=at, arm='control', transport='sse', shown=200, over_100_ms=ago % 9)
"""

PAUSE = """
from notificacao.rollout import plan as rollout_plan
rollout_plan.pause(rollout_plan.SystemActor.SHELL, version=rollout_plan.newest().version, reason='Teste')
"""


@pytest.fixture(scope="module")
def site(new_site):
    """Of it an hour was counted. Ably need not be there: the page is about who is to be on it."""
    with new_site() as site:
        site.run(MINUTES)
        yield site


@pytest.fixture
def page(browser, site):
    page = Staff.of(browser, site).page
    page.goto(f"{site.url}/admin/notificacao/rolloutplan/")
    yield page
    page.context.close()


def act(page, label, reason):
    page.locator("summary", has_text=label).click()
    page.locator("details[open] textarea").fill(reason)
    page.get_by_role("button", name=f"Confirmar: {label}").click()


def test_staff_edit_the_stages_start_with_a_reason_and_not_without_one_and_roll_back(page, site):
    """One plan's life: what the shell does meanwhile shows by itself."""
    sentence = page.locator(".sentence")
    page.get_by_role("link", name="Editar etapas, reserva e aprovação").click()
    page.get_by_label("Pessoas no Ably (%), etapa 1").fill("2.5")
    page.get_by_label("Reserva, em % das pessoas").fill("1")
    page.get_by_label("Motivo").fill("Piloto menor")
    page.get_by_label("Avança sozinho").check()
    page.get_by_role("button", name="Salvar etapas").click()
    expect(page.locator(".errorlist")).to_contain_text("A última etapa é a de todos menos a reserva: 99%, e não 100%.")
    page.get_by_label("Pessoas no Ably (%), etapa 4").fill("")
    for name in ("Observação (horas), etapa 4", "Amostra mínima (notificações), etapa 4"):
        page.get_by_label(name).fill("")
    page.get_by_label("Pessoas no Ably (%), etapa 3").fill("99")
    page.get_by_role("button", name="Salvar etapas").click()
    expect(page.locator(".messagelist")).to_contain_text("Feito: as etapas foram alteradas.")
    expect(page.get_by_role("region", name="Etapas").locator("tbody tr")).to_have_count(3)
    expect(page.locator(".events li").first).to_contain_text("Editar etapas")
    page.locator("summary", has_text="Iniciar").click()
    page.get_by_role("button", name="Confirmar: Iniciar").click()
    assert page.locator("details[open] textarea").evaluate("area => area.validity.valueMissing")
    page.reload()
    expect(sentence).to_contain_text("A transição não começou")
    act(page, "Iniciar", "Aprovado na reunião")
    expect(sentence).to_contain_text("Etapa 1 de 3, com 2,5% das pessoas no Ably")
    expect(page.locator("tr.current")).to_contain_text("2,5%")
    expect(page.locator(".acts")).to_contain_text("As etapas não podem ser editadas. O plano está em curso")
    site.run(PAUSE)
    expect(sentence).to_contain_text("pausada")
    expect(page.locator("#stale")).to_be_visible()
    page.reload()
    act(page, "Retomar", "Foi engano")
    expect(page.locator(".events li").first).to_contain_text("Foi engano")
    act(page, "Pausar", "Há queixas")
    expect(sentence).to_contain_text("pausada")
    act(page, "Reverter tudo", "Telefones lentos")
    expect(sentence).to_contain_text("A transição foi revertida")
    expect(page.locator(".events li").first).to_contain_text("2,5% → 0%: Telefones lentos")


def test_the_minutes_are_charted_for_both_arms_without_a_refusal_of_the_policy(page):
    refused = []
    page.on("console", lambda message: refused.append(message.text) if "Content Security" in message.text else None)
    page.reload()
    expect(page.locator(".chart canvas")).to_have_count(3)
    expect(page.locator(".chart").first.locator(".u-legend .u-label")).to_have_text(["Hora", "Ably", "SSE"])
    assert refused == []
