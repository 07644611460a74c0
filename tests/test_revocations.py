"""The outbox of revocations: what is due, together, from which moment on, and for how long it is tried."""

import re
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from notificacao import revocations
from notificacao.models import Revocation

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def revocable(settings):
    settings.ABLY_API_KEY = "semtas.local:" + "s" * 32


def ask(*targets):
    revocations.ask(targets, "access")


def now_ms():
    return int(timezone.now().timestamp() * 1000)


def ago(**span):
    return timezone.now() - timedelta(**span)


def targets(rows):
    return [row.target for row in rows]


def test_nothing_is_due_where_nothing_was_asked(django_assert_num_queries):
    with django_assert_num_queries(1):
        assert revocations.due() == []


def test_the_moment_is_when_the_row_was_first_seen_and_stays(ana):
    ask("clientId:ana")
    asked_at = now_ms()
    [row] = revocations.due()
    assert asked_at <= row.issued_before <= now_ms()
    revocations.failed([row], "503: away")
    Revocation.objects.update(try_at=Now())
    assert revocations.due()[0].issued_before == row.issued_before


def test_what_is_seen_together_goes_in_one_call_of_a_hundred_at_most():
    ask(*(f"clientId:p{number}" for number in range(230)))
    sizes, moments = [], set()
    while rows := revocations.due():
        sizes.append(len(rows))
        moments |= {row.issued_before for row in rows}
        revocations.done(rows)
    assert sizes == [100, 100, 30]
    assert len(moments) == 1


def test_what_was_seen_apart_goes_apart_each_with_its_own_moment():
    ask("clientId:ana")
    [first] = revocations.due()
    Revocation.objects.filter(pk=first.pk).update(issued_before=first.issued_before - 5_000)
    ask("clientId:bia")
    calls = []
    while rows := revocations.due():
        calls.append((targets(rows), rows[0].issued_before))
        revocations.done(rows)
    assert [call[0] for call in calls] == [["clientId:ana"], ["clientId:bia"]]
    assert calls[0][1] < calls[1][1]


def test_what_is_done_is_due_no_more_and_what_failed_is_later_ever_more_seldom():
    ask("clientId:ana", "clientId:bia")
    ana, bia = revocations.due()
    revocations.done([ana])
    pauses = []
    for attempts in range(8):
        revocations.failed([Revocation.objects.get(pk=bia.pk)], "x" * 400)
        row = Revocation.objects.get(pk=bia.pk)
        assert (row.attempts, len(row.error)) == (attempts + 1, 300)
        pauses.append(round((row.try_at - timezone.now()).total_seconds()))
        assert revocations.due() == []
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    Revocation.objects.filter(pk=bia.pk).update(try_at=Now())
    assert targets(revocations.due()) == ["clientId:bia"]


def test_what_failed_does_not_hold_up_what_comes_after():
    ask("clientId:ana")
    revocations.failed(revocations.due(), "503: away")
    ask("clientId:bia")
    assert targets(revocations.due()) == ["clientId:bia"]


@pytest.mark.parametrize("state", ["done", "failing"])
def test_after_an_hour_the_tokens_have_expired_by_themselves_and_the_row_goes(state):
    ask("clientId:old")
    rows = revocations.due()
    if state == "done":
        revocations.done(rows)
    Revocation.objects.update(created_at=ago(hours=1, seconds=1), try_at=Now())
    ask("clientId:new")
    assert targets(revocations.due()) == ["clientId:new"]
    assert targets(Revocation.objects.all()) == ["clientId:new"]


@pytest.mark.parametrize(("milliseconds", "second"), [(101_000, 101), (101_001, 102), (101_999, 102)])
def test_a_token_outlives_a_revocation_from_the_next_whole_second_on(milliseconds, second):
    ask("clientId:ana")
    assert revocations.blocked_until(["clientId:ana"]) == 0
    Revocation.objects.update(issued_before=milliseconds)
    assert revocations.blocked_until(["clientId:ana"]) == second
    assert revocations.blocked_until(["clientId:bia"]) == 0


def test_the_last_of_several_revocations_counts():
    ask("clientId:ana", "revocationKey:x")
    Revocation.objects.filter(target="clientId:ana").update(issued_before=100_000)
    Revocation.objects.filter(target="revocationKey:x").update(issued_before=105_000)
    assert revocations.blocked_until(["clientId:ana", "revocationKey:x"]) == 105


def test_a_target_is_made_of_what_ably_takes():
    assert re.fullmatch(r"revocationKey:[0-9a-f]{32}", revocations.of_login("sessão:*"))
    assert revocations.of_person("Ab_-9") == "clientId:Ab_-9"
