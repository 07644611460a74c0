"""Somebody on the network reads how many people are logged in, what is sent, and which systems there are."""

import asyncio

import httpx
import pytest
from django.conf import settings as site
from django.core.exceptions import ImproperlyConfigured

from notificacao.server import beside
from tests.test_settings import load

TOKEN = "a-token-of-prometheus-with-32-letters-and-more"


@pytest.fixture
def dispatcher():
    """The address of a dispatcher's metrics."""
    loop = asyncio.new_event_loop()
    server, thread = beside.serve("127.0.0.1", 0, loop)
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
    loop.close()


@pytest.fixture(params=["web", "dispatcher"])
def ask(request, client, dispatcher):
    """`ask(**headers)`: the status of the metrics, which are asked for from 127.0.0.1."""
    if request.param == "web":
        return lambda **headers: client.get("/metrics", headers=headers).status_code
    return lambda **headers: httpx.get(f"{dispatcher}/metrics", headers=headers).status_code


@pytest.fixture
def closed(settings, monkeypatch):
    """As in production, where nothing of it is set."""
    there = load(monkeypatch, DEBUG="false")
    settings.METRICS_NETWORKS, settings.METRICS_TOKEN = there["METRICS_NETWORKS"], there["METRICS_TOKEN"]


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer None", "Basic eDp5"])
def test_in_production_it_is_closed(closed, ask, authorization):
    assert ask(**({"Authorization": authorization} if authorization else {})) == 403


def test_a_token_opens_it_and_nothing_like_it_does(closed, ask, settings):
    settings.METRICS_TOKEN = TOKEN
    assert ask(Authorization=f"Bearer {TOKEN}") == 200
    for wrong in (TOKEN, f"Bearer {TOKEN[:-1]}", f"bearer {TOKEN}x", f"Bearer {TOKEN.upper()}"):
        assert ask(Authorization=wrong) == 403


def test_an_address_of_the_list_opens_it_and_a_header_does_not(closed, ask, settings, monkeypatch):
    settings.METRICS_NETWORKS = load(monkeypatch, METRICS_ALLOW="10.1.0.0/16")["METRICS_NETWORKS"]
    assert ask(**{"X-Forwarded-For": "10.1.2.3", "X-Real-IP": "10.1.2.3", "Remote-Addr": "10.1.2.3"}) == 403
    settings.METRICS_NETWORKS = load(monkeypatch, METRICS_ALLOW="10.1.0.0/16, 127.0.0.1")["METRICS_NETWORKS"]
    assert ask() == 200


def test_health_stays_open(closed, client, dispatcher):
    assert client.get("/health/live").status_code == 200
    assert httpx.get(f"{dispatcher}/health/nada").status_code == 403


@pytest.mark.parametrize("wrong", [{"METRICS_ALLOW": "10.1.2.3/8"}, {"METRICS_ALLOW": "*"}, {"METRICS_TOKEN": "short"}])
def test_what_is_misunderstood_stops_the_start(monkeypatch, wrong):
    with pytest.raises(ImproperlyConfigured, match=next(iter(wrong))):
        load(monkeypatch, **wrong)


def test_on_ones_own_machine_it_is_open_to_that_machine(client):
    assert site.METRICS_ALLOW == ["127.0.0.1", "::1"]
    assert client.get("/metrics", REMOTE_ADDR="::ffff:127.0.0.1").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.7").status_code == 403
