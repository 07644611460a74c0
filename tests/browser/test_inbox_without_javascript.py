"""The inbox in a browser that runs no script."""

import pytest
from playwright.sync_api import expect

from tests.browser.rest import until
from tests.browser.test_inbox_filters import lists, titled

pytestmark = pytest.mark.browser


@pytest.fixture
def plain(inboxes):
    """Ana's inbox, without scripts; three of hers in it."""
    inboxes.send("Simples")
    inboxes.send("Um pagamento", kind="pagamento")
    inboxes.send("Pede ciência", priority="urgente", kind="solicitacao")
    return inboxes.open(java_script_enabled=False, live=False)


def test_the_list_is_there_by_day_and_nothing_is_offered_that_needs_a_script(plain):
    page = plain.page
    expect(page.get_by_role("heading", name="Hoje", exact=True)).to_be_visible()
    expect(titled(plain, "Simples").first).to_be_visible()
    expect(page.locator("noscript p")).to_contain_text("Sem JavaScript a lista não se atualiza sozinha")
    for hidden in ("#status", "#open-help", "#open-preferences", ".select >> nth=0"):
        expect(page.locator(hidden)).to_be_hidden()


def test_filters_and_search_are_a_form(plain):
    page = plain.page
    page.get_by_label("Tipo").select_option("pagamento")
    page.get_by_role("button", name="Filtrar").click()
    expect(titled(plain, "Um pagamento").first).to_be_visible()
    expect(titled(plain, "Simples")).to_have_count(0)
    page.get_by_role("link", name="Limpar filtros").click()
    page.get_by_role("searchbox").fill("ciencia")
    page.get_by_role("searchbox").press("Enter")
    expect(titled(plain, "Pede ciência").first).to_be_visible()
    expect(titled(plain, "Simples")).to_have_count(0)


def test_reading_archiving_and_bringing_back_are_forms(plain):
    page = plain.page
    item = titled(plain, "Simples").first
    item_id = item.get_attribute("id")
    item.get_by_role("button", name="Marcar como lida").click()
    same = page.locator(f"#{item_id}")
    expect(same.get_by_role("button", name="Marcar como não lida")).to_be_visible()
    same.get_by_role("button", name="Arquivar").click()
    expect(same).to_have_count(0)
    page.get_by_role("link", name="Arquivadas").click()
    same.get_by_role("button", name="Desarquivar").click()
    expect(same).to_have_count(0)
    page.get_by_role("link", name="Caixa", exact=True).click()
    expect(same).to_be_visible()


def test_all_are_read_by_one_button(plain):
    plain.page.locator("#read-all").click()
    expect(plain.page.locator(".item.unread")).to_have_count(0)
    expect(plain.page.locator("#unread")).to_be_hidden()


def test_one_is_opened_and_formally_acknowledged(plain):
    page = plain.page
    page.get_by_role("link", name="Pede ciência").first.click()
    expect(page.get_by_text("Esta notificação pede a sua ciência")).to_be_visible()
    page.get_by_role("button", name="Dar ciência").click()
    expect(page.get_by_text("Ciência dada em")).to_be_visible()
    expect(page.get_by_role("button", name="Dar ciência")).to_have_count(0)


def test_older_ones_are_a_link_away(inboxes, plain):
    inboxes.send(*(f"Antiga {number}" for number in range(60)))
    page = plain.page
    until(page, lambda: page.goto(f"{plain.site.url}/notificacoes/") and titled(plain, "Antiga 59").count())
    page.get_by_role("link", name="Carregar mais antigas").click()
    expect(titled(plain, "Antiga 0")).to_be_visible()
    lists(plain, "Antiga 0", "Antiga 59")
    page.get_by_role("link", name="Voltar às mais recentes").click()
    expect(titled(plain, "Antiga 59")).to_be_visible()
