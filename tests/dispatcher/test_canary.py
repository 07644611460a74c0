"""The canary: what it hears is kept, what it misses opens the breaker, and only a leader sings."""

import asyncio
import contextlib
import time

import jwt
import pytest

from notificacao import rollout
from notificacao.dispatcher import lease
from notificacao.dispatcher.breaker import Breaker
from notificacao.dispatcher.breaker_monitor import BreakerMonitor
from notificacao.dispatcher.canary import Canary
from notificacao.dispatcher.stamp import LeadLost
from notificacao.models import BreakerState, CanaryProbe
from notificacao.transports import CredentialsRejected
from notificacao.transports.ably import AblyTransport
from tests.fake_transport import permanent, transient
from tests.live.ably_server import KEY_NAME, AblyServer
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture(autouse=True)
def quick(settings):
    settings.ABLY_API_KEY = "semtas.local:" + "s" * 32
    settings.CANARY_EVERY = 0.01
    settings.ABLY_PUBLISH_TIMEOUT = 0.05


@pytest.fixture
def breaker():
    return Breaker(clock=time.monotonic, state="closed", cooldown=0.0)


@pytest.fixture
async def canary(database, transport, breaker):
    """`canary.term` is the term that it is told to probe in."""
    canary = Canary(transport, breaker, database, lambda: asyncio.sleep(0, canary.term))
    canary.term = await database.run(lease.hold, "test", None)
    return canary


@contextlib.asynccontextmanager
async def singing(canary):
    async def for_ever():
        while True:
            await canary.probe_loop()

    task = asyncio.create_task(for_ever())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def probes():
    return list(CanaryProbe.objects.order_by("pk"))


async def test_what_it_hears_is_kept_with_its_round_trip_on_one_connection(canary, database, transport, breaker):
    async with singing(canary):
        await eventually(lambda: len(transport.announced) > 2)
    heard = await database.run(probes)
    assert all(0 < probe.round_trip_ms < 1_000 and probe.error == "" for probe in heard)
    assert transport.subscribed == 1
    assert (breaker.state, canary.silent) == ("closed", False)


async def test_each_probe_begins_so_long_after_the_one_before_whatever_that_took(
    canary, transport, settings, monkeypatch
):
    settings.CANARY_EVERY, waited = 60, []

    async def until(moment):
        waited.append(moment - time.monotonic())
        transport.ill = transient()  # the next one ends the song

    monkeypatch.setattr("notificacao.dispatcher.canary._until", until)
    await canary.probe_loop()
    assert len(waited) == 2
    assert all(55 < seconds <= 60 for seconds in waited)


async def test_so_many_missed_in_a_row_open_the_breaker_and_say_why(canary, database, transport, breaker, settings):
    settings.CANARY_MISSES = 3
    transport.deaf = True
    await canary.probe_loop()
    await canary.probe_loop()
    assert breaker.state == "closed"
    await canary.probe_loop()
    assert breaker.state == "open"
    assert breaker.reason == (
        "sondas seguidas sem volta: 3 (uma sonda foi publicada e não chegou em 0.05 s)",
        "3 probes in a row were missed: a probe was published and did not arrive within 0.05 s",
    )
    assert [probe.round_trip_ms for probe in await database.run(probes)] == [None] * 3
    assert transport.subscribed == 3, "each time it listened anew"


async def test_a_probe_that_is_heard_between_begins_the_count_anew(canary, transport, breaker, settings):
    settings.CANARY_MISSES = 2
    for _ in range(3):
        transport.deaf = True
        await canary.probe_loop()
        transport.deaf = False
        async with singing(canary):
            await eventually(lambda: not canary._missed)
    assert breaker.state == "closed"


async def test_where_misses_are_to_open_nothing_they_are_only_kept(canary, database, transport, breaker, settings):
    settings.CANARY_MISSES = 0
    transport.ill = transient()
    for _ in range(5):
        await canary.probe_loop()
    assert (breaker.state, canary.silent) == ("closed", False)
    assert {probe.error for probe in await database.run(probes)} == {"o Ably falhou (503: away)"}


