"""Logins: who logged in at a site once need not type the password in each browser; it costs the site half a second."""

from weakref import WeakKeyDictionary

import httpx
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.rest import new_context
from tests.live.site import PASSWORD, Site
from tests.waiting import PATIENCE

_cookies: WeakKeyDictionary[Site, dict[str, list]] = WeakKeyDictionary()


def logged_in(browser: Browser, site: Site, username: str, **how) -> BrowserContext:
    """A browser context of one's own, `how` as Playwright has it, in which that person is logged in."""
    context = new_context(browser, **how)
    known = _cookies.setdefault(site, {})
    context.add_cookies(known.get(username, []))
    if not _is_in_force(site, known.get(username, [])):
        _by_hand(context, site, username)
        known[username] = context.cookies()
    return context


def _is_in_force(site: Site, cookies: list) -> bool:
    held = {cookie["name"]: cookie["value"] for cookie in cookies}
    return httpx.get(f"{site.address}/api/v1/session/", cookies=held, timeout=PATIENCE).status_code == 200


def _by_hand(context: BrowserContext, site: Site, username: str) -> None:
    page = context.new_page()
    page.goto(f"{site.url}/entrar/?next=/notificacoes/")
    page.get_by_label("Usuário").fill(username)
    page.get_by_label("Senha").fill(PASSWORD)
    page.get_by_role("button", name="Entrar").click()
    expect(page).to_have_url(f"{site.url}/notificacoes/")
    page.close()
