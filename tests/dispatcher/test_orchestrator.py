"""The orchestrator: who goes to Ably, and what becomes of each row."""

import asyncio
import time
import uuid
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
import stamina
import structlog
from django.utils import timezone
from prometheus_client import REGISTRY

from notificacao import alerts, audiences
from notificacao.dispatcher import orchestrator as orchestrator_module
from notificacao.dispatcher.breaker import Breaker
from notificacao.dispatcher.orchestrator import (
    BREAKER_OPEN,
    EXPIRED,
    NOBODY_ON_ABLY,
    OVER_BUDGET,
    PUBLISHED,
    TOO_LATE,
    NotificationOrchestrator,
    Outcome,
    route,
)
from notificacao.models import BreakerState, Channel, DispatchState, LogHead, Notification, RolloutFlag
from notificacao.rollout import Rollout
from notificacao.transports import CredentialsRejected, Envelope, Sealed, TooFast
from tests.fake_transport import permanent, transient
from tests.rows import write_stamped

EVERYBODY = Rollout(RolloutFlag(everyone=True), BreakerState.State.CLOSED, configured=True)
NOBODY = replace(EVERYBODY, flag=RolloutFlag(everyone=False))


@pytest.fixture(autouse=True)
def no_backoff():
    """Retries at once; how many is still the setting's."""
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def breaker(clock):
    return Breaker(clock=lambda: clock[0], state="closed")


@pytest.fixture
def answers():
    """What the rollout answers, one after the other; the last one for good."""
    return [EVERYBODY]


@pytest.fixture
def orchestrator(transport, breaker, answers):
    async def read_rollout():
        return answers.pop(0) if len(answers) > 1 else answers[0]

    return NotificationOrchestrator(transport, breaker, read_rollout)


async def everybody():
    return EVERYBODY


def fallbacks(reason):
    return REGISTRY.get_sample_value("notificacao_fallbacks_total", {"reason": reason})


async def send(orchestrator, envelopes):
    """`{pk: outcome}`, all given at once."""
    outcomes = await asyncio.gather(*(orchestrator.send(envelope) for envelope in envelopes))
    return {envelope.row.pk: outcome for envelope, outcome in zip(envelopes, outcomes, strict=True)}


def failed(error, fallback="ably_failed"):
    return Outcome(DispatchState.FAILED, error, fallback)


def envelope(seq=1, channel="system:notifications", **fields):
    return Envelope(Notification(pk=seq, seq=seq, prev_seq=0, channel=channel, **fields), "e90c", 1)


async def test_a_row_that_the_transport_took_is_published(orchestrator, transport):
    sent = envelope()
    assert await send(orchestrator, [sent]) == {1: PUBLISHED}
    assert transport.published == [sent]


async def test_nothing_to_send_has_no_outcome(orchestrator, transport):
    assert await send(orchestrator, []) == {}
    assert transport.attempted == []


async def test_a_row_that_goes_well_at_once_pays_for_no_retry(orchestrator, transport, monkeypatch):
    monkeypatch.setattr(stamina, "retry_context", None)
    assert await send(orchestrator, [envelope()]) == {1: PUBLISHED}


async def test_a_transient_fault_is_retried_with_the_same_envelope(orchestrator, transport):
    sent = envelope()
    transport.faults[1] = [transient(), transient()]
    assert await send(orchestrator, [sent]) == {1: PUBLISHED}
    assert len(transport.attempted) == 3
    assert all(attempt is sent for attempt in transport.attempted)


async def test_a_row_fails_with_the_last_reason_once_the_attempts_are_used_up(orchestrator, transport, settings):
    settings.ABLY_PUBLISH_ATTEMPTS = 2
    transport.faults[1] = [transient("first"), transient("second"), transient("never")]
    assert await send(orchestrator, [envelope()]) == {1: failed("o Ably falhou (second)")}
    assert len(transport.attempted) == 2


async def test_a_permanent_fault_is_not_retried_and_the_breaker_does_not_hear_of_it(orchestrator, transport, breaker):
    for seq in range(1, 11):
        transport.faults[seq] = [permanent()]
    outcomes = await send(orchestrator, [envelope(seq) for seq in range(1, 11)])
    assert set(outcomes.values()) == {failed("o Ably recusou o pedido (40009: too large)", "message")}
    assert len(transport.attempted) == 10
    assert breaker.state == "closed"


