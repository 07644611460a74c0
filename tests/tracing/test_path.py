"""One trace for each notification: from the producer's request, over dispatcher and transport, to the receipt."""

import asyncio
import contextlib
import logging
from collections import defaultdict

import httpx
import pytest
import structlog
from django.core.asgi import get_asgi_application
from django.db import connections
from opentelemetry.trace import format_trace_id

from notificacao import rollout, services, tracing
from notificacao.audiences import channel_for_user
from notificacao.content import Notice
from notificacao.dispatcher import lease, loop
from notificacao.dispatcher.loop import Dispatcher
from notificacao.models import BreakerState, Notification, RolloutFlag
from notificacao.tracing import spans
from semtas.logs import add_trace_id
from tests.asgi import in_database, log_in
from tests.fake_transport import FakeTransport, permanent
from tests.producers import URL, make_key, make_producer, to
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

CALLERS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECRETS = ("Visita remarcada", "amanhã", "ana", "Ribeiro", "127.0.0.1", "segredo", "navegador-de-ana")


@pytest.fixture(autouse=True)
async def quick(settings, monkeypatch):
    """What a test waits for comes soon; afterwards its thread has no connection left."""
    settings.ABLY_API_KEY = "semtas.local:" + "s" * 32
    settings.DISPATCH_POLL = 0.05
    monkeypatch.setattr(loop, "_WATCH_EVERY", 0.02)
    monkeypatch.setattr(lease, "RENEW_EVERY", 0.05)
    yield
    await in_database(connections.close_all)


@contextlib.asynccontextmanager
async def dispatching(transport):
    """A dispatcher that leads, with everybody on Ably and the breaker closed."""
    await in_database(RolloutFlag.objects.update, everyone=True)
    running = asyncio.create_task(Dispatcher(transport).run())
    try:
        await eventually(lambda: in_database(BreakerState.objects.filter(pk=rollout.BREAKER, state="closed").exists))
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def page():
    """What calls the site over ASGI, with the spans of `semtas/asgi.py` around it."""
    application = tracing.around(get_asgi_application())
    headers = {"user-agent": "navegador-de-ana"}
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(application), base_url="http://localhost", headers=headers, timeout=60
    )


async def send(http, asked, **headers):
    key = await in_database(lambda: make_key(make_producer()))
    answer = await http.post(URL, json=asked, headers={"Authorization": f"Api-Key {key}", **headers})
    assert answer.status_code == 201, answer.text
    return answer.json()["results"]


async def settled(count=1):
    done = Notification.objects.exclude(settled_at=None)
    await eventually(lambda: in_database(lambda: done.count() == count))


async def receive(http, person, *ids, transport="ably"):
    http.cookies.set("sessionid", await in_database(log_in, person))
    http.cookies.set("csrftoken", "c" * 32)
    body = [{"id": id, "transport": transport, "held_ms": 20} for id in ids]
    answer = await http.post("/api/v1/receipts/", json=body, headers={"X-CSRFToken": "c" * 32})
    assert answer.json() == {"recorded": len(ids)}


def tree(exported, root):
    """`{name: names of its children}` of the trace of the span `root`."""
    of_trace = [span for span in exported if span.context.trace_id == root.context.trace_id]
    names = {span.context.span_id: span.name for span in of_trace}
    children: dict[str, list[str]] = {}
    for span in of_trace:
        children.setdefault(names[span.parent.span_id] if span.parent else "", []).append(span.name)
    return {name: sorted(below) for name, below in children.items()}


def named(exported, name):
    return [span for span in exported if span.name == name]


async def test_one_trace_leads_from_a_producers_request_to_the_receipt(site, exported, ana):
    stream = await site.open(ana, lane="live")
    async with page() as http, dispatching(FakeTransport()):
        (result,) = await send(http, to(people=["ana"]))
        await settled()
        await stream.next("notification")
        await receive(http, ana, *result["ids"])
    (request,) = named(exported(), f"POST {URL}")
    assert tree(exported(), request) == {
        "": [f"POST {URL}"],
        f"POST {URL}": ["create"],
        "create": ["claim", "publish", "receipt", "stamp", "stream"],
        "publish": ["ably"],
    }
    (receipt,) = named(exported(), "receipt")
    (told,) = named(exported(), "POST /api/v1/receipts/")
    assert [link.context.trace_id for link in receipt.links] == [told.context.trace_id]
    assert (receipt.attributes["semtas.transport"], receipt.attributes["semtas.held_ms"]) == ("ably", 20)
    assert named(exported(), "create")[0].attributes["semtas.notification"] == result["ids"][0]


