"""What ana does to her notifications, what can be undone, and what the server would not do."""

import pytest
from playwright.sync_api import expect

from tests.browser.test_inbox_filters import titled

pytestmark = pytest.mark.browser

CARLA = {"people": ["carla"]}


@pytest.mark.endurance
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


@pytest.mark.endurance
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
    ana.page.locator("#read-all").click()
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
    expect(ana.page.get_by_text("O servidor não respondeu. Nada foi alterado; tente de novo.")).to_be_visible()
    expect(item).to_have_count(1)
    ana.context.set_offline(False)
    ana.is_on("sse")


def test_to_open_one_is_to_read_it_and_back_leads_to_where_it_stood(inboxes):
    inboxes.send("Aberta", link="/solicitacoes/2026-1/")
    ana = inboxes.open()
    item = titled(ana, "Aberta")
    item.get_by_role("link", name="Aberta", exact=True).click()
    expect(ana.page.get_by_role("heading", name="Aberta")).to_be_visible()
    expect(ana.page.get_by_role("link", name="Abrir o assunto")).to_have_attribute("href", "/solicitacoes/2026-1/")
    ana.page.go_back()
    expect(item.locator("[data-action=unread]")).to_be_visible()
    expect(item).to_be_focused()


def test_the_button_reads_what_the_filter_shows_says_how_many_and_undoes_it(inboxes):
    inboxes.send("Recado um", "Recado dois", priority="alta", to=CARLA)
    inboxes.send("Recado três", to=CARLA)
    carla = inboxes.open("carla")
    button, unread = carla.page.locator("#read-all"), carla.page.locator(".item.unread")
    before = carla.unread
    expect(button).to_have_text(f"Marcar estas {before} como lidas")
    carla.page.get_by_role("searchbox").fill("Recado")
    expect(button).to_have_text("Marcar estas 3 como lidas")
    carla.page.get_by_label("Prioridade", exact=True).select_option("alta")
    expect(button).to_have_text("Marcar estas 2 como lidas")
    inboxes.send("Recado quatro", priority="alta", to=CARLA)
    expect(button).to_have_text("Marcar estas 3 como lidas")
    button.click()
    carla.unread_is(before + 1 - 3)
    expect(button).to_be_hidden()
    expect(unread).to_have_count(0)
    carla.page.get_by_text("3 marcadas como lidas.").wait_for()
    carla.page.get_by_role("button", name="Desfazer").click()
    carla.unread_is(before + 1)
    expect(unread).to_have_count(3)
    expect(button).to_have_text("Marcar estas 3 como lidas")


@pytest.mark.endurance
def test_of_more_than_fifty_it_is_asked_first(inboxes):
    inboxes.send(*(f"De muitas {number}" for number in range(51)), to=CARLA)
    carla = inboxes.open("carla", "?q=De+muitas")
    button, dialog = carla.page.locator("#read-all"), carla.page.locator("#confirm")
    before = carla.unread
    expect(button).to_have_text("Marcar estas 51 como lidas")
    button.click()
    expect(dialog.get_by_role("heading")).to_have_text("Marcar 51 notificações como lidas?")
    dialog.get_by_role("button", name="Cancelar").click()
    expect(dialog).to_be_hidden()
    carla.unread_is(before)
    carla.page.locator("#older").scroll_into_view_if_needed()
    expect(carla.page.locator(".item")).to_have_count(51)
    for box in carla.page.locator(".item .select").all():
        box.check()
    carla.page.locator("#selection [data-all=archive]").click()
    expect(dialog.get_by_role("heading")).to_have_text("Arquivar 51 notificações?")
    dialog.get_by_role("button", name="Cancelar").click()
    expect(carla.page.locator(".item")).to_have_count(51)
    button.click()
    dialog.get_by_role("button", name="Confirmar").click()
    carla.unread_is(before - 51)


def test_those_that_were_ticked_are_read_and_undone_as_they_were(inboxes):
    inboxes.send("Par um", "Par dois")
    ana = inboxes.open(address="?q=Par")
    unread = ana.unread
    titled(ana, "Par um").locator("[data-action=read]").click()
    ana.unread_is(unread - 1)
    for title in ("Par um", "Par dois"):
        titled(ana, title).get_by_role("checkbox").check()
    ana.page.locator("#selection [data-all=unread]").click()
    ana.unread_is(unread)
    for title in ("Par um", "Par dois"):
        titled(ana, title).get_by_role("checkbox").check()
    ana.page.locator("#selection [data-all=read]").click()
    ana.unread_is(unread - 2)
    ana.page.get_by_text("2 marcadas como lidas.").wait_for()
    ana.page.get_by_role("button", name="Desfazer").click()
    ana.unread_is(unread)


@pytest.mark.parametrize("act", ["read", "archive"])
def test_the_focus_goes_to_the_next_row_and_a_screen_reader_is_told(inboxes, act):
    inboxes.send(*(f"Foco {act} {number}" for number in (1, 2, 3)))
    ana = inboxes.open(address=f"?q=Foco+{act}")
    button = titled(ana, f"Foco {act} 3").locator(f"[data-action={act}]")
    button.press("Enter")
    expect(titled(ana, f"Foco {act} 2")).to_be_focused()
    said = {"read": f"Marcada como lida: Foco {act} 3", "archive": "1 arquivada."}[act]
    expect(ana.page.get_by_role("status").get_by_text(said)).to_be_attached()
    titled(ana, f"Foco {act} 1").locator(f"[data-action={act}]").press("Enter")
    expect(titled(ana, f"Foco {act} 2")).to_be_focused()
    titled(ana, f"Foco {act} 2").get_by_role("checkbox").check()
    ana.page.locator(f"#selection [data-all={act}]").press("Enter")
    expect(
        ana.page.locator("#content" if act == "archive" else ".item:focus, .item:focus-within").first
    ).to_be_focused()
    assert ana.page.evaluate("document.activeElement.tagName") != "BODY"


def test_each_control_of_a_row_is_named_by_its_title(inboxes):
    inboxes.send("Nomeada pelo servidor", link="/x/")
    ana = inboxes.open()
    inboxes.send("Nomeada pela página", link="/x/")
    for title in ("Nomeada pelo servidor", "Nomeada pela página"):
        item = titled(ana, title)
        for role, name in (
            ("button", "Arquivar"),
            ("button", "Marcar como lida"),
            ("checkbox", "Selecionar"),
            ("link", "Abrir o assunto"),
        ):
            expect(item.get_by_role(role, name=f"{name}: {title}", exact=True)).to_be_visible()
