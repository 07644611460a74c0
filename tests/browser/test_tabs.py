"""Several tabs of one login in one real browser: one connection for all of them."""

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.rest import until
from tests.waiting import PATIENCE

pytestmark = pytest.mark.browser

# The tab stands still until the answer comes, as in a dialogue: its timers and its words to other tabs wait.
STAND_STILL = """() => void setTimeout(() => {
  const request = new XMLHttpRequest();
  request.open("GET", "/parada/", false);
  request.send();
})"""


def one_stream_is_open(page, site) -> None:
    """Of both lanes, by the site's own count, once it has noticed what is gone."""

    def streams() -> int:
        lines = httpx.get(f"{site.address}/metrics", timeout=PATIENCE).text.splitlines()
        return sum(int(float(line.split()[-1])) for line in lines if line.startswith("notificacao_open_streams{"))

    until(page, lambda: streams() == 1)


def tabs_of(desk, name, transport, count):
    first = desk(name)
    first.is_on(transport)
    tabs = [first, *(first.another_tab() for _ in range(count - 1))]
    for tab in tabs:
        tab.is_on(transport)
    return tabs


@pytest.mark.parametrize(("name", "transport"), [("ana", "ably"), ("bia", "sse")])
def test_seven_tabs_share_one_stream_and_each_shows_what_comes_once(desk, send, site, name, transport):
    tabs = tabs_of(desk, name, transport, 7)
    send(f"Para as sete abas de {name}")
    for tab in tabs:
        tab.sees(f"Para as sete abas de {name}")
        assert tab.is_complete_and_each_once() == 1
    one_stream_is_open(tabs[0].page, site)


def test_when_the_tab_that_holds_the_connection_is_closed_another_one_takes_over(desk, send, site):
    leader, *others = tabs_of(desk, "bia", "sse", 3)
    send("Antes")
    for tab in others:
        tab.sees("Antes")
    leader.page.close()
    send("Depois")
    for tab in others:
        tab.sees("Depois")
        assert tab.is_complete_and_each_once() == 2
    one_stream_is_open(others[0].page, site)


@pytest.mark.endurance
def test_when_the_tab_that_holds_the_connection_stops_answering_another_one_takes_over(desk, send, site):
    """As a tab does that the browser has frozen, or that stands in a dialogue: its lock stays its own.

    How soon it is taken from it is told in `tests/js/live/tabs.test.js`, by a clock that nobody holds up.
    """
    leader, *others = tabs_of(desk, "bia", "sse", 3)
    held = []
    leader.page.route("**/parada/", lambda route: held.append(route))  # noqa: PLW0108 – Playwright reads its signature
    leader.page.evaluate(STAND_STILL)
    until(leader.page, lambda: held)
    send("Enquanto a primeira aba não responde")
    for tab in others:
        tab.sees("Enquanto a primeira aba não responde")
    held[0].fulfill()
    leader.sees("Enquanto a primeira aba não responde")
    send("Quando ela responde de novo")
    for tab in (leader, *others):
        tab.sees("Quando ela responde de novo")
        assert tab.is_complete_and_each_once() == 2
    one_stream_is_open(leader.page, site)


@pytest.mark.parametrize(("name", "transport"), [("ana", "ably"), ("bia", "sse")])
def test_a_logout_in_one_tab_takes_all_of_them_to_the_login(desk, site, name, transport):
    first, *others = tabs_of(desk, name, transport, 3)
    others[0].page.get_by_role("button", name="Sair").click()
    for tab in (first, *others):
        expect(tab.page).to_have_url(f"{site.url}/entrar/")