async def test_a_row_that_ably_refuses_has_that_in_its_trace_and_goes_down_the_standby_lane(site, exported, ana):
    transport = FakeTransport()
    async with page() as http, dispatching(transport):
        stream = await site.open(ana, lane="standby")
        transport.faults = defaultdict(lambda: [permanent()])
        await send(http, to(people=["ana"]))
        await settled()
        await stream.next("notification")
    await eventually(lambda: named(exported(), "standby"))
    (publish,) = named(exported(), "publish")
    (ably,) = named(exported(), "ably")
    assert (publish.attributes["semtas.outcome"], publish.attributes["semtas.fallback"]) == ("failed", "message")
    assert ably.attributes["semtas.outcome"] == "refused"
    assert not publish.status.is_ok
    assert not ably.status.is_ok
    assert {span.context.trace_id for name in ("publish", "ably", "standby") for span in named(exported(), name)} == {
        named(exported(), "create")[0].context.trace_id
    }


async def test_of_several_in_one_request_each_has_a_trace_of_its_own_linked_to_the_request(exported, ana, bia):
    async with page() as http:
        await send(http, [to(people=["ana"]), to(people=["bia"])])
    (request,) = named(exported(), f"POST {URL}")
    made = named(exported(), "create")
    assert len({span.context.trace_id for span in (*made, request)}) == 3
    assert [[link.context.span_id for link in span.links] for span in made] == [[request.context.span_id]] * 2


async def test_a_trace_that_a_request_brings_is_linked_and_not_continued(exported, ana):
    async with page() as http:
        await send(http, to(people=["ana"]), traceparent=CALLERS)
        for malformed in ("", "00-0-0-01", "x" * 70_000, CALLERS.upper(), "00-" + "0" * 32 + "-" + "0" * 16 + "-01"):
            await http.get("/entrar/", headers={"traceparent": malformed})
    (request,) = named(exported(), f"POST {URL}")
    assert request.parent is None
    assert [format_trace_id(link.context.trace_id) for link in request.links] == [CALLERS.split("-")[1]]
    assert [span.links for span in named(exported(), "GET /entrar/")] == [()] * 5


@pytest.mark.slow
async def test_spans_tell_ids_and_numbers_and_nobodys_data(site, exported, ana):
    await in_database(type(ana).objects.filter(pk=ana.pk).update, last_name="Ribeiro")
    async with page() as http, dispatching(FakeTransport()):
        (result,) = await send(http, to(people=["ana"]))
        await settled()
        await receive(http, ana, *result["ids"])
        await http.get("/notificacoes/", params={"q": "Ribeiro"})
        await http.get(f"/nada/{ana.username}/", params={"q": "segredo"})
        with pytest.raises(ZeroDivisionError), tracing.span("publish", CALLERS):
            raise ZeroDivisionError("segredo de ana")
    told = [span.to_json() for span in exported()]
    assert len(told) > 8
    assert [secret for secret in SECRETS for text in told if secret in text.replace("semtas", "")] == []
    assert {name for span in exported() for name in span.attributes} <= set(spans.ATTRIBUTES)


async def test_a_line_that_is_logged_for_a_row_names_its_trace(exported, ana, caplog):
    transport = FakeTransport()
    with structlog.testing.capture_logs(processors=[add_trace_id]) as lines:
        async with dispatching(transport):
            transport.faults = defaultdict(lambda: [permanent()])
            await in_database(services.notify, [channel_for_user(ana)], title="Nova", message="Há algo a fazer.")
            await settled()
    (line,) = [line for line in lines if line["event"] == "fallback"]
    (publish,) = named(exported(), "publish")
    assert line["trace_id"] == format_trace_id(publish.context.trace_id)
    assert all("trace_id" not in line for line in lines if line["event"].startswith("dispatcher_"))


def test_where_nothing_is_traced_rows_have_no_trace_and_lines_name_none(of_ana):
    assert tracing.around(application := object()) is application
    assert services.notify([of_ana], title="Nova", message="Há algo a fazer.")[0].traceparent is None
    assert Notification.objects.create(channel=of_ana, title="Nova", message="Há algo.").traceparent is None
    assert add_trace_id(logging.getLogger(), "info", {"event": "x"}) == {"event": "x"}


def test_a_row_that_is_written_plainly_goes_on_in_the_trace_around_it(exported, of_ana):
    with tracing.span("publish", CALLERS):
        inside = Notification.objects.create(channel=of_ana, title="Nova", message="Há algo.")
    outside = Notification.objects.create(channel=of_ana, title="Nova", message="Há algo.")
    assert Notification.objects.get(pk=inside.pk).traceparent.split("-")[1] == CALLERS.split("-")[1]
    assert Notification.objects.get(pk=outside.pk).traceparent is None


def test_a_trace_that_is_not_kept_is_not_written_to_its_row(settings, monkeypatch, of_ana):
    settings.TRACES_ENDPOINT, settings.TRACES_SAMPLE = "http://127.0.0.1:9/v1/traces", 0.0
    provider = spans.provider.__wrapped__()
    monkeypatch.setattr(spans, "provider", lambda: provider)
    notices = [Notice.of(channels=(of_ana,), title=title, message="Há algo.") for title in ("Nova", "Outra")]
    rows = services.notify_many(notices)
    provider.shutdown()
    assert [row.traceparent for row in rows] == [None, None]
