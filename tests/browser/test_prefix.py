"""The inbox and the bell where the site is under a path of the city's portal, and the portal has cookies of its own."""

import pytest
from playwright.sync_api import expect

from tests.browser.desk import Desk
from tests.browser.rest import new_context
from tests.live.nginx import PlainNginx
from tests.live.site import PASSWORD, Site, copy_of

pytestmark = pytest.mark.browser

PREFIX = "/servicos/avisos"
PORTAL = "/beneficios/"
PAGE = f"""<!doctype html><html lang="pt-BR"><title>Benefícios</title><h1>Benefícios</h1>
<script type="module" src="{PREFIX}/static/notificacao/semtas-sino.js"></script><semtas-sino></semtas-sino>"""


class SiteUnderPrefix(Site):
    """A site that browsers know by the proxy's address alone."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.proxy_port}{PREFIX}"


@pytest.fixture(scope="module")
def site(demo_database, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prefix")
    with (
        SiteUnderPrefix(copy_of(demo_database, folder), SCRIPT_NAME=PREFIX, RATE_SYSTEM="10000/10000") as site,
        PlainNginx(folder, site.port, PREFIX) as proxy,
    ):
        site.proxy_port = proxy.port
        yield site


@pytest.fixture
def bia(browser, site):
    """Her desk, on a host where another application of the portal has cookies of Django's usual names."""
    context = new_context(browser)
    theirs = [
        {"name": name, "value": "x" * 32, "url": site.url.removesuffix(PREFIX)} for name in ("sessionid", "csrftoken")
    ]
    context.add_cookies(theirs)
    page = context.new_page()
    page.goto(f"{site.url}/")
    page.get_by_label("Usuário").fill("bia")
    page.get_by_label("Senha").fill(PASSWORD)
    page.get_by_role("button", name="Entrar").click()
    expect(page).to_have_url(f"{site.url}/notificacoes/")
    yield Desk(site, page)
    context.close()


@pytest.mark.endurance
def test_the_inbox_follows_the_stream_and_its_acts_arrive(bia, send):
    bia.is_on("sse")
    send("Sob um caminho")
    bia.sees("Sob um caminho")
    with bia.page.expect_response(lambda answer: answer.url.endswith("/read/")) as act:
        bia.page.locator(".item", has_text="Sob um caminho").get_by_role("button", name="Marcar como lida").click()
    assert act.value.status == 200
    bia.page.locator("#status").click()
    expect(bia.page).to_have_url(f"{bia.site.url}/notificacoes/diagnostico/")
    assert bia.errors == []


@pytest.mark.endurance
def test_the_bell_works_on_a_page_beside_the_prefix(bia, send):
    bia.page.close()
    portal = bia.context.new_page()
    asked = []
    portal.on("request", lambda request: asked.append(request.url))
    portal.route(f"**{PORTAL}", lambda route: route.fulfill(body=PAGE, content_type="text/html; charset=utf-8"))
    portal.goto(f"{bia.site.url.removesuffix(PREFIX)}{PORTAL}")
    expect(portal.locator("semtas-sino .dot")).to_have_attribute("data-status", "sse")
    with portal.expect_response(lambda answer: answer.url.endswith("/receipts/")) as receipts:
        send("No portal")
    assert receipts.value.status == 200, "its form's token is read from the cookie of ours"
    portal.locator("semtas-sino button.bell").click()
    expect(portal.locator("semtas-sino li", has_text="No portal")).to_have_count(1)
    assert [url for url in asked if PREFIX not in url and PORTAL not in url] == []