async def test_a_failed_row_does_not_hold_up_those_behind_it(orchestrator, transport):
    transport.faults[1] = [permanent()]
    outcomes = await send(orchestrator, [envelope(1), envelope(2)])
    assert [outcomes[seq].state for seq in (1, 2)] == ["failed", "published"]


async def test_transient_faults_open_the_breaker_and_what_is_left_is_skipped(orchestrator, transport, breaker):
    transport.faults = {seq: [transient()] * 3 for seq in range(1, 6)}
    outcomes = await send(orchestrator, [envelope(seq) for seq in range(1, 6)])
    assert (breaker.state, breaker.reason.log) == ("open", "503: away")
    assert len(transport.attempted) == 5, "the fifth failure opens it, and nobody asks again"
    assert outcomes[1] == failed("o Ably falhou (503: away)")
    assert [outcomes[seq] for seq in range(2, 6)] == [BREAKER_OPEN] * 4


async def test_with_the_breaker_open_rows_are_skipped_and_the_transport_is_not_asked(orchestrator, transport, breaker):
    for _ in range(5):
        breaker.failure("away")
    assert await send(orchestrator, [envelope()]) == {1: BREAKER_OPEN}
    assert transport.attempted == []


async def test_over_budget_what_the_governor_names_goes_by_sse_and_the_rest_to_ably(orchestrator, transport, answers):
    answers[:] = [replace(EVERYBODY, by_sse=frozenset({"baixa", "normal"}))]
    before = fallbacks("budget")
    rows = [envelope(seq, priority=of) for seq, of in enumerate(("baixa", "normal", "alta", "urgente"), start=1)]
    with structlog.testing.capture_logs() as logged:
        outcomes = await send(orchestrator, rows)
    assert outcomes == {1: OVER_BUDGET, 2: OVER_BUDGET, 3: PUBLISHED, 4: PUBLISHED}
    assert transport.seqs == [3, 4]
    assert fallbacks("budget") == before + 2
    assert not [line for line in logged if line["event"] == "fallback"], "the governor's act was told, once"


async def test_with_the_breaker_open_it_is_ably_that_failed_and_not_the_budget(
    orchestrator, transport, answers, breaker
):
    answers[:] = [replace(EVERYBODY, by_sse=frozenset({"baixa"}))]
    breaker.force("open")
    assert await send(orchestrator, [envelope(priority="baixa")]) == {1: BREAKER_OPEN}


async def test_what_the_transport_bills_comes_with_the_outcome(orchestrator, transport):
    sent = envelope()
    sent.sealed = Sealed("{}", 20_000, 4)
    assert (await orchestrator.send(sent)).billed == 4


async def test_rows_do_not_serve_as_probes_of_a_half_open_breaker(orchestrator, transport, breaker, clock):
    for _ in range(5):
        breaker.failure("away")
    clock[0] += 3600
    assert breaker.admit()
    assert breaker.state == "half_open"
    assert await send(orchestrator, [envelope()]) == {1: BREAKER_OPEN}
    assert transport.attempted == []


async def test_a_flag_turned_off_between_two_attempts_skips_the_row(orchestrator, transport, answers):
    transport.faults[1] = [transient()]

    async def turn_off():
        answers[:] = [NOBODY]

    transport.pause = turn_off
    assert await send(orchestrator, [envelope()]) == {1: NOBODY_ON_ABLY}
    assert len(transport.attempted) == 1


async def test_a_flag_turned_off_between_two_rows_skips_the_second(orchestrator, transport, answers):
    async def turn_off():
        answers[:] = [NOBODY]

    transport.pause = turn_off
    assert await send(orchestrator, [envelope(1), envelope(2)]) == {1: PUBLISHED, 2: NOBODY_ON_ABLY}
    assert transport.seqs == [1]


async def test_without_a_transport_every_row_is_skipped(breaker):
    orchestrator = NotificationOrchestrator(None, breaker, everybody)
    assert await send(orchestrator, [envelope()]) == {1: NOBODY_ON_ABLY}


async def test_an_expired_row_is_skipped_and_one_that_will_expire_is_not(orchestrator, transport):
    late = envelope(1, expires_at=timezone.now() - timedelta(seconds=1))
    in_time = envelope(2, expires_at=timezone.now() + timedelta(hours=1))
    assert await send(orchestrator, [late, in_time]) == {1: EXPIRED, 2: PUBLISHED}
    assert transport.seqs == [2]


