"""Have this process trace, and keep what it would send to a collector."""

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from notificacao.tracing import spans

ENDPOINT = "http://127.0.0.1:4318/v1/traces"


@pytest.fixture
def exported(settings, monkeypatch):
    """`exported()`: the spans that have ended so far, as they would leave this process."""
    settings.TRACES_ENDPOINT = ENDPOINT
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans.Discreet(exporter)))
    monkeypatch.setattr(spans, "provider", lambda: provider)
    return exporter.get_finished_spans
