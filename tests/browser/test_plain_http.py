"""Plain HTTP on a host name, as on a city's intranet: what needs a secure context is not there, and nothing is lost.

The main scenes are played there by `test_scenes.py`.
"""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import HOST_NAME
from tests.browser.test_diagnosis import conclude

pytestmark = pytest.mark.browser

TABS = 8  # of which the site serves STREAMS_PER_PERSON by streams


@pytest.fixture(scope="module")
def site(new_site, own_ably):
    with new_site(own_ably, ALLOWED_HOSTS=f"127.0.0.1,{HOST_NAME}", STREAM_HEARTBEAT="1") as site:
        site.host = HOST_NAME
        yield site


def test_the_browser_gives_such_a_page_none_of_what_it_keeps_for_secure_ones(desk):
    """Else the scenes on this host name would prove nothing."""
    ana = desk("ana")
    given = """() => ({
      secure: isSecureContext, ids: "randomUUID" in crypto, subtle: "subtle" in crypto, locks: "locks" in navigator,
      clipboard: "clipboard" in navigator, workers: "serviceWorker" in navigator,
    })"""
    assert set(ana.page.evaluate(given).values()) == {False}


def test_ana_who_is_in_the_rollout_is_served_by_sse_and_asks_for_no_token(desk, send):
    asked = []
    ana = desk("ana")
    ana.page.on("request", lambda request: asked.append(request.url))
    ana.is_on("sse")
    send("Sem https")
    ana.sees("Sem https")
    ana.page.reload()
    ana.is_on("sse")
    assert [url for url in asked if "/ably/" in url] == []
    assert ana.errors == []


@pytest.mark.endurance
def test_eight_tabs_all_hear_soon_though_the_site_serves_five_of_them_by_streams(desk, send):
    first = desk("bia")
    first.is_on("sse")
    tabs = [first, *(first.another_tab() for _ in range(TABS - 1))]
    beyond = "() => ['sse', 'polling'].includes(document.getElementById('status').dataset.transport)"
    for tab in tabs:
        tab.waits_for(beyond)
    send("Para as oito abas")
    for tab in tabs:
        tab.sees("Para as oito abas")
        assert tab.is_complete_and_each_once() == 1


def test_the_diagnosis_says_what_is_lost_and_the_report_can_be_copied_by_hand(desk, site):
    ana = desk("ana")
    ana.page.goto(f"{site.url}/notificacoes/diagnostico/")
    found = conclude(ana.page)
    assert [found[link] for link in ("token", "keys", "secure", "tabs", "stream")] == [
        "cannot_verify",
        "cannot_verify",
        "secure.missing",
        "tabs.insecure",
        "stream.ok",
    ]
    expect(ana.page.locator("#verdict")).to_contain_text("A página não está em https.")
    ana.page.get_by_role("button", name="Copiar relatório").click()
    expect(ana.page.locator("#report")).to_have_value(re.compile(r"secure\.missing"))


def test_notices_are_not_offered_where_the_browser_has_none(desk):
    ana = desk("ana")
    ana.page.get_by_role("button", name="Preferências").click()
    notices = ana.page.get_by_label("Avisos do navegador quando você estiver em outra aba ou janela")
    expect(notices).to_be_disabled()
    expect(ana.page.get_by_text("Avisos do navegador só existem em https.")).to_be_visible()
    expect(ana.page.get_by_label("Som para prioridade alta e urgente")).to_be_enabled()
