"""The inbox without a mouse."""

import pytest
from playwright.sync_api import expect

from tests.browser.test_inbox_filters import titled

pytestmark = pytest.mark.browser


@pytest.fixture
def ana(inboxes):
    """The newest of hers are Alfa, Beta, Gama, in this order."""
    inboxes.send("Gama", "Beta", "Alfa")
    ana = inboxes.open()
    ana.page.keyboard.press("j")
    expect(ana.page.locator(".item").first).to_be_focused()
    return ana


def test_j_and_k_walk_and_stop_at_the_top(ana):
    keys, items = ana.page.keyboard, ana.page.locator(".item")
    keys.press("j")
    expect(items.nth(1)).to_be_focused()
    keys.press("k")
    keys.press("k")
    expect(items.first).to_be_focused()


def test_the_focus_stays_where_it_is_while_others_come(ana, inboxes):
    first = ana.page.locator(".item").first.get_attribute("id")
    inboxes.send("Chegou depois")
    expect(titled(ana, "Chegou depois")).to_have_count(1)
    expect(ana.page.locator(f"#{first}")).to_be_focused()


def test_e_archives_and_the_next_one_has_the_focus(ana):
    items = ana.page.locator(".item")
    first, second = items.first.get_attribute("id"), items.nth(1).get_attribute("id")
    ana.page.keyboard.press("e")
    expect(ana.page.locator(f"#{first}")).to_have_count(0)
    expect(ana.page.locator(f"#{second}")).to_be_focused()


def test_shift_i_marks_as_read_and_u_as_unread(ana):
    item = ana.page.locator(".item").first
    ana.page.keyboard.press("Shift+I")
    expect(item.locator("[data-action=unread]")).to_be_visible()
    expect(item).to_be_focused()
    ana.page.keyboard.press("u")
    expect(item.locator("[data-action=read]")).to_be_visible()


def test_x_selects_and_escape_lets_go(ana):
    item = ana.page.locator(".item").first
    ana.page.keyboard.press("x")
    expect(item.get_by_role("checkbox")).to_be_checked()
    expect(ana.page.get_by_text("1 selecionada")).to_be_visible()
    ana.page.keyboard.press("Escape")
    expect(item.get_by_role("checkbox")).not_to_be_checked()


@pytest.mark.parametrize("key", ["o", "Enter"])
def test_o_and_enter_open_it_and_escape_leads_back(ana, key):
    ana.page.keyboard.press(key)
    expect(ana.page.locator("#notification")).to_be_visible()
    ana.page.wait_for_load_state()  # the page's script is there
    ana.page.keyboard.press("Escape")
    expect(ana.page.locator("#inbox")).to_be_visible()


def test_a_slash_leads_to_the_search_in_which_letters_are_letters(ana):
    search = ana.page.get_by_role("searchbox")
    ana.page.keyboard.press("/")
    expect(search).to_be_focused()
    ana.page.keyboard.type("e?jx")
    expect(search).to_have_value("e?jx")
    ana.page.keyboard.press("Escape")
    expect(search).not_to_be_focused()


def test_a_question_mark_shows_the_help_and_no_key_works_beneath_it(ana):
    count = ana.page.locator(".item").count()
    ana.page.keyboard.press("?")
    expect(ana.page.get_by_role("dialog", name="Atalhos do teclado")).to_be_visible()
    ana.page.keyboard.press("e")
    ana.page.keyboard.press("Escape")
    expect(ana.page.get_by_role("dialog")).to_have_count(0)
    expect(ana.page.locator(".item").first).to_be_focused()
    expect(ana.page.locator(".item")).to_have_count(count)


def test_g_and_a_letter_go_to_the_archive_and_back(ana):
    ana.page.keyboard.press("g")
    ana.page.keyboard.press("a")
    expect(ana.page).to_have_url(f"{ana.site.url}/notificacoes/?archived=true")
    ana.page.keyboard.press("g")
    ana.page.keyboard.press("i")
    expect(ana.page).to_have_url(f"{ana.site.url}/notificacoes/")
