"""Several tabs of one login in one real browser: one connection for all of them."""

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.test_failover import send

pytestmark = pytest.mark.browser

WITHIN = 2  # seconds, in which another tab has taken over and a notification is there


def open_streams(site) -> int:
    """Of both lanes, by the site's own count."""
    lines = httpx.get(f"{site.url}/metrics").text.splitlines()
    return sum(int(float(line.split()[-1])) for line in lines if line.startswith("notificacao_open_streams{"))


def seven_tabs(desk, name, transport):
    first = desk(name)
    first.is_on(transport)
    tabs = [first, *(first.another_tab() for _ in range(6))]
    for tab in tabs:
        tab.is_on(transport)
    return tabs


@pytest.mark.parametrize(("name", "transport"), [("ana", "ably"), ("bia", "sse")])
def test_seven_tabs_share_one_stream_and_each_shows_what_comes_once(desk, site, name, transport):
    tabs = seven_tabs(desk, name, transport)
    send(site, "Para as sete abas")
    for tab in tabs:
        tab.sees("Para as sete abas")
        assert tab.is_complete_and_each_once() == 1
    assert open_streams(site) == 1


def test_when_the_tab_that_holds_the_connection_is_closed_another_one_takes_over(desk, site):
    leader, *others = seven_tabs(desk, "bia", "sse")
    send(site, "Antes")
    for tab in others:
        tab.sees("Antes")
    leader.page.close()
    send(site, "Depois")
    for tab in others:
        tab.sees("Depois", within=WITHIN)
        assert tab.is_complete_and_each_once() == 2
    assert open_streams(site) == 1


def test_when_the_tab_that_holds_the_connection_stops_answering_another_one_takes_over(desk, site):
    """As a tab does that the browser has frozen, or that stands in a dialogue: its lock stays its own."""
    leader, *others = [first := desk("bia"), first.another_tab(), first.another_tab()]
    for tab in (leader, *others):
        tab.is_on("sse")
    leader.page.evaluate("setTimeout(() => { const until = Date.now() + 8_000; while (Date.now() < until); }, 0)")
    send(site, "Enquanto a primeira aba não responde")
    for tab in others:
        tab.sees("Enquanto a primeira aba não responde", within=WITHIN)
    leader.page.wait_for_timeout(8_000)
    send(site, "Quando ela responde de novo")
    for tab in (leader, *others):
        tab.sees("Quando ela responde de novo")
        assert tab.is_complete_and_each_once() == 2
    assert open_streams(site) == 1


def test_a_logout_in_one_tab_takes_all_of_them_to_the_login(desk, site):
    first, *others = [one := desk("bia"), one.another_tab(), one.another_tab()]
    for tab in (first, *others):
        tab.is_on("sse")
    others[0].page.get_by_role("button", name="Sair").click()
    for tab in (first, *others):
        expect(tab.page).to_have_url(f"{site.url}/entrar/")
