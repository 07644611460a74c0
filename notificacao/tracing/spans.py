"""Make spans with OpenTelemetry and send them to TRACES_ENDPOINT; loaded only in a process that traces."""

import contextlib
import functools
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from django.urls import Resolver404, resolve
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Link, SpanContext, SpanKind, Status
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from notificacao.conf import conf
from notificacao.tracing import Traced

# All that a span may tell: ids and numbers. Whatever a library adds, an address or a search, leaves no process.
ATTRIBUTES = {
    "http.method": "the request's method",
    "http.route": "the pattern of its address, never the address",
    "http.status_code": "the status of the answer",
    "semtas.notification": "the notification's public id",
    "semtas.seq": "its place in the log",
    "semtas.waited_ms": "milliseconds from its writing to its stamp, by the database's clock",
    "semtas.attempts": "how often it was claimed",
    "semtas.rows": "notifications that went in the same request to Ably",
    "semtas.outcome": "published, failed or skipped; of a request to Ably: taken or refused",
    "semtas.fallback": "why SSE carries what Ably was to carry",
    "semtas.subscribers": "people with a stream in this process to whom it was written",
    "semtas.transport": "what brought it to the browser: ably, sse, standby, rest or unable",
    "semtas.latency_ms": "milliseconds from its stamp to the receipt, less what the browser held it back",
    "semtas.held_ms": "milliseconds for which the browser held the receipt back",
}
_CALLERS = {b"traceparent", b"tracestate", b"baggage"}  # headers
_SAID = "semtas.traceparent"  # in the scope: what the request says of its caller's trace
_UNTRACED_PATHS = "/health/,/metrics$,/static/"
_SEND_WITHIN = 2.0  # seconds for one attempt to reach the collector
# Each span of ours, below the request's; docs/traces.md says what each is.
KINDS = {
    "create": SpanKind.PRODUCER,
    "stamp": SpanKind.INTERNAL,
    "claim": SpanKind.INTERNAL,
    "publish": SpanKind.PRODUCER,
    "ably": SpanKind.CLIENT,
    "stream": SpanKind.INTERNAL,
    "standby": SpanKind.INTERNAL,
    "receipt": SpanKind.CONSUMER,
}
_w3c = TraceContextTextMapPropagator()


class Discreet(SpanExporter):
    """Export spans with the attributes of ATTRIBUTES alone, without events and without what an exception says."""

    def __init__(self, exporter: SpanExporter):
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export what may be told of `spans`."""
        return self._exporter.export([_discreet(span) for span in spans])

    def shutdown(self) -> None:
        """Shut the exporter down."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Have the exporter send what it holds."""
        return self._exporter.force_flush(timeout_millis)


def _discreet(span: ReadableSpan) -> ReadableSpan:
    told = {name: value for name, value in (span.attributes or {}).items() if name in ATTRIBUTES}
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=told,
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


@functools.cache
def provider() -> TracerProvider:
    """Return what makes this process's spans and sends them, in batches, on a thread of its own."""
    made = TracerProvider(
        resource=Resource.create({"service.name": "semtas-notificacoes"}),
        sampler=ParentBased(TraceIdRatioBased(conf.TRACES_SAMPLE)),
    )
    exporter = OTLPSpanExporter(endpoint=conf.TRACES_ENDPOINT, timeout=_SEND_WITHIN)
    made.add_span_processor(BatchSpanProcessor(Discreet(exporter)))
    return made


def flush() -> None:
    """Send what is not sent yet, for `_SEND_WITHIN` seconds at most."""
    provider().force_flush(int(_SEND_WITHIN * 1_000))


def current() -> str | None:
    """Return the traceparent of the span that the caller runs in; None where it runs in none that is kept."""
    return _traceparent(trace.get_current_span())


def _traceparent(span: trace.Span) -> str | None:
    carrier: dict[str, str] = {}
    if span.get_span_context().trace_flags.sampled:
        _w3c.inject(carrier, trace.set_span_in_context(span))
    return carrier.get("traceparent")


def _context(traceparent: str) -> Context:
    return _w3c.extract({"traceparent": traceparent}, Context())


def _tracer() -> trace.Tracer:
    return provider().get_tracer("notificacao")


@contextlib.contextmanager
def creating(rows: Sequence[Traced]) -> Iterator[None]:
    """Give each of `rows` a span, and its traceparent, for as long as the block lasts."""
    around = trace.get_current_span().get_span_context()
    alone = len(rows) == 1
    with ExitStack() as made:
        for row in rows:
            span = _tracer().start_span(
                "create",
                context=None if alone else Context(),
                kind=KINDS["create"],
                attributes={"semtas.notification": str(row.public_id)},
                links=() if alone else _link(around),
            )
            made.callback(span.end)
            row.traceparent = _traceparent(span)
        yield


def _link(to: SpanContext) -> tuple[Link, ...]:
    return (Link(to),) if to.is_valid else ()


class Open:
    """Hold a span that is under way."""

    def __init__(self, span: trace.Span):
        self._span = span

    def set(self, **attributes: str | int | None) -> None:
        """Set attributes; None sets none."""
        self._span.set_attributes(_named(attributes))
        _judge(self._span, attributes)


def _named(attributes: dict[str, str | int | None]) -> dict[str, str | int]:
    return {f"semtas.{name}": value for name, value in attributes.items() if value is not None}


def _judge(span: trace.Span, attributes: dict[str, str | int | None]) -> None:
    if attributes.get("outcome") in ("failed", "refused"):
        span.set_status(Status(trace.StatusCode.ERROR))


@contextlib.contextmanager
def span(name: str, traceparent: str) -> Iterator[Open]:
    """Trace the block as a span below `traceparent`."""
    with _tracer().start_as_current_span(name, _context(traceparent), KINDS[name]) as opened:
        yield Open(opened)


def note(name: str, traceparent: str, began: int, **attributes: str | int | None) -> None:
    """Note a span below `traceparent` that began at `began` and ends now."""
    context = _context(traceparent)
    around = trace.get_current_span().get_span_context()
    same = around.trace_id == trace.get_current_span(context).get_span_context().trace_id
    noted = _tracer().start_span(
        name,
        context,
        KINDS[name],
        _named(attributes),
        () if same else _link(around),
        start_time=began,
    )
    _judge(noted, attributes)
    noted.end(max(began, time.time_ns()))


def around(application):
    """Return the ASGI `application` with a span around each request, the root of a trace of ours.

    What a request says of a trace of its own is linked, not continued: anybody may send that.
    """
    traced = OpenTelemetryMiddleware(
        application,
        excluded_urls=_UNTRACED_PATHS,
        default_span_details=_details,
        server_request_hook=_link_to_the_callers,
        tracer_provider=provider(),
        exclude_spans=["receive", "send"],
    )

    async def answer(scope, receive, send) -> None:
        ours = [header for header in scope["headers"] if header[0] not in _CALLERS]
        said = next((value for name, value in scope["headers"] if name == b"traceparent"), b"")
        await traced({**scope, "headers": ours, _SAID: said.decode("latin-1")}, receive, send)

    return answer


def _details(scope) -> tuple[str, dict[str, str]]:
    """Return the name of a request's span and its attributes: by the pattern of its address, which names nobody."""
    try:
        route = "/" + resolve(scope["path"]).route
    except Resolver404:
        route = "/…"
    return f"{scope['method']} {route}", {"http.route": route}


def _link_to_the_callers(span: trace.Span, scope) -> None:
    for link in _link(trace.get_current_span(_context(scope[_SAID])).get_span_context()):
        span.add_link(link.context)
