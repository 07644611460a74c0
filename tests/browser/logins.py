"""Logins: a site on the demo's database knows one of each person; who ended it logs in by hand. That costs a second."""

from collections.abc import Mapping
from weakref import WeakKeyDictionary

import httpx
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.rest import new_context
from tests.live.site import PASSWORD, Site
from tests.waiting import PATIENCE

# What `demo` leaves behind, before anybody copies its database.
LOG_EVERYBODY_IN = """
import json
from django.test import Client
from notificacao.models import Person
def session_of(person):
    client = Client()
    client.force_login(person)
    return client.session.session_key
print(json.dumps({person.username: session_of(person) for person in Person.objects.filter(is_active=True)}))
"""

_cookies: WeakKeyDictionary[Site, dict[tuple[str, str], list]] = WeakKeyDictionary()
_sessions: WeakKeyDictionary[Site, Mapping[str, str]] = WeakKeyDictionary()
_http = httpx.Client(timeout=PATIENCE)  # for all questions: each client reads the machine's certificates


def have(site: Site, sessions: Mapping[str, str]) -> None:
    """Tell that its database holds `sessions`: the key of each person's."""
    _sessions[site] = sessions


def logged_in(browser: Browser, site: Site, username: str, **how) -> BrowserContext:
    """A browser context of one's own, `how` as Playwright has it, in which that person is logged in."""
    context = new_context(browser, **how)
    known = _cookies.setdefault(site, {})
    cookies = known.get((site.host, username)) or _prepared(site, username)
    if is_in_force(site, cookies):
        context.add_cookies(cookies)
    else:
        _by_hand(context, site, username)
        known[site.host, username] = context.cookies()
    return context


def _prepared(site: Site, username: str) -> list:
    key = _sessions.get(site, {}).get(username)
    return [{"name": "sessionid", "value": key, "url": site.url, "httpOnly": True, "sameSite": "Lax"}] if key else []


def is_in_force(site: Site, cookies: list) -> bool:
    """Tell whether the site knows whoever sends these for somebody."""
    held = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in cookies)
    return bool(held) and _http.get(f"{site.address}/api/v1/session/", headers={"Cookie": held}).is_success


def _by_hand(context: BrowserContext, site: Site, username: str) -> None:
    page = context.new_page()
    page.goto(f"{site.url}/entrar/?next=/notificacoes/")
    page.get_by_label("Usuário").fill(username)
    page.get_by_label("Senha").fill(PASSWORD)
    page.get_by_role("button", name="Entrar").click()
    expect(page).to_have_url(f"{site.url}/notificacoes/")
    page.close()
