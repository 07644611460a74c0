"""Who gets no stream, told before it begins."""

import json
import time

import pytest
from django.db import OperationalError

from notificacao.denials import Denials
from notificacao.eventlog import Cursor
from notificacao.login_word import login_word
from notificacao.models import AuditEvent, Person
from notificacao.stream import authorisation, rejections, request
from tests.asgi import in_database, set_rollout

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def code_of(stream) -> str:
    assert stream.headers[b"content-type"] == b"application/problem+json"
    assert stream.over
    return json.loads(stream.body)["code"]


async def test_without_a_login_there_is_no_stream(site):
    for cookie in ("", "sessionid=inventada", "outra=coisa"):
        stream = await site.request(cookie)
        assert (stream.status, code_of(stream)) == (401, "not_authenticated")


async def test_a_page_of_another_login_gets_no_stream_of_this_one(site, ana):
    cookie = await site.cookie(ana)
    stream = await site.request(cookie, login=login_word("the login before"))
    assert (stream.status, code_of(stream)) == (401, "not_authenticated")
    assert (await site.request(cookie, login=login_word(site.session_key(ana)))).status == 200


async def test_strangers_leave_nothing_behind(site):
    """One exception that were raised for all of them would keep the frames of every request."""
    for _ in range(3):
        assert (await site.request()).status == 401
    assert not isinstance(request.NOT_LOGGED_IN, BaseException)
    assert site.hub.registry.subscribers == {}


async def test_the_standby_lane_is_closed_to_who_is_not_on_ably(site, ana):
    stream = await site.request(await site.cookie(ana), lane="standby")
    assert (stream.status, code_of(stream)) == (403, "forbidden")


@pytest.mark.parametrize("ably_key", [""])
async def test_the_standby_lane_is_closed_to_all_where_ably_is_not_configured(site, ana):
    await in_database(set_rollout, percent=100, breaker="closed")
    stream = await site.request(await site.cookie(ana), lane="standby")
    assert (stream.status, code_of(stream)) == (403, "forbidden")


async def test_somebody_who_may_log_in_no_more_gets_no_stream(site, ana):
    cookie = await site.cookie(ana)
    await in_database(Person.objects.filter(pk=ana.pk).update, is_active=False)
    assert (await site.request(cookie)).status == 401


@pytest.mark.parametrize(
    ("asked", "status"),
    [({"lane": "outra"}, 400), ({"cursor": "x"}, 400), ({"browser": "x"}, 400), ({"method": "POST"}, 405)],
)
async def test_what_cannot_be_asked_is_refused_even_with_a_login(site, ana, asked, status):
    stream = await site.request(await site.cookie(ana), **asked)
    assert stream.status == status
    assert code_of(stream)


async def test_while_the_database_is_away_the_page_is_told_to_come_back(site, ana, monkeypatch):
    def away(session_keys):
        raise OperationalError("connection to postgres://semtas:segredo@db failed")

    cookie = await site.cookie(ana)
    monkeypatch.setattr(authorisation, "logins_of", away)
    stream = await site.request(cookie)
    assert (stream.status, code_of(stream)) == (503, "not_ready")
    assert stream.headers[b"retry-after"] == b"1"
    assert b"segredo" not in stream.body


async def test_a_hub_that_does_not_get_as_far_as_the_log_takes_nobody(site, ana, monkeypatch):
    async def behind(position):
        return False

    monkeypatch.setattr(site.hub, "reached", behind)
    stream = await site.request(await site.cookie(ana))
    assert (stream.status, code_of(stream)) == (503, "not_ready")


async def test_each_refusal_is_on_record_with_whom_it_kept_out(site, ana, settings, time_stands_still, monkeypatch):
    monkeypatch.setattr(rejections, "_denials", Denials(AuditEvent.Action.STREAM_REFUSED))
    settings.RATE_STREAMS = (1, 1)
    cookie = await site.cookie(ana)
    statuses = [(await site.request(*asked)).status for asked in ([], [cookie], [cookie])]
    statuses.append((await site.request(cookie, lane="standby")).status)
    assert statuses == [401, 200, 429, 403]
    on_record = {("", "not_authenticated"), (ana.public_id, "opened_too_fast"), (ana.public_id, "forbidden")}
    while await in_database(recorded) != on_record:
        pass


async def test_a_flood_of_refusals_waits_for_no_database(site, monkeypatch):
    monkeypatch.setattr(rejections, "_AT_ONCE", 0)
    assert (await site.request()).status == 401
    assert await in_database(recorded) == set()


def recorded() -> set[tuple[str, str]]:
    return set(AuditEvent.objects.filter(action="stream_refused").values_list("who", "reason"))


async def test_what_the_log_has_not_is_waited_for_two_polls_and_no_longer(site, settings):
    here = site.hub.position
    began = time.monotonic()
    assert not await site.hub.reached(Cursor(here.epoch, here.seq + 1))
    assert time.monotonic() - began >= 2 * settings.DISPATCH_POLL
    assert await site.hub.reached(here)
