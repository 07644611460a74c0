"""A suspected leak of a secret: the kill switch, logins and tokens taken back, new secrets, and the trail of it all."""

import asyncio
import csv
import io
import json
import re
import time
from datetime import UTC, datetime

import httpx
import pytest

from tests.faults.clients import Browser, SignedOut
from tests.faults.crowd import IMPATIENT, on_ably
from tests.faults.history import Path
from tests.faults.machines import BY_SESSION, burst, pages
from tests.faults.outage import machines_on_ably
from tests.faults.rehearsal import Plan
from tests.faults.rollback import NOTHING_MORE_AFTER
from tests.live.ably_server import AblyServer
from tests.waiting import PATIENCE, eventually

pytestmark = [pytest.mark.faults, pytest.mark.services]

PEOPLE = 12
PASSWORD = "ensaio-de-vazamento"
FLAGS = "/admin/notificacao/rolloutflag/"


@pytest.fixture(scope="module")
def ably():
    with AblyServer() as server:
        yield server


@pytest.fixture(scope="module")
def crowded(postgres, redis, ably):
    with machines_on_ably(postgres, redis, ably.key, ably.port, people=PEOPLE, live=0) as machines:
        machines.producer.tell("administrator", password=PASSWORD)
        yield machines


@pytest.fixture
async def plan(crowded):
    """Everybody is on Ably by a plan in its last stage."""
    await eventually(lambda: crowded.breaker()[0] == "closed")
    return Plan(crowded, [50, 100], 2)


def by_the_admin(site, reason: str) -> None:
    """«Não» on the flag's page, after a login."""
    with httpx.Client(base_url=site.url, follow_redirects=True, timeout=PATIENCE) as http:
        login = http.get("/admin/login/", params={"next": FLAGS})
        form = {"username": "chefe", "password": PASSWORD, "next": FLAGS}
        listed = http.post("/admin/login/", data=form | {"csrfmiddlewaretoken": _hidden(login, "csrfmiddlewaretoken")})
        address = re.search(rf"{FLAGS}\d+/change/", listed.text)[0]
        page = http.get(address)
        hidden = {name: _hidden(page, name) for name in ("csrfmiddlewaretoken", "seen")}
        saved = http.post(address, data=hidden | {"everyone": "false", "percent": "100", "note": reason})
        assert "errornote" not in saved.text


def by_the_shell(site, reason: str) -> None:
    site.manage("rollout", "kill", "--reason", reason)


def _hidden(page: httpx.Response, name: str) -> str:
    return re.search(rf'name="{name}" value="([^"]*)"', page.text)[1]


def trail(site) -> list[dict]:
    """Today's events, as the command exports them."""
    exported = site.manage("audit_export", "--since", datetime.now(UTC).date().isoformat())
    return list(csv.DictReader(io.StringIO(exported)))


def those(events: list[dict], **cells: str) -> list[dict]:
    return [event for event in events if cells.items() <= event.items()]


@pytest.mark.endurance
@pytest.mark.parametrize("door", [by_the_admin, by_the_shell])
async def test_the_kill_switch_takes_everybody_off_ably_and_loses_nothing(crowded, plan, door):
    site, reason = crowded.webs[1], f"Chave vazada, {door.__name__}"
    began = datetime.now(UTC)
    async with (
        pages(crowded, BY_SESSION) as browsers,
        on_ably(crowded.sites[-1], browsers, **IMPATIENT) as crowd,
        burst(crowded, browsers, pace=0.5) as load,
    ):
        await eventually(lambda: crowd.brought >= 2 * len(browsers))
        await asyncio.to_thread(door, site, reason)
        killed_at = time.monotonic()
        await load.delivered(5 * len(browsers))
        await eventually(lambda: {one.page.lane for one in browsers} == {"live"})
        await eventually(lambda: not plan.ask("SELECT FROM notificacao_activechannel WHERE on_ably > 0"), every=0.1)
        await eventually(lambda: _open_on_ably(site) == 0, every=1)  # as staff ask; each time it is a process
    late = {row.event_id for row in load.rows if row.began > killed_at + NOTHING_MORE_AFTER}
    assert late
    assert not late & {one.event_id for page in browsers for one in page.page.history.arrivals if one.path is Path.ABLY}
    assert plan.standing().place[0] == "rolled_back"
    assert plan.events()[-1]["action"] == "kill"
    _is_on_record(site, reason, began, by_hand=door is by_the_admin)