async def test_within_a_channel_rows_go_one_after_the_other_even_with_retries(orchestrator, transport):
    transport.faults = {seq: [transient()] * (seq == 2) for seq in range(1, 6)}
    await send(orchestrator, [envelope(seq) for seq in range(1, 6)])
    assert transport.seqs == [1, 2, 3, 4, 5]
    assert not transport.overtaken


async def test_a_row_is_sealed_once_for_all_its_attempts(orchestrator, transport):
    sent = envelope()
    transport.faults[1] = [transient(), transient()]
    await send(orchestrator, [sent])
    assert len({id(attempt.sealed) for attempt in transport.attempted}) == 1


async def test_a_row_whose_key_is_renewed_between_two_attempts_goes_with_the_new_key(orchestrator, transport):
    sent, sealed_with, seal = envelope(), [], transport.seal

    def note(sealed):
        sealed_with.append(sealed.key_epoch)
        seal(sealed)
        orchestrator.note_keys({sealed.row.channel: 2})

    transport.seal, transport.faults[1] = note, [transient()]
    assert await send(orchestrator, [sent]) == {1: PUBLISHED}
    assert sealed_with == [1, 2]


async def test_a_renewed_key_is_remembered_as_long_as_a_claim_lasts_and_no_longer(orchestrator, settings, monkeypatch):
    now = 0.0
    monkeypatch.setattr(orchestrator_module, "time", SimpleNamespace(monotonic=lambda: now))
    for number in range(1_000):
        now = number * settings.DISPATCH_LEASE / 10
        orchestrator.note_keys({f"private:unit:u{number}:notifications": 2})
        assert orchestrator._key_epochs.keys() >= {
            f"private:unit:u{n}:notifications" for n in range(max(0, number - 9), number)
        }
        assert len(orchestrator._key_epochs) <= 11


async def test_a_row_that_cannot_be_sealed_fails_without_an_attempt(orchestrator, transport, monkeypatch):
    def seal(_):
        raise permanent()

    monkeypatch.setattr(transport, "seal", seal)
    assert await send(orchestrator, [envelope()]) == {
        1: failed("o Ably recusou o pedido (40009: too large)", "message")
    }
    assert transport.attempted == []


async def test_a_row_whose_lease_is_over_is_not_published_any_more(orchestrator, transport):
    sent = envelope()
    sent.until = time.monotonic()
    assert await send(orchestrator, [sent]) == {1: TOO_LATE}
    assert transport.attempted == []


async def test_a_dispatcher_that_leads_no_more_publishes_nothing_and_settles_nothing(transport, breaker):
    orchestrator = NotificationOrchestrator(transport, breaker, everybody, leads=lambda: False)
    assert await send(orchestrator, [envelope()]) == {1: None}
    assert transport.attempted == []


async def test_a_refused_key_fails_the_row_and_opens_the_breaker_at_once_with_that_reason(
    orchestrator, transport, breaker
):
    transport.faults[1] = [CredentialsRejected("40101: invalid credential", "o Ably recusou a chave")]
    outcomes = await send(orchestrator, [envelope(1), envelope(2)])
    assert outcomes == {1: failed("o Ably recusou a chave", "refused"), 2: BREAKER_OPEN}
    assert (breaker.state, breaker.reason.log) == ("open", "40101: invalid credential")
    assert len(transport.attempted) == 1


async def test_a_row_that_stays_too_fast_fails_as_rate_limited(orchestrator, transport):
    transport.faults[1] = [TooFast("42910: too fast", "devagar", retry_after=0)] * 3
    assert await send(orchestrator, [envelope()]) == {1: failed("devagar", "rate_limited")}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (permanent(), "message"),
        (CredentialsRejected("40101", "o Ably recusou a chave"), "refused"),
        (transient(), "ably_failed"),
        (None, "breaker_open"),
    ],
)
async def test_each_fallback_is_a_log_line_and_counted_by_its_reason(orchestrator, transport, breaker, fault, reason):
    if fault is None:
        breaker.trip("away")
    transport.faults[7] = [fault] * 3
    before = fallbacks(reason)
    with structlog.testing.capture_logs() as lines:
        await send(orchestrator, [envelope(7)])
    [line] = [line for line in lines if line["event"] == "fallback"]
    assert (line["reason"], line["rows"]) == (reason, 1)
    assert line["error"] == (str(fault) if fault else ""), "logs are English"
    assert fallbacks(reason) == before + 1


