"""Shape the lines of the log."""

import sys

from structlog.typing import EventDict, WrappedLogger


def add_trace_id(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Add the id of the OpenTelemetry trace to which the line belongs, where there is one.

    Without traces nothing has imported the library, and it is not imported for this.
    """
    traces = sys.modules.get("opentelemetry.trace")
    if traces is not None:
        span = traces.get_current_span().get_span_context()
        if span.is_valid:
            event["trace_id"] = f"{span.trace_id:032x}"
    return event
