"""The content security policy while the pages are used: nothing of ours needs what it refuses."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.rest import until
from tests.browser.staff import Staff
from tests.browser.test_xss import LISTS, SINGLE

pytestmark = [pytest.mark.browser, pytest.mark.services]


@pytest.fixture(scope="module")
def site(new_site, own_ably):
    with new_site(own_ably, STREAM_HEARTBEAT="1") as site:
        yield site


@pytest.fixture
def staff(browser, site):
    staff = Staff.of(browser, site)
    yield staff
    staff.page.context.close()


def refusals(page: Page) -> list[str]:
    """What the browser refuses to load or run from now on."""
    heard: list[str] = []
    page.on("console", lambda said: heard.append(said.text) if "Security Policy" in said.text else None)
    return heard


def test_a_script_that_somebody_smuggles_in_does_not_run_and_is_heard_of(desk):
    caio = desk("caio")
    refused = refusals(caio.page)
    caio.page.evaluate("""() => {
      const script = Object.assign(document.createElement("script"), { textContent: "window.smuggled = true" });
      document.body.append(script, Object.assign(new Image(), { src: "https://evil.example/a.png" }));
      return fetch("https://evil.example/").catch(() => {});
    }""")
    until(caio.page, lambda: all(any(kind in text for text in refused) for kind in ("script", "image", "connect")))
    assert caio.page.evaluate("window.smuggled") is None


def test_the_inbox_and_the_diagnosis_run_under_it(desk, send, site):
    ana = desk("ana")
    refused = refusals(ana.page)
    ana.page.reload()
    ana.is_on("ably")
    send.to_everybody("Aviso")
    ana.sees("Aviso")
    item = ana.page.locator(".item", has_text="Aviso")
    item.locator("[data-action=read]").click()
    item.locator("[data-action=archive]").click()
    expect(item).to_have_count(0)
    ana.page.goto(f"{site.url}/notificacoes/diagnostico/")
    expect(ana.page.locator("#verdict")).to_have_attribute("data-status", "ok")
    ana.page.get_by_role("button", name="Copiar relatório").click()
    ana.page.get_by_role("link", name="SEMTAS Notificações").click()
    ana.is_on("ably")
    ana.page.get_by_role("button", name="Sair").click()
    expect(ana.page.get_by_label("Senha")).to_be_visible()
    assert refused == []


@pytest.mark.endurance
@pytest.mark.parametrize(("username", "transport", "sdks"), [("ana", "ably", 1), ("caio", "sse", 0)])
def test_the_sdk_is_loaded_for_people_in_the_rollout_alone_and_all_else_from_here(
    desk, site, username, transport, sdks
):
    """By the browser's own log of requests."""
    one = desk(username)
    one.is_on(transport)
    asked = []
    one.page.on("request", lambda request: asked.append(request.url))
    one.page.reload()
    one.is_on(transport)
    assert sum(url.endswith("/ably.min.js") for url in asked) == sdks
    assert any(url.endswith("/client.js") for url in asked)
    assert [url for url in asked if not url.startswith(site.url)] == []


def test_the_admin_runs_under_it(staff, site):
    """What `test_xss.py` walks, it walks under the same watch."""
    refused = refusals(staff.page)
    page = staff.page
    page.goto(f"{site.url}/admin/")
    lists = page.locator("#content-main th a").evaluate_all("(all) => all.map(({ href }) => href)")
    assert len(lists) > 5
    for address in lists:
        if address.rstrip("/").rpartition("/")[2] in {*LISTS, *SINGLE}:
            continue
        page.goto(address)
        first = page.locator("#result_list tbody th a").first
        if first.count():
            first.click()
            expect(page.locator("#content form").first).to_be_visible()
    page.goto(f"{site.url}/admin/notificacao/notification/add/")
    page.locator(".field-person .select2-selection").click()
    page.locator(".select2-search__field").fill("ana")
    page.locator(".select2-results__option").first.click()
    staff.send_to_unit("CRAS01 – CRAS Norte", "Sob a política")
    staff.set_flag(percent="100")
    assert refused == []


@pytest.mark.endurance
def test_the_documentation_of_the_api_runs_under_it(staff, site):
    refused = refusals(staff.page)
    staff.page.goto(f"{site.url}/api/v1/docs/")
    call = staff.page.locator(".opblock", has_text="/api/v1/session/")
    call.locator("button.opblock-summary-control").click()
    call.get_by_role("button", name="Try it out").click()
    call.get_by_role("button", name="Execute").click()
    expect(call.locator(".live-responses-table td.response-col_status").last).to_contain_text("200")
    assert refused == []
