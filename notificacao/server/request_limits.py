"""Bound what a client may send before anybody knows who it is: bytes and time of a request's head, and of its body.

A proxy in front may have limits of its own; nothing here leans on them.
"""

import asyncio

from django.conf import settings
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from notificacao.addresses import is_within
from notificacao.conf import conf
from notificacao.stream.request import Rejection

_NO_BODY = ("/health/", "/metrics", "/static/", "/api/v1/stream/")  # paths that take none
_FROM_SYSTEMS = "/api/v1/notifications/"  # with a key: a thousand notifications in one body
_KEPT_FOR_PROXIES = 75  # seconds: nginx and others keep an idle connection for 60, and a POST on a closed one is a 502
_LINGER = 2.0  # seconds for which a client that still sends may read why it is refused

_HEAD_TOO_LARGE = Rejection(431, "head_too_large", "Cabeçalho grande demais", "O cabeçalho do pedido é grande demais.")
_TOO_SLOW = Rejection(408, "request_timeout", "Pedido lento demais", "O pedido não chegou inteiro a tempo: repita.")
_TOO_LARGE = Rejection(413, "too_large", "Corpo grande demais", "O corpo do pedido é maior do que se aceita aqui.")


class BoundedProtocol(HttpToolsProtocol):
    """Refuse, as problem details, a request whose head or body is larger or slower than it may be.

    `_apart` counts the bytes that came since the last piece of a body: head, trailers, what frames the chunks.
    """

    def begin_limits(self) -> None:
        """Begin to count, for a new connection."""
        self._refused = False
        self._in_head = True
        self._is_between = True  # nothing of a next request has come
        self._apart = 0
        self._body_left = 0
        self._due: asyncio.TimerHandle | None = None
        if self.client and is_within(self.client[0], conf.PROXY_NETWORKS):
            self.timeout_keep_alive = _KEPT_FOR_PROXIES
        self._expect_within(conf.REQUEST_HEAD_WITHIN)

    def _expect_within(self, seconds: float) -> None:
        self._expect_nothing()
        self._due = self.loop.call_later(seconds, self._too_late)

    def _expect_nothing(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _too_late(self) -> None:
        """Refuse what did not come in time; who said nothing at all is cut off without a word."""
        self._due = None
        if self._in_head and self._is_answering():  # a second request behind one that is not answered yet
            self._expect_within(conf.REQUEST_HEAD_WITHIN)
        elif self._in_head and not self._apart:
            self.transport.close()
        else:
            self._refuse(_TOO_SLOW)

    def data_received(self, data: bytes) -> None:
        """Feed uvicorn's parser no more than a head may have at a time."""
        if self._refused:
            return
        limit = conf.REQUEST_HEAD_MAX
        while data and not self._refused and not self.transport.is_closing():
            begins = self._in_head and not self._apart
            piece, data = data[: limit - self._apart], data[limit - self._apart :]
            self._apart += len(piece)
            super().data_received(piece)
            if self._apart >= limit:
                self._refuse(_HEAD_TOO_LARGE)
            elif self._in_head and (begins or self._due is None) and not self.transport.is_closing():
                self._expect_within(conf.REQUEST_HEAD_WITHIN)  # where a request ended, the next one's head is due

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    # --- Called by the parser, which goes on to the end of what it was given

    def on_message_begin(self) -> None:
        """Begin a request, unless the connection was refused."""
        self._is_between = False
        if not self._refused:
            super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Refuse a request whose body is announced to be too large, else have it answered."""
        if self._refused:
            return
        self._in_head, self._apart = False, 0
        headers = dict(self.headers)
        self._body_left = _body_limit(self.url, headers)
        if int(headers.get(b"content-length", b"0")) > self._body_left:
            self._refuse(_TOO_LARGE, behind=self._is_answering())
            return
        if b"content-length" in headers or b"transfer-encoding" in headers:
            self._expect_within(conf.REQUEST_BODY_WITHIN)  # any other request is complete with its head
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass on a piece of the body, unless that makes it too large."""
        if self._refused:
            return
        self._apart = 0
        self._body_left -= len(body)
        if self._body_left < 0:
            self._refuse(_TOO_LARGE)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Let the request be answered at leisure; what comes now is the next one's head."""
        if not self._refused:
            self._expect_nothing()
            self._in_head, self._is_between, self._apart = True, True, 0
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for a next request as long as uvicorn does, however long this answer took."""
        if self._is_between:
            self._expect_nothing()
        super().on_response_complete()

    def _refuse(self, rejection: Rejection, *, behind: bool = False) -> None:
        """Answer `rejection` where no other answer has begun, and close; what still comes is thrown away.

        `behind`, and where requests are queued: an earlier one is not answered yet, and this is no answer to that.
        """
        self._refused = True
        self._expect_nothing()
        self._unset_keepalive_if_required()
        if self._is_answering():
            silent = behind or self.cycle.response_started or self._in_head or bool(self.pipeline)
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        else:
            silent = False
        self.flow.resume_reading()
        if silent or self.transport.is_closing():
            self.transport.close()
            return
        head = [STATUS_LINE[rejection.status], *(b"%s: %s\r\n" % header for header in rejection.headers())]
        self.transport.write(b"".join([*head, b"connection: close\r\n\r\n", rejection.body()]))
        self.transport.write_eof()
        self.loop.call_later(_LINGER, self.transport.close)


def _body_limit(url: bytes, headers: dict[bytes, bytes]) -> int:
    """Return how many bytes a request for `url` may have as its body."""
    path = url.partition(b"?")[0].decode("ascii", "replace")
    if path.startswith(_NO_BODY):
        return 0
    if path == _FROM_SYSTEMS and headers.get(b"authorization", b"").lower().startswith(b"api-key "):
        return settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return conf.REQUEST_BODY_MAX