async def test_many_fallbacks_of_one_reason_are_one_line_and_all_are_counted(orchestrator, breaker):
    breaker.trip("away")
    before = fallbacks("breaker_open")
    with structlog.testing.capture_logs() as lines:
        await send(orchestrator, [envelope(seq) for seq in range(1, 6)])
    assert [line["event"] for line in lines].count("fallback") == 1
    assert fallbacks("breaker_open") == before + 5


async def test_what_ably_was_never_to_carry_is_no_fallback(orchestrator, answers):
    answers[:] = [NOBODY]
    with structlog.testing.capture_logs() as lines:
        await send(orchestrator, [envelope()])
    assert lines == []


async def test_what_is_no_transport_error_is_not_swallowed(orchestrator, transport):
    transport.faults[1] = [ZeroDivisionError("a bug of ours")]
    with pytest.raises(ZeroDivisionError, match="a bug of ours"):
        await send(orchestrator, [envelope()])


def only(person):
    """A rollout that holds `person` and leaves everybody else out, by a salt that happens to do so."""
    others = type(person).objects.exclude(pk=person.pk).values_list("pk", flat=True)
    for _ in range(1000):
        flag = RolloutFlag(everyone=None, percent=20, salt=uuid.uuid4().hex)
        if flag.includes(person.pk) and not any(flag.includes(pk) for pk in others):
            return replace(EVERYBODY, flag=flag)
    raise AssertionError("no salt of a thousand fits")


def test_a_shared_channel_goes_to_ably_when_at_least_one_listener_is_in_the_rollout(
    ana, bia, caio, cras_norte, cras_sul
):
    norte, sul = (
        write_stamped(seq, audiences.channel_for_unit(unit)) for seq, unit in ((1, cras_norte), (2, cras_sul))
    )
    envelopes, outcomes = route([norte, sul], only(bia))
    assert [envelope.row for envelope in envelopes] == [norte]
    assert outcomes == {sul.pk: NOBODY_ON_ABLY}


def test_a_personal_channel_goes_to_ably_when_its_person_is_in_the_rollout(ana, bia):
    hers, others = (write_stamped(seq, audiences.channel_for_user(who)) for seq, who in ((1, ana), (2, bia)))
    envelopes, outcomes = route([hers, others], only(ana))
    assert [envelope.row for envelope in envelopes] == [hers]
    assert outcomes == {others.pk: NOBODY_ON_ABLY}


def test_an_inactive_listener_takes_no_channel_to_ably(ana, bia, cras_norte):
    row = write_stamped(1, audiences.channel_for_unit(cras_norte))
    bia.is_active = False
    bia.save()
    assert route([row], only(bia)) == ([], {row.pk: NOBODY_ON_ABLY})


def test_for_all_every_row_goes_and_with_the_flag_off_none(ana):
    rows = [write_stamped(seq, channel) for seq, channel in enumerate(("system:notifications", "private:unit:x"), 1)]
    assert [e.row for e in route(rows, EVERYBODY)[0]] == rows
    assert route(rows, NOBODY) == ([], {row.pk: NOBODY_ON_ABLY for row in rows})
    assert route(rows, replace(EVERYBODY, configured=False))[0] == []


@pytest.mark.django_db
def test_an_envelope_bears_the_logs_epoch_and_its_channels_key_epoch():
    row = write_stamped(1, "system:notifications")
    Channel.objects.filter(pk="system:notifications").update(key_epoch=4)
    [sent], _ = route([row], EVERYBODY)
    assert sent == Envelope(row, LogHead.objects.get(pk=1).epoch, 4)


@pytest.mark.django_db
@pytest.mark.parametrize("event", [alerts.OPENED, alerts.CLOSED])
def test_what_tells_of_an_alert_waits_for_no_ably_and_all_else_goes_there(ana, event):
    channel = audiences.channel_for_user(ana)
    alert, other = write_stamped(1, channel, data={"event": event}), write_stamped(2, channel, data={"event": "a"})
    envelopes, outcomes = route([alert, other], EVERYBODY)
    assert [envelope.row for envelope in envelopes] == [other]
    assert outcomes[alert.pk].state == DispatchState.SKIPPED
