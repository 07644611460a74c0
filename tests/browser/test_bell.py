"""The bell on a page of another system of the site, which knows nothing of ours but one tag, under a strict policy."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.desk import Desk
from tests.browser.rest import new_context, until
from tests.browser.test_axe import findings
from tests.browser.test_tabs import one_stream_is_open

pytestmark = pytest.mark.browser

FOREIGN = "/beneficios/"
HTML = """<!doctype html><html lang="pt-BR">
<meta name="color-scheme" content="light dark"><title>Benefícios</title><h1 tabindex="-1">Benefícios</h1>
<script type="module" src="/static/notificacao/semtas-sino.js"></script><semtas-sino {attributes}></semtas-sino>"""
POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'"
STREAM = re.compile(r"/api/v1/stream/")


class Bell:
    """One bell, and what is heard of it on its page."""

    def __init__(self, page: Page, url: str, attributes: str = ""):
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text) if "Security Policy" in said.text else None)
        page.route(
            f"**{FOREIGN}", lambda route: route.fulfill(body=HTML.format(attributes=attributes), headers=HEADERS)
        )
        page.goto(f"{url}{FOREIGN}")
        page.evaluate(WATCH)
        self.button = page.locator("semtas-sino button.bell")
        self.panel = page.locator("semtas-sino .panel")
        self.items = page.locator("semtas-sino li")

    @classmethod
    def beside(cls, desk: Desk) -> "Bell":
        """In another tab of the same browser."""
        return cls(desk.context.new_page(), desk.site.url)

    def is_on(self, status: str) -> None:
        expect(self.page.locator("semtas-sino .dot")).to_have_attribute("data-status", status)

    def unread_is(self, count: int) -> None:
        expect(self.page.locator("semtas-sino .count")).to_have_text(str(count))

    @property
    def unread(self) -> int:
        return self.page.evaluate("document.querySelector('semtas-sino').unread")

    def has_told(self, *titles: str) -> None:
        """Once the page heard of notifications with these titles; of each once, and of no other."""
        told = until(self.page, lambda: len(said := self.page.evaluate("window.told")) >= len(titles) and said)
        assert told == list(titles)


HEADERS = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY}
WATCH = """() => {
  window.told = [];
  addEventListener("semtas-notificacao", ({ detail }) => window.told.push(detail.title));
}"""


@pytest.fixture(scope="module")
def site(shared_site):
    """Without Ably: bia is not on it."""
    return shared_site


def refuse_streams(context: BrowserContext) -> None:
    context.route(STREAM, lambda route: route.abort())


def test_it_counts_and_tells_what_comes_while_the_page_is_open(desk, send, site):
    bia = desk("bia")
    before = bia.unread
    bia.page.close()
    bell = Bell(bia.context.new_page(), site.url)
    bell.is_on("sse")
    assert bell.unread == before
    send("No sino")
    bell.unread_is(before + 1)
    expect(bell.button).to_have_accessible_name(f"Notificações: {before + 1} não lidas")
    bell.has_told("No sino")
    assert bell.errors == []


def test_the_panel_is_used_by_keyboard_alone(desk, send):
    bia = desk("bia")
    bell = Bell.beside(bia)
    bell.is_on("sse")
    send("A mais nova")
    expect(bell.items.first).to_contain_text("A mais nova")
    keyboard = bell.page.keyboard
    bell.page.locator("h1").focus()
    keyboard.press("Tab")
    expect(bell.button).to_be_focused()
    expect(bell.button).to_have_attribute("aria-expanded", "false")
    keyboard.press("Enter")
    expect(bell.panel).to_be_visible()
    expect(bell.button).to_have_attribute("aria-expanded", "true")
    expect(bell.items.first.get_by_role("link")).to_be_focused()
    keyboard.press("Escape")
    expect(bell.panel).to_be_hidden()
    expect(bell.button).to_be_focused()
    keyboard.press("Enter")
    keyboard.press("Enter")
    expect(bell.page).to_have_url(re.compile(r"/notificacoes/[0-9a-f-]{36}/$"))
    expect(bell.page.get_by_role("heading", name="A mais nova")).to_be_visible()


@pytest.mark.endurance
def test_axe_finds_nothing_serious_in_its_open_panel(desk):
    bell = Bell.beside(desk("bia"))
    bell.is_on("sse")
    bell.button.click()
    expect(bell.panel).to_be_visible()
    assert findings(bell.page) == []


@pytest.mark.endurance
def test_what_is_open_keeps_its_place_when_something_comes_and_closes_when_the_person_goes_elsewhere(desk, send):
    bell = Bell.beside(desk("bia"))
    bell.is_on("sse")
    bell.button.click()
    first = bell.items.first.get_by_role("link")
    title = first.locator(".title").inner_text()
    expect(first).to_be_focused()
    send("Enquanto o painel está aberto")
    expect(bell.items.first).to_contain_text("Enquanto o painel está aberto")
    expect(bell.items.nth(1).get_by_role("link")).to_be_focused()
    expect(bell.items.nth(1)).to_contain_text(title)
    bell.page.locator("h1").click()
    expect(bell.panel).to_be_hidden()


def test_it_shares_the_one_connection_of_the_inbox_and_follows_what_is_read_there(desk, send, site):
    bia = desk("bia")
    bia.is_on("sse")
    bell = Bell.beside(bia)
    bell.is_on("sse")
    before = bell.unread
    send("Para as duas páginas")
    bia.sees("Para as duas páginas")
    bell.unread_is(before + 1)
    one_stream_is_open(bell.page, site)
    bia.page.locator(".item", has_text="Para as duas páginas").locator("[data-action=read]").click()
    bell.unread_is(before)
    expect(bell.items.first).not_to_have_class("unread")
    bia.page.close()
    send("Depois que a caixa fechou")
    bell.unread_is(before + 1)
    bell.has_told("Para as duas páginas", "Depois que a caixa fechou")
    one_stream_is_open(bell.page, site)


@pytest.mark.endurance
def test_where_streams_are_refused_it_polls_and_goes_back_to_a_stream_when_there_is_one(desk, send, site):
    bia = desk("bia")
    bia.page.close()
    refuse_streams(bia.context)
    bell = Bell(bia.context.new_page(), site.url)
    bell.is_on("polling")
    before = bell.unread
    send("Sem fluxo")
    bell.unread_is(before + 1)
    bia.context.unroute(STREAM)
    bell.is_on("sse")
    send("Com fluxo")
    bell.unread_is(before + 2)
    bell.has_told("Sem fluxo", "Com fluxo")


def test_a_logout_elsewhere_turns_it_into_a_link_to_the_login(desk):
    bia = desk("bia")
    bell = Bell.beside(bia)
    bell.is_on("sse")
    bia.page.get_by_role("button", name="Sair").click()
    link = bell.page.get_by_role("link", name="Entrar")
    expect(link).to_have_attribute("href", "/entrar/?next=%2Fbeneficios%2F")
    expect(bell.button).to_be_hidden()
    expect(bell.items).to_have_count(0)


def test_it_speaks_english_where_the_page_asks_for_it(browser, site):
    context = new_context(browser)
    bell = Bell(context.new_page(), site.url, 'lang="en"')
    expect(bell.page.get_by_role("link", name="Log in")).to_be_visible()
    assert bell.errors == []
    context.close()
