"""Logins: who logged in at a site once need not type the password in each browser; it costs the site half a second."""

from weakref import WeakKeyDictionary

from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.rest import new_context
from tests.live.site import PASSWORD, Site

_cookies: WeakKeyDictionary[Site, dict[str, list]] = WeakKeyDictionary()


def logged_in(browser: Browser, site: Site, username: str, **how) -> BrowserContext:
    """A browser context of one's own, `how` as Playwright has it, in which that person is logged in."""
    context = new_context(browser, **how)
    known = _cookies.setdefault(site, {})
    context.add_cookies(known.get(username, []))
    if context.request.get(f"{site.url}/api/v1/session/").status != 200:
        _by_hand(context, site, username)
        known[username] = context.cookies()
    return context


def _by_hand(context: BrowserContext, site: Site, username: str) -> None:
    page = context.new_page()
    page.goto(f"{site.url}/entrar/?next=/notificacoes/")
    page.get_by_label("Usuário").fill(username)
    page.get_by_label("Senha").fill(PASSWORD)
    page.get_by_role("button", name="Entrar").click()
    expect(page).to_have_url(f"{site.url}/notificacoes/")
    page.close()
