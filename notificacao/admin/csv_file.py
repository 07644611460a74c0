"""Answer with a CSV file of any length, piece by piece."""

from collections.abc import AsyncIterator, Iterator
from itertools import islice

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse

_PIECE = 500  # lines, some 100 KB


def csv_file(name: str, lines: Iterator[str]) -> StreamingHttpResponse:
    """Return the answer that a browser keeps as the file `name`; `lines` end with their newline."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(_pieces(lines), content_type="text/csv; charset=utf-8", headers=headers)


async def _pieces(lines: Iterator[str]) -> AsyncIterator[str]:
    """Yield the file in pieces of `_PIECE` lines, each read on the request's own thread.

    Django would join all that an iterator yields that is not asynchronous.
    """
    yield "\ufeff"
    while piece := await sync_to_async("".join)(islice(lines, _PIECE)):
        yield piece
