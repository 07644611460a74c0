"""The contract's figures are the code's: whoever writes a client from it waits, asks and tells as our own page does."""

import re

import pytest

from notificacao import keys
from notificacao.api import notifications, shapes
from notificacao.conf import conf
from notificacao.models import Receipt
from notificacao.stream import asgi_stream, subscribers
from tests.live.ably_server import ROOT

CONTRACT = (ROOT / "docs" / "contract.md").read_text()
LIVE = ROOT / "notificacao" / "static" / "notificacao" / "live"


def of_page(module: str, name: str) -> int:
    """A figure of the page's own code."""
    found = re.search(rf"^const {name} = ([\d_]+);", (LIVE / module).read_text(), re.MULTILINE)
    assert found, f"live/{module} has no {name}"
    return int(found[1])


def seconds(module: str, name: str) -> str:
    return f"{of_page(module, name) / 1000:g} s"


FIGURES = {
    "the back-off": lambda: (
        f"from 0 to min({seconds('lane.js', 'LONGEST_WAIT')}, {seconds('lane.js', 'FIRST_WAIT')} × 2ⁿ)"
    ),
    "the silence": lambda: f"{seconds('lane.js', 'SILENCE')} without a byte",
    "what chance adds": lambda: f"after `after_ms`, and up to {of_page('lane.js', 'SPREAD')} ms more by chance",
    "the first event": lambda: f"without an event for {seconds('lane.js', 'FIRST_EVENT')} from its opening",
    "a long wait": lambda: f"a wait of more than {seconds('lane.js', 'LONG_WAIT')}: catch up every",
    "polling": lambda: f"catch up every {seconds('polling.js', 'EVERY')} (",
    "the session while polling": lambda: f"fetch the session every {seconds('polling.js', 'SESSION_EVERY')}.",
    "repeated calls": lambda: (
        f"else after {seconds('patience.js', 'RETRY')}, doubled up to {seconds('patience.js', 'LONGEST')}"
    ),
    "beginning again": lambda: f"no more often than every {seconds('incoming.js', 'RESTART_PAUSE')}",
    "a lacking head": lambda: (
        f"for {seconds('catchup.js', 'HEAD_PATIENCE')} "
        f"({of_page('connection.js', 'GAP_PATIENCE')} ms after a row by Ably)"
    ),
    "the attachment": lambda: f"attached within {seconds('connection.js', 'ATTACH_WITHIN')}",
    "a new connection": lambda: f"make a new connection, {seconds('connection.js', 'NEW_LINK_AFTER')} later",
    "the key that is on its way": lambda: f"wait {of_page('ably.js', 'KEY_PATIENCE')} ms for it",
    "receipts": lambda: f"collects them for {seconds('receipts.js', 'WAIT')} and as much again",
    "receipts of an absent server": lambda: f"pauses double up to {seconds('receipts.js', 'LONGEST')})",
    "receipts at once": lambda: f'`[{{"id","transport","held_ms"}}]`, at most {of_page("receipts.js", "AT_MOST")}:',
    "the longest that a receipt is held": lambda: f"0 to {_largest(shapes.Delivered, 'held_ms'):,}",
    "a page of catch-up": lambda: (
        f"`limit` is 1 to {notifications.CATCH_UP_MAX}, else {notifications.CATCH_UP_DEFAULT}."
    ),
    "a page of the list": lambda: (
        f"`page_size` is 1 to {notifications.NewestFirst.max_page_size}, else {notifications.NewestFirst.page_size}."
    ),
    "leaving": lambda: f"`drain`: up to {subscribers.DRAIN_SPREAD_MS // 1000} s, more where many leave",
    "slow readers": lambda: f"`slow` {asgi_stream.SLOW_AFTER_MS // 1000} s",
    "streams of a person": lambda: f"`STREAMS_PER_PERSON` ({conf.STREAMS_PER_PERSON})",
    "old keys": lambda: f"newest first, for {keys.GRACE.seconds // 60} minutes after a change",
}


def _largest(shape, field: str) -> int:
    return next(limit.le for limit in shape.model_fields[field].metadata if hasattr(limit, "le"))


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_of_the_contract_is_that_of_the_code(figure):
    assert FIGURES[figure]() in CONTRACT


def test_each_transport_of_a_receipt_has_its_row():
    section = CONTRACT.partition("### Receipts")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([a-z]+)` \|", section, re.MULTILINE)[1:] == [*Receipt.Transport.values]
