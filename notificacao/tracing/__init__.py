"""Trace each notification from its request to its receipts; without TRACES_ENDPOINT nothing here does anything.

A row carries the W3C traceparent of the span that made it, and whoever does something for the row, in whatever process,
notes a span below that one. Nothing of a trace goes to Ably or to a browser: a receipt names the notification, and that
knows its trace. OpenTelemetry is loaded only where there is something to trace. docs/traces.md lists the spans.
"""

import contextlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from notificacao.conf import conf


class Span(Protocol):
    """Describe what is told of work that is under way."""

    def set(self, **attributes: str | int | None) -> None:
        """Set attributes, of those in `spans.ATTRIBUTES`; None sets none."""


class Traced(Protocol):
    """Describe a row that is traced."""

    public_id: Any
    traceparent: str | None


class _Untraced:
    """Take what is told of work that nobody traces."""

    def set(self, **attributes: str | int | None) -> None:
        """Do nothing."""


_UNTRACED: AbstractContextManager[Span] = contextlib.nullcontext(_Untraced())
_NOTHING = contextlib.nullcontext()


def is_on() -> bool:
    """Tell whether this process traces."""
    return bool(conf.TRACES_ENDPOINT)


def current() -> str | None:
    """Return the traceparent of the span that the caller runs in; None where it runs in none that is kept."""
    if not is_on():
        return None
    from notificacao.tracing import spans

    return spans.current()


def creating(rows: Sequence[Traced]) -> AbstractContextManager[None]:
    """Give each of `rows` a span, and its traceparent, for as long as the block lasts, which writes them.

    One row goes on in the trace of its request. Each of several has a trace of its own, linked to the request's.
    """
    if not is_on():
        return _NOTHING
    from notificacao.tracing import spans

    return spans.creating(rows)


def span(name: str, traceparent: str | None) -> AbstractContextManager[Span]:
    """Trace the block as a span below `traceparent`, in which what the block logs carries the trace's id."""
    if not (traceparent and is_on()):
        return _UNTRACED
    from notificacao.tracing import spans

    return spans.span(name, traceparent)


def note(name: str, traceparent: str | None, began: int, **attributes: str | int | None) -> None:
    """Note a span below `traceparent` that began at `began`, nanoseconds since 1970, and ends now.

    It is linked to the span that the caller runs in, where that is another trace's.
    """
    if traceparent and is_on():
        from notificacao.tracing import spans

        spans.note(name, traceparent, began, **attributes)


def around(application):
    """Return the ASGI `application` with a span around each request; where this process does not trace, itself."""
    if not is_on():
        return application
    from notificacao.tracing import spans

    return spans.around(application)


def flush() -> None:
    """Send what is not sent yet: the process is about to leave."""
    if is_on():
        from notificacao.tracing import spans

        spans.flush()
