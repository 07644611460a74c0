"""The admin's home in a browser: what changes shows by itself, in either theme and on a phone."""

import pytest
from playwright.sync_api import expect

from tests.browser.logins import logged_in
from tests.browser.staff import Staff
from tests.browser.test_axe import findings

pytestmark = pytest.mark.browser

ALERT = """
from notificacao.models import Alert
Alert.objects.create(name='BreakerOpen', detail='O Ably não respondeu.')
"""


@pytest.fixture(scope="module")
def site(new_site):
    with new_site(STREAM_HEARTBEAT="1") as site:
        yield site


@pytest.fixture
def page(browser, site):
    page = Staff.of(browser, site).page
    page.refused = []
    page.on("console", lambda said: page.refused.append(said.text) if said.type == "error" else None)
    page.goto(f"{site.url}/admin/")
    yield page
    page.context.close()


def test_who_comes_and_an_alert_that_opens_show_without_a_reload_and_lead_to_the_runbook(page, browser, site):
    sentence = page.locator(".sentence")
    expect(sentence).to_contain_text("Funciona, com 1 alerta aberto: ninguém conectado agora.")
    page.get_by_role("link", name="Por SSE").focus()
    bia = logged_in(browser, site, "bia").new_page()
    bia.goto(f"{site.url}/notificacoes/")
    expect(sentence).to_have_text("Funciona, com 1 alerta aberto: 1 pessoa conectada, nenhuma no Ably.")
    expect(page.get_by_role("link", name="Por SSE")).to_be_focused()
    page.get_by_role("link", name="Por SSE").click()
    expect(page.get_by_role("row", name="Bia Nogueira (bia)")).to_contain_text("Chrome no Linux")
    page.go_back()
    bia.context.close()
    site.run(ALERT)
    expect(sentence).to_contain_text("com 2 alertas abertos")
    page.locator(".attention a").first.click()
    expect(page.locator("h4:target")).to_have_id("BreakerOpen")
    assert page.refused == []


@pytest.mark.endurance
@pytest.mark.parametrize("width", [390, 1366])
def test_with_a_day_behind_it_nothing_is_wrong_in_light_or_dark_and_nothing_overflows(page, site, width):
    site.manage("demo", "--day")
    page.set_viewport_size({"width": width, "height": 900})
    for address in ("", "plantao/", "notificacao/connection/", "notificacao/activechannel/"):
        page.goto(f"{site.url}/admin/{address}")
        assert findings(page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
    page.goto(f"{site.url}/admin/")
    expect(page.locator(".charts svg[aria-label]")).to_have_count(4)
    page.get_by_text("Ver os números por hora").click()
    assert findings(page) == []
    assert page.refused == []


@pytest.mark.endurance
def test_a_login_that_is_over_leaves_what_is_shown_as_it_is(page, site):
    page.goto(f"{site.url}/admin/notificacao/notification/")
    page.locator("#result_list .field-reached a").first.click()
    with page.expect_event("requestfailed", lambda request: "part=state" in request.url):
        page.context.clear_cookies()
    expect(page.locator("#state")).to_contain_text("Pessoas")
    expect(page.locator("#state form")).to_have_count(0)
