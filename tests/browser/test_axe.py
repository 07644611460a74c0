"""axe finds nothing serious on any page, in light and in dark."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk import tell_everybody
from tests.browser.staff import Staff
from tests.live.ably_server import ROOT
from tests.live.site import Site, copy_of

pytestmark = pytest.mark.browser

AXE = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text()
RUN = """
async () => {
  const { violations } = await axe.run();
  return violations
    .filter(({ impact }) => ["serious", "critical"].includes(impact))
    .flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target}: ${failureSummary}`));
}
"""


@pytest.fixture(scope="module")
def site(demo_database, tmp_path_factory):
    """Without Ably: nothing of how a page looks depends on it."""
    with Site(copy_of(demo_database, tmp_path_factory.mktemp("axe")), STREAM_HEARTBEAT="1") as site:
        yield site


@pytest.fixture(params=["light", "dark"])
def scheme(request):
    return request.param


def findings(page: Page, scheme: str) -> list[str]:
    """The serious and critical ones of the page as it stands."""
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.evaluate(AXE)
    return page.evaluate(RUN)


def test_a_picture_without_a_text_is_found(browser, site, scheme):
    page = browser.new_page()
    page.goto(f"{site.url}/entrar/")
    page.evaluate("document.body.append(new Image())")
    assert [finding.partition(":")[0] for finding in findings(page, scheme)] == ["image-alt"]
    page.close()


def test_the_login(browser, site, scheme):
    page = browser.new_context(locale="pt-BR").new_page()
    page.goto(f"{site.url}/entrar/")
    assert findings(page, scheme) == []
    page.get_by_label("Usuário").fill("ana")
    page.get_by_label("Senha").fill("errada")
    page.get_by_role("button", name="Entrar").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert findings(page, scheme) == []
    page.context.close()


def test_the_inbox_with_rows_with_its_dialogs_and_with_none(desk, site, scheme):
    page = desk("ana").page
    assert page.locator(".item").count() > 1
    assert findings(page, scheme) == []
    page.locator("#inbox").press("x")
    assert findings(page, scheme) == []
    for name in ("Preferências", "Atalhos do teclado"):
        page.get_by_role("button", name=name).click()
        assert findings(page, scheme) == []
        page.get_by_role("button", name="Fechar").click()
    page.goto(f"{site.url}/notificacoes/?q=nada-que-exista")
    expect(page.locator(".item")).to_have_count(0)
    assert findings(page, scheme) == []


def test_the_question_asked_answered_and_open_again(desk, site, scheme):
    page = desk({"light": "bia", "dark": "caio"}[scheme]).page
    expect(page.get_by_role("group", name="As notificações chegam a tempo?")).to_be_visible()
    assert findings(page, scheme) == []
    page.get_by_role("button", name="4: quase sempre").click()
    expect(page.locator("#question summary")).to_be_focused()
    assert findings(page, scheme) == []
    page.locator("#question summary").click()
    assert findings(page, scheme) == []


def test_a_toast(desk, site, scheme):
    ana = desk("ana")
    page = ana.page
    ana.is_on("sse")
    tell_everybody(site, "Agora mesmo", priority="urgente")
    expect(page.locator(".toasts [role=alert]")).to_contain_text("Agora mesmo")
    assert findings(page, scheme) == []


def test_a_notification_of_ones_own_and_one_that_is_not_there(desk, site, scheme):
    page = desk("ana").page
    page.locator(".item a").first.click()
    expect(page.locator("#notification")).to_be_visible()
    assert findings(page, scheme) == []
    page.goto(f"{site.url}/notificacoes/00000000-0000-7000-8000-000000000000/")
    expect(page.get_by_role("heading", name="Não encontrada")).to_be_visible()
    assert findings(page, scheme) == []


def test_the_diagnosis_while_it_runs_when_all_is_well_and_when_not(desk, site, scheme):
    page = desk("caio").page
    page.goto(f"{site.url}/notificacoes/diagnostico/")
    assert findings(page, scheme) == []
    verdict = page.locator("#verdict")
    expect(verdict).to_have_attribute("data-status", "ok", timeout=30_000)
    assert findings(page, scheme) == []
    page.route("**/api/v1/stream/**", lambda route: route.abort())
    page.route("**/health/live", lambda route: route.fulfill(headers={"Date": "Tue, 24 Nov 2020 12:00:00 GMT"}))
    page.get_by_role("button", name="Verificar de novo").click()
    expect(verdict).to_have_attribute("data-status", "failure", timeout=30_000)
    expect(page.locator("[data-link=clock]")).to_have_attribute("data-status", "warning")
    page.evaluate("document.getElementById('report').hidden = false")
    assert findings(page, scheme) == []


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
        "rolloutflag/",
        "rolloutplan/",
        "rolloutplan/stages/",
        "breakerstate/",
        "auditevent/",
        "person/",
        "membership/add/",
        "producer/",
        "producer/add/",
        "producerkey/",
    ],
)
def test_the_administration(admin, site, scheme, address):
    admin.goto(f"{site.url}/admin/notificacao/{address}")
    expect(admin.locator("select.admin-autocomplete:not(.select2-hidden-accessible)")).to_have_count(0)
    expect(admin.locator(".select2-selection:not([aria-label])")).to_have_count(0)
    expect(admin.locator(".search-label-icon:not([role])")).to_have_count(0)
    assert findings(admin, scheme) == []