async def test_an_ably_that_answers_and_delivers_nothing_stays_out_of_use_until_a_probe_arrives(
    canary, database, transport, breaker, settings
):
    settings.CANARY_MISSES = 1
    watch = BreakerMonitor(transport, breaker, database, lambda: canary.silent)
    transport.deaf = True
    await canary.probe_loop()
    await watch.look(canary.term, await database.run(rollout.current))
    assert transport.probes == 0
    row = await database.run(BreakerState.objects.get)
    assert (row.state, row.reason[:31]) == ("open", "sondas seguidas sem volta: 1 (u")
    transport.deaf = False
    async with singing(canary):
        await eventually(lambda: not canary.silent)
    await watch.look(canary.term, await database.run(rollout.current))
    assert breaker.state == "closed"


async def test_a_probe_that_arrives_as_something_else_was_not_heard(canary, database, transport):
    transport.garble = True
    await canary.probe_loop()
    [probe] = await database.run(probes)
    assert "diferente do que foi enviado" in probe.error


async def test_what_our_key_may_not_do_tells_nothing_of_ably(canary, database, transport, breaker, settings):
    settings.CANARY_MISSES = 1
    transport.ill = permanent("40160: no capability")
    await canary.probe_loop()
    assert await database.run(probes) == []
    assert breaker.state == "closed"
    transport.ill = CredentialsRejected("40101: no such key", "o Ably recusou a chave")
    await canary.probe_loop()
    assert breaker.state == "open"


async def test_a_leader_whose_term_is_over_keeps_nothing_and_hears_of_it(canary, database):
    canary.term += 1
    with pytest.raises(LeadLost):
        await canary.probe_loop()
    assert await database.run(probes) == []


async def test_without_a_term_it_does_not_even_listen(canary, transport, monkeypatch):
    monkeypatch.setattr("notificacao.dispatcher.canary._ASK_AGAIN", 0.0)
    canary.term = None
    await canary.probe_loop()
    assert transport.subscribed == 0


# --- With the real SDK and the local server


@pytest.fixture
def reachable(settings):
    def reach(server):
        settings.ABLY_ENDPOINT, settings.ABLY_PORT, settings.ABLY_TLS = "127.0.0.1", server.port, False
        settings.ABLY_API_KEY = server.key
        settings.ABLY_PUBLISH_TIMEOUT = 2.0

    return reach


@pytest.mark.services
async def test_by_way_of_the_server_it_hears_itself_misses_while_the_server_is_away_and_hears_again(
    canary, database, breaker, reachable, settings
):
    with AblyServer() as server:
        reachable(server)
        canary._transport = transport = AblyTransport()
        settings.CANARY_EVERY, settings.CANARY_MISSES = 0.2, 2
        async with singing(canary):
            await eventually(lambda: database.run(CanaryProbe.objects.filter(round_trip_ms__gt=0).exists))
            server.kill()
            await eventually(lambda: breaker.state == "open")
            server.start()
            await eventually(lambda: not canary.silent)
        await transport.close()


@pytest.mark.services
async def test_a_key_that_may_not_listen_there_is_our_fault(canary, database, ably_server, reachable, monkeypatch):
    reachable(ably_server)

    async def for_others(_params):
        now = int(time.time())
        claims = {"iat": now, "exp": now + 60, "x-ably-capability": '{"private:*":["subscribe"]}'}
        secret = ably_server.key.partition(":")[2]
        return jwt.encode(claims, secret, algorithm="HS256", headers={"kid": KEY_NAME})

    monkeypatch.setattr("notificacao.transports.ably.listening.sign_own_token", for_others)
    canary._transport = transport = AblyTransport()
    await canary.probe_loop()
    assert await database.run(probes) == []
    await transport.close()
