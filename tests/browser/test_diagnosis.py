"""The page "Diagnóstico" in a browser: each link is broken on purpose, and named."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk import Desk
from tests.live.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.services]


@pytest.fixture(scope="module")
def site(new_site, own_ably):
    """One for all: what breaks is on the way to it. A heartbeat is soon waited for."""
    with new_site(own_ably, STREAM_HEARTBEAT="1") as site:
        yield site


@pytest.fixture
def page(desk):
    """Ana's, who is in the rollout."""
    ana = desk("ana")
    ana.keep_as = ""  # what was put in between the page and a socket stays there
    ana.is_on("ably")
    yield ana.page
    assert ana.errors == []


def diagnose(page: Page, site: Site) -> dict[str, str]:
    """link → the code of what is found."""
    page.goto(f"{site.url}/notificacoes/diagnostico/")
    return conclude(page)


def conclude(page: Page) -> dict[str, str]:
    expect(page.locator("#again")).to_be_enabled()
    items = page.locator("#links li").evaluate_all("(all) => all.map(({ dataset }) => [dataset.link, dataset.code])")
    return dict(items)


def verdict_is(page: Page, sentence: str) -> None:
    expect(page.locator("#verdict")).to_have_text(sentence)


def answer_with(page: Page, address: str, change) -> None:
    """What the site says at `address`, changed on the way as something in between might."""

    def handle(route):
        response = route.fetch()
        answer = response.json()
        change(answer)
        route.fulfill(response=response, json=answer)

    page.route(address, handle)


def test_all_is_well_on_ably_and_the_report_gives_nobody_away(page, site):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    found = diagnose(page, site)
    assert found.pop("keys") in ("keys.ok", "keys.unproven")
    assert {code.partition(".")[2] for code in found.values()} == {"ok"}
    verdict_is(page, "Tudo certo: cada elo funciona.")
    page.get_by_role("button", name="Copiar relatório").click()
    expect(page.locator("#copied")).to_contain_text("Relatório copiado")
    report = page.evaluate("navigator.clipboard.readText()")
    assert "Conexão com o Ably" in report
    session = page.evaluate("fetch('/api/v1/session/?ed25519=true').then((answer) => answer.json())")
    secrets = [session["person"], *(part for one in session["channels"] for part in (one["name"], one["key"]))]
    assert [secret for secret in secrets if secret in report] == []


def test_all_is_well_on_sse_without_a_request_for_the_sdk(desk, site):
    asked = []
    caio = desk("caio")
    caio.page.on("request", lambda request: asked.append(request.url))
    found = diagnose(caio.page, site)
    verdict_is(caio.page, "Tudo certo: cada elo funciona.")
    assert (found["stream"], found["buffering"], found["token"]) == ("stream.ok", "buffering.ok", "not_on_ably")
    assert asked
    assert [url for url in asked if "/ably/" in url] == []


@pytest.mark.endurance
def test_a_websocket_that_a_firewall_cuts_is_named(page, site):
    page.context.route_web_socket(lambda url: True, lambda socket: socket.close())
    assert diagnose(page, site)["connection"] == "connection.blocked"
    verdict_is(page, "O elo que falha: Conexão com o Ably.")
    expect(page.locator("[data-link=connection] .operator")).to_contain_text("ably-realtime.com")


@pytest.mark.endurance
def test_a_token_that_ably_refuses_is_named(page, site):
    answer_with(page, "**/api/v1/ably/token/", lambda answer: answer.update(token=f"{answer['token'][:-4]}AAAA"))
    assert diagnose(page, site)["connection"] == "connection.refused"
    verdict_is(page, "O elo que falha: Conexão com o Ably.")


@pytest.mark.endurance
def test_a_key_that_opens_nothing_is_named(page, send, site):
    """What the site sent a moment ago comes again, and does not open."""
    send.to_everybody("a")
    expect(page.locator(".item .title").first).to_have_text("a")
    assert diagnose(page, site)["keys"] == "keys.ok"

    def swap(session):
        names = [channel["name"] for channel in session["channels"]]
        keys = [channel["key"] for channel in session["channels"]]
        for channel, key in zip(session["channels"], keys[1:] + keys[:1], strict=True):
            channel["key"] = key
        assert len(set(keys)) == len(names)

    answer_with(page, "**/api/v1/session/*", swap)
    assert diagnose(page, site)["keys"] == "keys.wrong"
    verdict_is(page, "O elo que falha: Chaves dos canais.")


@pytest.mark.endurance
def test_a_sdk_that_is_blocked_is_named(page, site):
    page.route("**/ably.min.js", lambda route: route.abort())
    found = diagnose(page, site)
    assert (found["sdk"], found["connection"]) == ("sdk.blocked", "untried")


def answering(answer):
    return lambda route: route.fulfill(**answer)


def test_a_proxy_that_answers_or_cuts_is_named(page, site):
    for answer, code in (
        ({"status": 502, "body": "Bad Gateway"}, "stream.failing"),
        ({"content_type": "text/html", "body": "<html>Entre na rede</html>"}, "stream.foreign"),
        ({"content_type": "text/event-stream", "body": "retry: 3000\n\n"}, "buffering.cut"),
    ):
        page.route("**/api/v1/stream/**", answering(answer))
        assert code in diagnose(page, site).values()


@pytest.mark.endurance
def test_a_stream_that_is_held_back_is_named(page, site):
    page.route("**/api/v1/stream/**", lambda route: None)
    found = diagnose(page, site)
    assert (found["stream"], found["buffering"]) == ("stream.silent", "untried")
    verdict_is(page, "O elo que falha: Fluxo de notificações (SSE).")
    expect(page.locator("[data-link=stream] .operator")).to_contain_text("proxy_buffering off")


@pytest.mark.endurance
def test_a_logout_elsewhere_is_named_and_so_is_a_server_that_is_gone(desk, site):
    caio: Desk = desk("caio")
    assert diagnose(caio.page, site)["session"] == "session.ok"
    cookies = caio.context.cookies()
    caio.context.clear_cookies()
    caio.page.get_by_role("button", name="Verificar de novo").click()
    assert conclude(caio.page)["session"] == "session.signed_out"
    caio.context.add_cookies(cookies)
    site.kill()
    caio.page.get_by_role("button", name="Verificar de novo").click()
    assert conclude(caio.page)["server"] == "server.unreachable"
    verdict_is(caio.page, "O elo que falha: Servidor.")
    site.start()
    caio.page.get_by_role("button", name="Verificar de novo").click()
    assert conclude(caio.page)["server"] == "server.ok"
