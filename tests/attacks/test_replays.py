"""What was taken while a login lasted, and is shown again after its end: the token at Ably, the cookie at each door.

Over Realtime the local server turns a revoked token away as Ably does. Its REST side asks no list of revocations, which
Ably's does: a token of this site may subscribe and nothing else, so REST refuses it before the logout as well as after.
"""

import asyncio
import contextlib
import json

import pytest
from django.test import Client
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from notificacao.models import Revocation
from notificacao.transports.ably import AblyTransport
from tests.asgi import DEADLINE, in_database, set_rollout
from tests.attacks.test_forged_tokens import asked
from tests.revoking import revoking
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

ATTACH, DISCONNECTED, ATTACHED = 10, 6, 11  # actions of Ably's protocol
REVOKED = 40141
DOORS = {
    "session": ("get", "/api/v1/session/", 401),
    "list": ("get", "/api/v1/notifications/", 401),
    "read all": ("post", "/api/v1/notifications/read-all/", 401),
    "token": ("post", "/api/v1/ably/token/", 401),
    "page": ("get", "/notificacoes/", 302),
    "diagnosis": ("get", "/notificacoes/diagnostico/", 302),
}


def log_in(person) -> Client:
    browser = Client()
    browser.force_login(person)
    return browser


def log_out(browser, person) -> None:
    assert browser.post("/sair/").status_code == 302


def change_password(browser, person) -> None:
    person.set_password("outra-senha-de-teste")
    person.save()


def deactivate(browser, person) -> None:
    person.is_active = False
    person.save()


# --- The cookie


@pytest.mark.parametrize("end", [log_out, change_password, deactivate])
async def test_a_cookie_that_was_copied_opens_nothing_once_the_login_is_over(site, ana, end):
    await in_database(set_rollout, everyone=True, breaker="closed")
    browser = await in_database(log_in, ana)
    cookie = browser.cookies["sessionid"].value
    stream = await site.request(f"sessionid={cookie}")
    assert (stream.status, await in_database(statuses, cookie)) == (200, dict.fromkeys(DOORS, 200))
    await in_database(end, browser, ana)
    assert (await stream.next("bye")).data["reason"] == "signed_out"
    for lane in ("live", "standby"):
        assert (await site.request(f"sessionid={cookie}", lane=lane)).status == 401
    assert await in_database(statuses, cookie) == {door: refusal for door, (_, _, refusal) in DOORS.items()}


def statuses(cookie: str) -> dict[str, int]:
    thief = Client()
    thief.cookies["sessionid"] = cookie
    ask = {"content_type": "application/json", "data": "{}"}
    return {
        door: getattr(thief, method)(address, **(ask if method == "post" else {})).status_code
        for door, (method, address, _) in DOORS.items()
    }


# --- The token


@pytest.fixture
def house(settings, transactional_db, ably_server):
    """Everybody is on the local server."""
    settings.ABLY_ENDPOINT, settings.ABLY_PORT, settings.ABLY_TLS = "127.0.0.1", ably_server.port, False
    settings.ABLY_API_KEY = ably_server.key
    settings.DISPATCH_POLL = 0.05
    set_rollout(everyone=True, breaker="closed")


@pytest.fixture
async def transport(house):
    transport = AblyTransport()
    yield transport
    await transport.close()


async def answer_to(server, token: str, channel: str) -> tuple[int, int]:
    """`(action, code)` with which Ably ends whoever asks, with `token`, to hear `channel`."""
    address = f"ws://127.0.0.1:{server.port}/?access_token={token}&v=3&format=json"
    async with asyncio.timeout(DEADLINE), connect(address) as line:
        with contextlib.suppress(ConnectionClosed):  # it may have ended the line already; what it said can be read
            await line.send(json.dumps({"action": ATTACH, "channel": channel}))
        async for text in line:
            said = json.loads(text)
            if said["action"] in (ATTACHED, DISCONNECTED):
                return said["action"], (said.get("error") or {}).get("code", 0)
    raise AssertionError("the line broke without an answer")


@pytest.mark.services
@pytest.mark.parametrize("end", [log_out, change_password, deactivate])
async def test_a_token_that_was_copied_hears_nothing_once_the_login_is_over(transport, ana, of_ana, ably_server, end):
    browser = await in_database(log_in, ana)
    token = (await in_database(browser.post, "/api/v1/ably/token/")).json()["token"]
    assert await answer_to(ably_server, token, of_ana) == (ATTACHED, 0)
    assert asked(ably_server, token, of_ana) == 403
    async with revoking(transport):
        await in_database(end, browser, ana)
        await eventually(lambda: in_database(Revocation.objects.filter(done_at__isnull=False).exists))
    assert await answer_to(ably_server, token, of_ana) == (DISCONNECTED, REVOKED)
    assert asked(ably_server, token, of_ana) == 403


@pytest.mark.services
async def test_the_token_of_another_login_of_theirs_goes_on(transport, ana, of_ana, ably_server):
    here, there = [await in_database(log_in, ana) for _ in range(2)]
    token = (await in_database(there.post, "/api/v1/ably/token/")).json()["token"]
    async with revoking(transport):
        await in_database(log_out, here, ana)
        await eventually(lambda: in_database(Revocation.objects.filter(done_at__isnull=False).exists))
    assert await answer_to(ably_server, token, of_ana) == (ATTACHED, 0)
