"""Name the trace in each line that is logged within a span; loaded only in a process that traces."""

from opentelemetry import trace
from structlog.typing import EventDict


def name_the_trace(_logger, _method: str, event: EventDict) -> EventDict:
    """Add `trace_id` and `span_id`, as W3C writes them, to a line that is logged within a span."""
    here = trace.get_current_span().get_span_context()
    if here.is_valid:
        event["trace_id"] = trace.format_trace_id(here.trace_id)
        event["span_id"] = trace.format_span_id(here.span_id)
    return event
