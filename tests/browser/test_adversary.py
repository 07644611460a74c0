"""Whoever controls Ably, before a real browser: nothing of theirs is shown, and what is genuine comes all the same.

`tests/js/live/adversary.test.js` does the same to the page's code alone, a thousand steps at a time.
"""

import json
import random
import re
import time
import uuid

import httpx
import pytest
from playwright.sync_api import Page, WebSocketRoute

from tests.browser.desk import Desk
from tests.browser.rest import until
from tests.live.ably_server import KEY_NAME, SECRET

pytestmark = pytest.mark.browser

MESSAGE = 15  # an action of Ably's protocol
SENT = 12  # twice each of its acts
HELD_BACK_AT_MOST = 3.0  # seconds
URGENT = {
    "kind": "sistema",
    "priority": "urgente",
    "title": "Falsa",
    "message": "Confirme a sua senha.",
    "link": "https://evil.example/",
    "data": {},
    "created_at": "2026-11-29T12:00:00.000Z",
    "expires_at": None,
}


class Adversary:
    """Sits between the SDK and Ably's server, and makes of each frame with messages what it likes."""

    def __init__(self) -> None:
        self._random = random.Random(17)
        self._read: list[dict] = []  # every genuine frame
        self._next: list = []  # its acts, in an order of its own: each once, then all of them again
        self.did: dict[str, int] = {}

    def take(self, page: Page) -> None:
        """Take all websockets that `page` will open."""
        page.route_web_socket(re.compile("^ws:"), self._carry)

    def _carry(self, browser: WebSocketRoute) -> None:
        ably = browser.connect_to_server()
        ably.on_message(lambda frame: [browser.send(made) for made in self._make(frame)])

    def _make(self, frame: str | bytes) -> list[str]:
        genuine = json.loads(frame)
        if genuine.get("action") != MESSAGE:
            return [str(frame)]
        self._read.append(genuine)
        if not self._next:
            acts = [self._passes, self._drops, self._replays, self._alters, self._splices, self._forges]
            self._next = self._random.sample(acts, len(acts))
        act = self._next.pop()
        self.did[act.__name__] = self.did.get(act.__name__, 0) + 1
        return [json.dumps(made) for made in act(genuine, self._random.choice(self._read))]

    def _passes(self, genuine: dict, _earlier: dict) -> list[dict]:
        return [genuine]

    def _drops(self, _genuine: dict, _earlier: dict) -> list[dict]:
        return []

    def _replays(self, genuine: dict, earlier: dict) -> list[dict]:
        return [earlier, genuine, earlier]

    def _alters(self, genuine: dict, _earlier: dict) -> list[dict]:
        return [changed(genuine, {}, seq=9_000_000_000_000_000, prev_seq=0)]

    def _splices(self, genuine: dict, earlier: dict) -> list[dict]:
        return [changed(genuine, {"data": earlier["messages"][0]["data"]})]

    def _forges(self, genuine: dict, _earlier: dict) -> list[dict]:
        headers = genuine["messages"][0]["extras"]["headers"]
        return [changed(genuine, forged(genuine["channel"], headers["seq"], headers["prev_seq"]))]


def changed(frame: dict, fields: dict, **headers) -> dict:
    """`frame` with other fields and headers of its messages."""
    made = json.loads(json.dumps(frame))
    for message in made["messages"]:
        message.update(fields)
        message["extras"]["headers"] |= headers
    return made


def forged(channel: str, seq: int, prev_seq: int) -> dict:
    """An urgent row in the clear, at a genuine one's place."""
    identity = str(uuid.uuid4())
    row = {"id": identity, "event_id": identity, "channel": channel, "seq": seq, "prev_seq": prev_seq, **URGENT}
    return {"id": identity, "name": "notification", "data": json.dumps(row), "encoding": "json"}


def unverified(site) -> float:
    """How many messages pages have told of that they did not believe."""
    page = httpx.get(f"{site.url}/metrics").text
    return sum(map(float, re.findall(r"^notificacao_ably_unverified_total\{.*\} (\S+)", page, re.MULTILINE)))


@pytest.mark.alone
def test_between_the_page_and_ably_somebody_alters_replays_drops_and_forges_and_the_page_shows_what_is_true(
    browser, site, send
):
    adversary = Adversary()
    ana = Desk.of(browser, site, "ana", adversary.take)
    ana.is_on("ably")
    longest = 0.0
    for number in range(SENT):
        title = f"Verdadeira {number:03}"
        send(title)
        began = time.monotonic()
        ana.sees(title)
        longest = max(longest, time.monotonic() - began)
    assert ana.is_complete_and_each_once() == SENT
    assert ana.page.get_by_text("Falsa").count() == 0
    assert ana.page.locator("a[href*='evil']").count() == 0
    assert len(adversary.did) == 6, "it did everything that it can"
    assert longest < HELD_BACK_AT_MOST
    ana.is_on("ably")
    ana.context.close()


def test_whoever_holds_ablys_key_shows_nothing_and_the_server_learns_of_it(desk, send, site, own_ably):
    ana = desk("ana")
    ana.is_on("ably")
    before = unverified(site)
    session = ana.page.evaluate("fetch('/api/v1/session/?ed25519=true').then((answer) => answer.json())")
    for channel in session["channels"]:
        message = forged(channel["name"], channel["head"] + 1, channel["head"])
        epoch = session["position"].split(".")[0]
        message["extras"] = {"headers": {"epoch": epoch, "channel": channel["name"], "seq": channel["head"] + 1}}
        answer = httpx.post(
            f"{own_ably.url}/channels/{channel['name']}/messages", auth=(KEY_NAME, SECRET), json=message
        )
        answer.raise_for_status()
    genuine = send.until_it_comes_by("ably", ana, "ana", "Verdadeira, depois dela")
    assert ana.page.get_by_text("Falsa").count() == 0
    assert ana.is_complete_and_each_once() == genuine
    until(ana.page, lambda: unverified(site) > before)  # the page tells once, within ten seconds
    ana.is_on("ably")


@pytest.mark.parametrize("lacks", ["Ed25519", "crypto.subtle"])
def test_a_browser_that_cannot_verify_stays_on_sse_by_the_servers_decision(browser, site, send, lacks):
    without = {
        "Ed25519": "crypto.subtle.importKey = async () => { throw new DOMException('', 'NotSupportedError'); };",
        "crypto.subtle": "Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined });",
    }[lacks]
    sockets: list[str] = []

    def prepare(page: Page) -> None:
        page.add_init_script(without)
        page.on("websocket", lambda socket: sockets.append(socket.url))

    ana = Desk.of(browser, site, "ana", prepare)
    ana.is_on("sse")
    send(f"Por SSE, sem {lacks}")
    ana.sees(f"Por SSE, sem {lacks}")
    assert ana.is_complete_and_each_once() == 1
    assert sockets == []
    ana.page.goto(f"{site.url}/notificacoes/diagnostico/")
    token = ana.page.locator("[data-link=token]")
    ana.waits_for("() => document.querySelector('[data-link=token]').dataset.status === 'skipped'")
    assert "confere as assinaturas" in token.inner_text()
    ana.context.close()
