"""Shape the lines of the log."""

import logging
import sys

from structlog.typing import EventDict, WrappedLogger


def is_news(record: logging.LogRecord) -> bool:
    """Tell whether a line of Django's or django-structlog's about an answer says what nothing else does.

    A 503 is an answer of ours. What it comes from is told by itself, and not once more for each who asks meanwhile.
    """
    code = record.msg.get("code") if isinstance(record.msg, dict) else getattr(record, "status_code", None)
    return code != 503


def add_trace_id(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Add the ids of the OpenTelemetry trace and span to which the line belongs, where there are some.

    Without traces nothing has imported the library, and it is not imported for this.
    """
    traces = sys.modules.get("opentelemetry.trace")
    if traces is not None:
        span = traces.get_current_span().get_span_context()
        if span.is_valid:
            event["trace_id"] = f"{span.trace_id:032x}"
            event["span_id"] = f"{span.span_id:016x}"
    return event
