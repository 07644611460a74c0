"""The same trace over real processes: a site, a dispatcher of its own, Ably's protocol, and a collector."""

import contextlib

import httpx
import pytest

from tests.live.site import PASSWORD, DispatcherProcess, Site, environment_for, manage
from tests.producers import URL, to
from tests.tracing.collector import Collector
from tests.waiting import eventually

pytestmark = pytest.mark.services

PREPARE = """
from notificacao.models import RolloutFlag
from tests.producers import make_key, make_producer
RolloutFlag.objects.update(everyone=True)
print("key", make_key(make_producer("sistema-de-teste")))
"""


@pytest.fixture
def collector():
    with Collector() as collector:
        yield collector


@pytest.fixture
def machines(collector, postgres, redis, ably_server):
    """A site and a dispatcher, both of which trace, and a producer's key."""
    database = postgres.create_database("demo")
    more = {"REDIS_URL": redis.url, "DISPATCHER": "external", "TRACES_ENDPOINT": collector.url}
    said = manage(environment_for(database, ably_server, **more), "shell", "-c", PREPARE)
    key = said.split("key ")[-1].strip()
    with contextlib.ExitStack() as stack:
        dispatcher = stack.enter_context(DispatcherProcess(database, ably_server, **more))
        site = stack.enter_context(Site(database, ably_server, **more))
        yield site, dispatcher, key


def log_in(page: httpx.Client) -> None:
    page.get("/entrar/")
    form = {"username": "ana", "password": PASSWORD, "csrfmiddlewaretoken": page.cookies["csrftoken"]}
    assert page.post("/entrar/", data=form).status_code == 302


async def test_what_each_process_did_for_a_notification_is_one_trace_at_the_collector(machines, collector):
    """An alert that a busy machine may raise is a notification too, with a trace of its own."""
    request = f"POST {URL}"
    site, dispatcher, key = machines
    await eventually(lambda: dispatcher.leads)
    with httpx.Client(base_url=site.url, timeout=60) as page:
        log_in(page)
        await eventually(lambda: page.get("/health/ably").is_success)
        sent = page.post(URL, json=to(people=["ana"]), headers={"Authorization": f"Api-Key {key}"})
        (id,) = sent.json()["results"][0]["ids"]
        await eventually(lambda: "publish" in collector.beside(request))
        headers = {"X-CSRFToken": page.cookies["csrftoken"], "Referer": site.url}
        told = page.post("/api/v1/receipts/", json=[{"id": id, "transport": "ably", "held_ms": 5}], headers=headers)
        assert told.json() == {"recorded": 1}
    assert site.terminate() == 0  # what is not sent yet is sent on the way out
    assert dispatcher.terminate() == 0
    spans = collector.beside(request)
    names = {span.span_id: name for name, span in spans.items()}
    parents = {name: names.get(span.parent_span_id) for name, span in spans.items()}
    assert parents == {
        request: None,
        "create": request,
        "stamp": "create",
        "claim": "create",
        "publish": "create",
        "ably": "publish",
        "receipt": "create",
    }
    assert collector.paths == {"/v1/traces"}
