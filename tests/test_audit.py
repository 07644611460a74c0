"""The audit trail: written once, by one way, and nobody can fill the disk with it."""

import pytest
from django.db import IntegrityError, transaction

from notificacao import audit
from notificacao.audit import Refusals
from notificacao.models import AuditEvent
from notificacao.models.append_only import AppendOnly

pytestmark = pytest.mark.django_db
ISSUED, REFUSED = AuditEvent.Action.TOKEN_ISSUED, AuditEvent.Action.TOKEN_REFUSED


@pytest.fixture
def event():
    audit.record(ISSUED, who="ana", ip="10.0.0.1", reason="", channels=["a"])
    return AuditEvent.objects.get()


def test_an_event_says_what_who_when_and_from_where(event):
    assert (event.action, event.who, event.ip, event.data) == ("token_issued", "ana", "10.0.0.1", {"channels": ["a"]})
    assert event.at is not None
    assert str(event) == "Token do Ably emitido ana"


def test_the_newest_event_comes_first(event):
    audit.record(REFUSED, reason="throttled")
    assert [each.action for each in AuditEvent.objects.all()] == ["token_refused", "token_issued"]


def test_an_event_that_is_written_is_not_changed(event):
    event.who = "bia"
    with pytest.raises(AppendOnly, match="record another one"):
        event.save()
    assert AuditEvent.objects.get().who == "ana"


def test_a_row_is_not_written_over_by_one_of_the_same_number(event):
    with pytest.raises(IntegrityError), transaction.atomic():
        AuditEvent(pk=event.pk, action=REFUSED).save()
    assert AuditEvent.objects.get().action == ISSUED


def test_an_event_is_not_deleted(event):
    with pytest.raises(AppendOnly):
        event.delete()


@pytest.mark.parametrize("change", [lambda rows: rows.update(who="bia"), lambda rows: rows.delete()])
def test_nor_are_many_at_once(event, change):
    with pytest.raises(AppendOnly):
        change(AuditEvent.objects.filter(who="ana"))
    with pytest.raises(AppendOnly):
        AuditEvent.objects.bulk_update([event], ["who"])


# --- Refusals


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(audit.time, "monotonic", lambda: now[0])
    return now


ALIKE = {"who": "", "ip": "10.0.0.1", "reason": "not_authenticated"}


def test_a_flood_of_refusals_alike_is_one_row_a_minute_with_their_number(clock):
    refusals = Refusals(REFUSED)
    for _ in range(500):
        refusals.record(**ALIKE)
    assert [event.data for event in AuditEvent.objects.all()] == [{}]
    clock[0] += 60
    refusals.record(**ALIKE)
    assert [event.data for event in AuditEvent.objects.all()] == [{"alike_before": 499}, {}]


@pytest.mark.parametrize("other", [{"who": "ana"}, {"ip": "10.0.0.2"}, {"reason": "throttled"}])
def test_another_person_address_or_reason_is_another_row(clock, other):
    refusals = Refusals(REFUSED)
    refusals.record(**ALIKE)
    refusals.record(**ALIKE | other)
    assert AuditEvent.objects.count() == 2


def test_what_is_kept_of_refusals_is_bounded(clock):
    refusals = Refusals(REFUSED)
    for number in range(1_100):
        refusals.record(**ALIKE | {"ip": f"10.0.{number // 250}.{number % 250}"})
    assert len(refusals._lately) == 1_000
    assert AuditEvent.objects.count() == 1_100