def _open_on_ably(site) -> int:
    return json.loads(site.manage("rollout", "status", "--json"))["people"]["open_on_ably"]


def _is_on_record(site, reason: str, began: datetime, *, by_hand: bool) -> None:
    """Of the flag and of the plan: who, when, from where."""
    events = trail(site)
    flag, killed = sorted(those(events, action="rollout_changed", reason=reason), key=lambda event: event["data"])
    assert (json.loads(flag["data"])["act"], json.loads(killed["data"])["act"]) == ("flag", "kill")
    for event in (flag, killed):
        assert began < datetime.fromisoformat(event["at"]) < datetime.now(UTC)
        if by_hand:
            (login, *_) = reversed(those(events, action="logged_in"))
            assert (event["who"], event["ip"]) == (login["who"], login["ip"]) == (login["who"], "127.0.0.1")
        else:
            assert event["who"] == "shell"
            assert "@" in json.loads(event["data"])["console"]


async def test_after_end_logins_no_login_and_no_token_is_worth_anything_and_whoever_returns_misses_nothing(
    crowded, plan
):
    site = crowded.webs[1]
    browsers = [Browser(crowded.sites, person, None, person["name"]) for person in crowded.people]
    running = [asyncio.create_task(browser.run()) for browser in browsers]
    await eventually(lambda: all(one.heard.is_set() for one in browsers))
    async with on_ably(crowded.sites[-1], browsers, **IMPATIENT) as crowd:
        await asyncio.to_thread(site.manage, "end_logins", "--reason", "Chave vazada")
        ends = await asyncio.wait_for(asyncio.gather(*running, return_exceptions=True), PATIENCE)
        assert all(end.split(SignedOut)[1] is None for end in ends)
        await eventually(lambda: "attached" not in crowd.states.values())
        sent = [crowded.producer.tell("send", channel=_own(person)) for person in crowded.people]
        await eventually(crowded.is_settled)
        assert crowd.brought == 0
    assert plan.ask("SELECT FROM notificacao_revocation WHERE done_at IS NULL") == []
    asked = those(trail(site), action="tokens_revoked", who="manage.py", reason="Chave vazada")
    begun, ended = (json.loads(event["data"]) for event in asked)
    assert (begun["state"], ended["state"]) == ("begun", "ended")
    assert ended["logins"] >= PEOPLE
    for person, session in zip(crowded.people, crowded.producer.tell("log_in"), strict=True):
        person["session"] = session
    inboxes = await asyncio.gather(*(_inbox(site, person) for person in crowded.people))
    assert all(row["id"] in inbox for (row,), inbox in zip(sent, inboxes, strict=True))


def _own(person: dict) -> str:
    return next(name for name in person["hears"] if name.startswith("private:user:"))


async def _inbox(site, person: dict) -> set[str]:
    async with httpx.AsyncClient(base_url=site.url, timeout=PATIENCE) as http:
        cookie = {"Cookie": f"sessionid={person['session']}"}
        answer = await http.get("/api/v1/notifications/", headers=cookie)
        return {row["id"] for row in answer.raise_for_status().json()["results"]}


@pytest.mark.endurance
async def test_with_new_secrets_everybody_goes_back_to_ably_and_the_old_key_opens_nothing(crowded, plan, ably):
    site, old_key = crowded.webs[1], ably.key
    by_the_shell(site, "Chave vazada")
    ably.kill()
    ably.renew_key("outro-segredo-de-teste-com-32-lt")
    ably.start()
    secrets = {"ABLY_API_KEY": ably.key, "ENCRYPTION_SECRET": "outro-segredo-mestre-com-32-letras"}
    processes = [*crowded.webs, *crowded.dispatchers]
    for process in processes:
        process.environment.update(secrets)
        process.kill()
    await asyncio.gather(*(asyncio.to_thread(process.start) for process in processes))
    answers = [httpx.get(f"{ably.url}/channels/x/messages", auth=tuple(key.split(":"))) for key in (old_key, ably.key)]
    assert [answer.status_code for answer in answers] == [401, 200]
    await eventually(lambda: crowded.breaker()[0] == "closed")
    Plan(crowded, [50, 100], 2)
    async with (
        pages(crowded, BY_SESSION) as browsers,
        on_ably(crowded.sites[-1], browsers, **IMPATIENT) as crowd,
        burst(crowded, browsers, pace=0.5),
    ):
        await eventually(lambda: crowd.brought >= 2 * len(browsers))
