"""What ana does to her notifications, what can be undone, and what the server would not do."""

import pytest
from playwright.sync_api import expect

from tests.browser.test_inbox_filters import titled

pytestmark = pytest.mark.browser


def test_what_is_archived_goes_and_comes_back_at_a_word(inboxes):
    inboxes.send("Para o arquivo")
    ana = inboxes.open()
    unread = ana.unread
    item = titled(ana, "Para o arquivo")
    item.get_by_role("button", name="Arquivar").click()
    expect(item).to_have_count(0)
    ana.unread_is(unread - 1)
    ana.page.get_by_role("status").get_by_text("1 arquivada.").wait_for()
    ana.page.get_by_role("button", name="Desfazer").click()
    expect(item).to_have_count(1)
    ana.unread_is(unread)
    ana.page.reload()
    expect(item).to_have_count(1)


def test_the_archive_keeps_it_and_gives_it_back(inboxes):
    inboxes.send("Guardada")
    ana = inboxes.open()
    item = titled(ana, "Guardada")
    item.get_by_role("button", name="Arquivar").click()
    ana.page.get_by_text("1 arquivada.").wait_for()
    ana.page.get_by_role("link", name="Arquivadas").click()
    expect(item).to_have_count(1)
    item.get_by_role("button", name="Desarquivar").click()
    expect(item).to_have_count(0)
    ana.page.get_by_text("1 de volta à caixa.").wait_for()
    ana.page.get_by_role("link", name="Caixa", exact=True).click()
    expect(item).to_have_count(1)


def test_several_are_archived_at_once_and_undone_at_once(inboxes):
    inboxes.send("Uma de três", "Duas de três", "Três de três")
    ana = inboxes.open()
    items = ana.page.locator(".item", has_text="de três")
    for box in items.get_by_role("checkbox").all():
        box.check()
    expect(ana.page.get_by_text("3 selecionadas")).to_be_visible()
    ana.page.locator("#selection").get_by_role("button", name="Arquivar", exact=True).click()
    expect(items).to_have_count(0)
    expect(ana.page.locator("#selection")).to_be_hidden()
    ana.page.get_by_text("3 arquivadas.").wait_for()
    ana.page.get_by_role("button", name="Desfazer").click()
    expect(items).to_have_count(3)


def test_all_are_read_by_one_button_and_the_window_says_so(inboxes):
    inboxes.send("Entre todas")
    ana = inboxes.open()
    expect(ana.page).to_have_title(f"({ana.unread}) Notificações · SEMTAS")
    ana.page.get_by_role("button", name="Marcar todas como lidas").click()
    ana.unread_is(0)
    expect(ana.page).to_have_title("Notificações · SEMTAS")
    expect(ana.page.locator("#unread")).to_be_hidden()
    expect(ana.page.locator(".item.unread")).to_have_count(0)
    inboxes.send("Depois de todas")
    ana.unread_is(1)
    expect(ana.page).to_have_title("(1) Notificações · SEMTAS")


@pytest.mark.parametrize("act", ["read", "archive"])
def test_what_the_server_refuses_is_undone_and_its_own_words_are_shown(inboxes, act):
    title = f"Recusada {act}"
    inboxes.send(title)
    ana = inboxes.open()
    unread = ana.unread
    problem = {"title": "Erro", "status": 500, "detail": "O servidor não pôde gravar: tente de novo."}
    ana.page.route(f"**/{act}/", lambda route: route.fulfill(status=500, json=problem))
    item = titled(ana, title)
    item.locator(f"[data-action={act}]").click()
    complaint = ana.page.get_by_role("alert").get_by_text("O servidor não pôde gravar: tente de novo.")
    expect(complaint).to_be_visible()
    expect(item.locator(f"[data-action={act}]")).to_be_visible()
    assert "unread" in (item.get_attribute("class") or "")
    assert ana.unread == unread
    ana.page.get_by_role("button", name="Fechar").click()
    expect(complaint).to_have_count(0)


def test_without_a_connection_the_page_says_so_and_keeps_what_it_shows(inboxes):
    inboxes.send("Sem rede")
    ana = inboxes.open()
    ana.context.set_offline(True)
    ana.is_on("offline")
    expect(ana.page.locator("#status")).to_have_text("sem conexão")
    item = titled(ana, "Sem rede")
    item.get_by_role("button", name="Arquivar").click()
    expect(ana.page.get_by_text("Sem conexão: tente de novo quando a rede voltar.")).to_be_visible()
    expect(item).to_have_count(1)
    ana.context.set_offline(False)
    ana.is_on("sse")


def test_to_open_one_is_to_read_it_and_back_leads_to_where_it_stood(inboxes):
    inboxes.send("Aberta", link="/solicitacoes/2026-1/")
    ana = inboxes.open()
    item = titled(ana, "Aberta")
    item.get_by_role("link", name="Aberta").click()
    expect(ana.page.get_by_role("heading", name="Aberta")).to_be_visible()
    expect(ana.page.get_by_role("link", name="Abrir o assunto")).to_have_attribute("href", "/solicitacoes/2026-1/")
    ana.page.go_back()
    expect(item.locator("[data-action=unread]")).to_be_visible()
    expect(item).to_be_focused()
