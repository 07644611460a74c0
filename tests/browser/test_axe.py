"""axe finds nothing serious on any page, in light and in dark."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.rest import at_rest, new_context
from tests.browser.staff import Staff
from tests.live.ably_server import ROOT

pytestmark = pytest.mark.browser

AXE = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text()
OF_COLOURS = ["color-contrast", "link-in-text-block"]  # what else axe looks at is the same in both schemes
RUN = """
async (rules) => {
  const { violations } = await axe.run({ resultTypes: ["violations"], ...(rules.length && { runOnly: rules }) });
  return violations
    .filter(({ impact }) => ["serious", "critical"].includes(impact))
    .flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target}: ${failureSummary}`));
}
"""


@pytest.fixture(scope="module")
def site(new_site):
    """Without Ably: nothing of how a page looks depends on it."""
    with new_site(STREAM_HEARTBEAT="1") as site:
        yield site


def findings(page: Page) -> list[str]:
    """The serious and critical ones of the page as it stands, at rest: in dark those that colours can change."""
    found = []
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    for scheme, rules in (("light", []), ("dark", OF_COLOURS)):
        page.emulate_media(color_scheme=scheme)
        found += [f"{scheme}: {finding}" for finding in at_rest(page).evaluate(RUN, rules)]
    page.emulate_media(color_scheme="light")
    return found


def test_a_picture_without_a_text_and_a_colour_that_fails_in_the_dark_alone_are_found(browser, site):
    page = new_context(browser).new_page()
    page.goto(f"{site.url}/entrar/")
    page.evaluate("document.body.append(new Image())")
    page.evaluate("document.querySelector('h1').style.color = 'black'")
    kinds = [finding.split(": ")[:2] for finding in findings(page)]
    assert kinds == [["light", "image-alt"], ["dark", "color-contrast"]]
    page.context.close()


def test_the_login(browser, site):
    page = new_context(browser).new_page()
    page.goto(f"{site.url}/entrar/")
    assert findings(page) == []
    page.get_by_label("Usuário").fill("ana")
    page.get_by_label("Senha").fill("errada")
    page.get_by_role("button", name="Entrar").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert findings(page) == []
    page.context.close()


def test_the_inbox_with_rows_with_its_dialogs_and_with_none(desk, site):
    page = desk("ana").page
    assert page.locator(".item").count() > 1
    assert findings(page) == []
    page.locator("#inbox").press("x")
    assert findings(page) == []
    for name in ("Preferências", "Atalhos do teclado"):
        page.get_by_role("button", name=name).click()
        assert findings(page) == []
        page.get_by_role("button", name="Fechar").click()
    page.goto(f"{site.url}/notificacoes/?q=nada-que-exista")
    expect(page.locator(".item")).to_have_count(0)
    assert findings(page) == []


@pytest.mark.endurance
def test_the_question_asked_answered_and_open_again(desk, site):
    page = desk("bia").page
    expect(page.get_by_role("group", name="As notificações chegam a tempo?")).to_be_visible()
    assert findings(page) == []
    page.get_by_role("button", name="4: quase sempre").click()
    expect(page.locator("#question summary")).to_be_focused()
    assert findings(page) == []
    page.locator("#question summary").click()
    assert findings(page) == []


@pytest.mark.endurance
def test_a_toast(desk, send):
    ana = desk("ana")
    page = ana.page
    ana.is_on("sse")
    send.to_everybody("Agora mesmo", priority="urgente")
    expect(page.locator(".toasts [role=alert]")).to_contain_text("Agora mesmo")
    assert findings(page) == []


@pytest.mark.endurance
def test_a_notification_of_ones_own_and_one_that_is_not_there(desk, site):
    page = desk("ana").page
    page.locator(".item a").first.click()
    expect(page.locator("#notification")).to_be_visible()
    assert findings(page) == []
    page.goto(f"{site.url}/notificacoes/00000000-0000-7000-8000-000000000000/")
    expect(page.get_by_role("heading", name="Não encontrada")).to_be_visible()
    assert findings(page) == []


@pytest.mark.endurance
def test_the_diagnosis_while_it_runs_when_all_is_well_and_when_not(desk, site):
    page = desk("caio").page
    page.goto(f"{site.url}/notificacoes/diagnostico/")
    assert findings(page) == []
    verdict = page.locator("#verdict")
    expect(verdict).to_have_attribute("data-status", "ok")
    assert findings(page) == []
    page.route("**/api/v1/stream/**", lambda route: route.abort())
    page.route("**/health/live", lambda route: route.fulfill(headers={"Date": "Tue, 24 Nov 2020 12:00:00 GMT"}))
    page.get_by_role("button", name="Verificar de novo").click()
    expect(verdict).to_have_attribute("data-status", "failure")
    expect(page.locator("[data-link=clock]")).to_have_attribute("data-status", "warning")
    page.evaluate("document.getElementById('report').hidden = false")
    assert findings(page) == []


@pytest.fixture(scope="module")
def admin(browser, site):
    page = Staff.of(browser, site).page
    yield page
    page.context.close()


@pytest.mark.parametrize(
    "address",
    [
        "notification/",
        "notification/add/",
        "activechannel/",
        "connection/",
        "rolloutflag/",
        "rolloutplan/",
        "rolloutplan/stages/",
        "breakerstate/",
        "costgovernor/",
        "auditevent/",
        "alert/",
        "person/",
        "membership/add/",
        "producer/",
        "producer/add/",
        "producerkey/",
    ],
)
def test_the_administration(admin, site, address):
    admin.goto(f"{site.url}/admin/notificacao/{address}")
    expect(admin.locator("select.admin-autocomplete:not(.select2-hidden-accessible)")).to_have_count(0)
    expect(admin.locator(".select2-selection:not([aria-label])")).to_have_count(0)
    expect(admin.locator(".search-label-icon:not([role])")).to_have_count(0)
    assert findings(admin) == []


@pytest.mark.endurance
def test_the_page_about_one_notification_s_reach(admin, site):
    admin.goto(f"{site.url}/admin/notificacao/notification/")
    admin.locator("#result_list .field-reached a").first.click()
    expect(admin.get_by_role("heading", name="Pessoas")).to_be_visible()
    assert findings(admin) == []
