"""The dispatcher works off what is to be revoked: once, by the leader, for as long as it takes."""

import asyncio
import contextlib

import pytest

from notificacao import revocations
from notificacao.dispatcher.revoker import Revoker
from notificacao.models import AuditEvent, Revocation
from tests.asgi import in_database
from tests.fake_transport import FakeTransport, permanent, transient
from tests.waiting import PATIENCE, eventually

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture(autouse=True)
def quick(settings):
    settings.ABLY_API_KEY = "semtas.local:" + "s" * 32
    settings.DISPATCH_POLL = 0.02


@contextlib.asynccontextmanager
async def working(transport, leads=lambda: True):
    revoker = Revoker(transport, leads)
    task = asyncio.create_task(revoker.work_off())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    revoker.close()


async def ask(*targets, reason="access"):
    await in_database(revocations.ask, targets, reason)


async def all_done():
    return not await in_database(Revocation.objects.filter(done_at=None).exists)


async def test_what_was_asked_is_revoked_once_and_put_on_record(transport):
    async with working(transport):
        await ask("clientId:ana")
        await ask("revocationKey:123", reason="logout")
        await eventually(all_done)
    assert sorted(target for targets, _ in transport.revoked for target in targets) == [
        "clientId:ana",
        "revocationKey:123",
    ]
    events = await in_database(lambda: set(AuditEvent.objects.values_list("action", "who", "reason")))
    assert events == {("tokens_revoked", "ana", "access"), ("tokens_revoked", "", "logout")}


async def test_what_was_asked_while_nobody_worked_is_found_at_the_next_start(transport):
    await ask(*(f"clientId:p{number}" for number in range(150)))
    async with working(transport):
        await eventually(all_done)
    assert [len(targets) for targets, _ in transport.revoked] == [100, 50]
    assert len({moment for _, moment in transport.revoked}) == 1


@pytest.mark.parametrize("trouble", [transient(), permanent("40160: not revocable")])
async def test_while_ably_does_not_take_it_it_stays_and_is_tried_again_with_the_same_moment(
    transport, trouble, monkeypatch
):
    monkeypatch.setattr(revocations, "_LONGEST_PAUSE", 0)
    transport.ill = trouble
    async with working(transport):
        await ask("clientId:ana")
        row = await eventually(lambda: in_database(Revocation.objects.filter(attempts__gte=2).first))
        assert row.done_at is None
        assert row.error == trouble.told
        assert await in_database(AuditEvent.objects.count) == 0
        transport.ill = None
        await eventually(all_done)
    assert transport.revoked == [(["clientId:ana"], row.issued_before)]


async def test_who_does_not_lead_revokes_nothing_until_they_do(transport):
    leads = []
    async with working(transport, lambda: bool(leads)):
        await ask("clientId:ana")
        async with working(other := FakeTransport()):
            await eventually(all_done)
        await ask("clientId:bia")
        assert transport.revoked == []
        leads.append(True)
        await eventually(all_done)
    assert [targets for targets, _ in transport.revoked] == [["clientId:bia"]]
    assert [targets for targets, _ in other.revoked] == [["clientId:ana"]]


async def test_without_ably_what_is_there_is_left_alone(settings):
    await ask("clientId:ana")
    async with working(None), working(FakeTransport(), leads=lambda: False):
        pass
    assert not await all_done()


async def test_a_wake_spares_the_wait_for_the_poll(transport, settings):
    settings.DISPATCH_POLL = 10 * PATIENCE
    async with working(transport):
        await ask("clientId:ana")
        await eventually(all_done)
