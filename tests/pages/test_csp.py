"""The content security policy: on every page, nothing inline, and of Ably's hosts those that its SDK connects to."""

import json
import subprocess
from html.parser import HTMLParser

import pytest
from django.urls import URLResolver, get_resolver

from semtas import csp
from tests.live.ably_server import ROOT

HEADER = "Content-Security-Policy"
CONNECTIVITY = {"https://internet-up.ably-realtime.com", "wss://ws-up.ably-realtime.com"}


def addresses(resolver=None, prefix="/"):
    """Each address of the site that has no variable part."""
    for pattern in (resolver or get_resolver()).url_patterns:
        route = prefix + str(pattern.pattern).removeprefix("^")
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern, route)
        elif not set(route) & set("<(?$"):
            yield route


class Inline(HTMLParser):
    """What of a page the policy would refuse."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        is_script = tag == "script" and attributes.get("type") != "application/json" and "src" not in attributes
        handlers = [name for name in attributes if name.startswith("on")]
        if tag == "style" or is_script or "style" in attributes or handlers:
            self.found.append((tag, attributes))


def directives(response) -> dict[str, list[str]]:
    words = [directive.split() for directive in response[HEADER].split("; ")]
    return {name: sources for name, *sources in words}


@pytest.fixture
def pages(client, admin_user):
    """address → answer, of all that answer a superuser with HTML."""
    client.force_login(admin_user)
    answers = {address: client.get(address) for address in addresses()}
    client.logout()
    answers["/entrar/"] = client.get("/entrar/")
    answers["/nowhere/"] = client.get("/nowhere/")
    return {address: one for address, one in answers.items() if one.get("Content-Type", "").startswith("text/html")}


@pytest.mark.slow
def test_every_page_has_the_policy(pages):
    assert {"/", "/entrar/", "/nowhere/", "/notificacoes/", "/api/v1/docs/", "/admin/"} <= set(pages)
    for address, response in pages.items():
        policy = directives(response)
        assert policy.pop("connect-src")[0] == "'self'", address
        assert policy.pop("img-src", None) == (["'self'", "data:"] if address == "/api/v1/docs/" else None), address
        assert policy == {
            "default-src": ["'self'"],
            "object-src": ["'none'"],
            "base-uri": ["'none'"],
            "form-action": ["'self'"],
            "frame-ancestors": ["'none'"],
        }, address


@pytest.mark.slow
def test_no_page_has_anything_inline(pages):
    for address, response in pages.items():
        assert Inline(response.content.decode()).found == [], address


def test_without_ably_a_page_connects_to_this_site_alone():
    assert csp.policy([])["connect-src"] == ["'self'"]


def test_a_host_of_ones_own_is_reached_at_its_port_and_by_its_scheme():
    local = set(csp.ably_sources("127.0.0.1", 18080, tls=False)) - CONNECTIVITY
    assert local == {"http://127.0.0.1:18080", "ws://127.0.0.1:18080"}
    assert "wss://[::1]:8443" in csp.ably_sources("::1", 8443, tls=True)
    assert "wss://ably.example" in csp.ably_sources("ably.example", 443, tls=True)


SDK_HOSTS = """
globalThis.window = globalThis;
const Ably = require("ably");
const { endpoint } = JSON.parse(process.argv[1]);
const rest = new Ably.Rest({ ...(endpoint && { endpoint }), token: "a" });
const { primaryDomain, fallbackHosts } = rest.options;
console.log(JSON.stringify([primaryDomain, ...(fallbackHosts ?? [])]));
"""


@pytest.mark.parametrize("endpoint", ["", "acme", "nonprod:sandbox", "localhost", "ably.example"])
def test_the_hosts_are_those_that_the_sdk_itself_makes_of_an_endpoint(endpoint):
    asked = subprocess.run(
        ["node", "-e", SDK_HOSTS, json.dumps({"endpoint": endpoint})],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    wanted = {f"{scheme}://{host}" for host in json.loads(asked.stdout) for scheme in ("https", "wss")}
    assert set(csp.ably_sources(endpoint, 443, tls=True)) == wanted | CONNECTIVITY
