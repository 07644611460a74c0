"""Logging in at either door while too many others do: the page goes on by itself and keeps what was typed to itself."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.rest import new_context, until
from tests.browser.test_csp import refusals
from tests.live.site import PASSWORD

pytestmark = pytest.mark.browser

DOORS = {
    "/entrar/?next=/notificacoes/": ("Entrar", "/notificacoes/"),
    "/admin/login/?next=/admin/": ("Acessar", "/admin/"),
}
SAYS = "Aguarde a sua vez: continua sozinha."
BUSY = f'<main id="content"><p id="goes-on" hidden>{SAYS}</p></main>'


@pytest.fixture(scope="module")
def site(shared_site):
    return shared_site


@pytest.fixture(params=DOORS)
def door(request, browser, site):
    """A login page, its button's name, and where it leads; what the policy refuses fails the test."""
    page = new_context(browser).new_page()
    refused = refusals(page)
    page.goto(f"{site.url}{request.param}")
    yield page, *DOORS[request.param]
    page.context.close()
    assert refused == []


def press(page, button, password=PASSWORD):
    page.get_by_label("Usuário").fill("admin")
    page.get_by_label("Senha").fill(password)
    page.get_by_role("button", name=button).click()


def busy(page, times, retry_after="0"):
    """Have the site ask to wait so many times; what was posted is in the list."""
    posted = []

    def answer(route):
        if route.request.method == "POST":
            posted.append((route.request.url, route.request.post_data))
        if route.request.method == "POST" and len(posted) <= times:
            route.fulfill(status=503, headers={"Retry-After": retry_after}, content_type="text/html", body=BUSY)
        else:
            route.continue_()

    page.route("**/*", answer)
    return posted


def test_who_is_asked_to_wait_need_not_type_again(door):
    page, button, destination = door
    posted = busy(page, times=2)
    press(page, button)
    until(page, lambda: urlsplit(page.url).path == destination)
    assert [len(posted), len(set(posted))] == [3, 1]
    assert PASSWORD not in posted[0][0]


def test_meanwhile_the_page_says_so(door):
    page, button, _ = door
    posted = busy(page, times=1, retry_after="300")
    press(page, button)
    expect(page.get_by_role("status")).to_have_text(SAYS)
    expect(page.get_by_label("Senha")).to_have_value(PASSWORD)
    assert len(posted) == 1


def test_a_wrong_password_is_told_and_forgotten_and_the_right_one_lets_in(door):
    page, button, destination = door
    press(page, button, "errada")
    expect(page.get_by_text("Tente de novo").or_(page.locator(".errornote"))).to_be_visible()
    expect(page.get_by_label("Senha")).to_have_value("")
    press(page, button)
    until(page, lambda: urlsplit(page.url).path == destination)


def test_whoever_took_the_skip_link_is_let_in_too(browser, site):
    page = new_context(browser).new_page()
    page.goto(f"{site.url}/entrar/#content")
    press(page, "Entrar")
    until(page, lambda: urlsplit(page.url).path == "/notificacoes/")
    page.context.close()


def test_a_busy_database_is_told_too(door):
    page, button, _ = door
    ocupado = '<main id="content"><p role="alert">O sistema está ocupado.</p></main>'
    page.route(
        "**/*",
        lambda route: (
            route.fulfill(status=503, headers={"Retry-After": "300"}, content_type="text/html", body=ocupado)
            if route.request.method == "POST"
            else route.continue_()
        ),
    )
    press(page, button)
    expect(page.get_by_text("O sistema está ocupado")).to_be_visible()


_NOTE_WAITS = "() => { window.waits = []; window.setTimeout = (work, ms) => { window.waits.push(String(ms)); }; }"


def test_a_date_in_retry_after_is_no_reason_to_send_without_a_pause(door):
    page, button, _ = door
    busy(page, times=1, retry_after="Wed, 21 Oct 2026 07:28:00 GMT")
    page.evaluate(_NOTE_WAITS)
    press(page, button)
    assert until(page, lambda: page.evaluate("() => window.waits")) == ["5000"]
