"""Each mishap by which somebody lacks a notification is told rightly, from what the tables hold."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from notificacao import alerts, audiences, audit, history, presence, rollout, why
from notificacao.models import (
    Alert,
    AuditEvent,
    ConnectionSpan,
    DispatchState,
    LogHead,
    Membership,
    Notification,
    Receipt,
    RolloutFlag,
    WebProcess,
)
from notificacao.presence import Pages
from notificacao.reading import archive, mark_read
from notificacao.why.facts import ABOUT_DELIVERY
from tests.rows import write, write_stamped

pytestmark = pytest.mark.django_db
NOW = timezone.now


class Case:
    """One notification for the unit of ana, stamped a minute ago, and what befell her."""

    def __init__(self, ana, unit, other):
        self.ana, self.unit, self.other = ana, unit, other
        self.stamped = NOW() - timedelta(minutes=1)
        self.row = self.notice(unit)
        LogHead.objects.update(seq=7)

    def notice(self, unit, **fields) -> Notification:
        channel = audiences.channel_for_unit(unit)
        return write_stamped(
            7 if unit is self.unit else 8,
            channel,
            **{"stamped_at": self.stamped, "dispatch_state": DispatchState.SKIPPED, **fields},
        )

    def set(self, **fields) -> None:
        Notification.objects.filter(pk=self.row.pk).update(**fields)

    def page(self, *, standby=False, since=-3_600, until=None) -> None:
        """She has a page open; seconds are counted from the stamp."""
        ConnectionSpan.objects.create(
            person=self.ana,
            process="p",
            live=not standby,
            standby=standby,
            browsers="Firefox no Windows",
            since=self.stamped + timedelta(seconds=since),
            until=None if until is None else self.stamped + timedelta(seconds=until),
        )

    def receipt(self, transport, latency_ms=80) -> None:
        Receipt.objects.create(
            person=self.ana, notification=self.row, delivered_at=NOW(), transport=transport, latency_ms=latency_ms
        )

    def refused(self, action, reason) -> None:
        audit.record(action, who=self.ana.public_id, reason=reason)


@pytest.fixture
def case(ana, cras_norte, cras_sul):
    return Case(ana, cras_norte, cras_sul)


# --- Mishaps: each does to the case what its name says


def not_a_member(case):
    case.row = case.notice(case.other)


def joined_later(case):
    Membership.objects.update(since=7)


def left_before(case):
    LogHead.objects.update(seq=3)
    Membership.objects.get().delete()


def left_with_the_unit(case):
    case.unit.delete()


def left_after(case):
    case.receipt("sse")
    Membership.objects.get().delete()


def deactivated(case):
    type(case.ana).objects.update(is_active=False)


def not_stamped(case):
    case.row = write(audiences.channel_for_unit(case.unit))


def expired(case):
    case.set(expires_at=NOW() - timedelta(seconds=5))


def no_page(case):
    case.page(until=-600)


def page_opened_later(case):
    case.page(since=30)


def login_ended(case):
    case.refused(AuditEvent.Action.STREAM_REFUSED, "not_authenticated")


def connection_fell(case):
    case.page(until=20)


def tab_frozen(case):
    case.page()


def polling(case):
    case.page()
    case.receipt("rest", 12_000)


def came_late_with_ably_away(case):
    case.page(standby=True)
    Alert.objects.create(name="BreakerOpen")
    case.receipt("standby", 9_000)


def came(case):
    case.page()
    case.receipt("sse")


def read_elsewhere(case):
    mark_read(case.ana, case.row.public_id)


def archived(case):
    archive(case.ana, case.row.public_id)


def only_a_sample_is_kept(case):
    case.page()


def token_refused(case):
    case.page(standby=True)
    case.refused(AuditEvent.Action.TOKEN_REFUSED, "rate_limited")


def parked(case):
    case.page(standby=True)
    case.set(dispatch_state=DispatchState.PENDING, attempts=2)


def ably_failed(case):
    case.page(standby=True)
    case.set(dispatch_state=DispatchState.FAILED, attempts=5, error="503")


def no_new_token(case):
    case.page(standby=True)
    case.set(dispatch_state=DispatchState.PUBLISHED)


def key_missed(case):
    case.page(standby=True)
    case.set(dispatch_state=DispatchState.PUBLISHED)
    audit.record(AuditEvent.Action.TOKEN_ISSUED, who=case.ana.public_id)


MISHAPS: list[tuple[Callable, str, str]] = [
    (not_a_member, "never_addressed", "Não era para ana: foi enviada para CRAS02 – CRAS Sul"),
    (joined_later, "joined_later", "ana só passou a receber de CRAS01 – CRAS Norte em"),
    (left_before, "left_before", "antes desta notificação"),
    (left_with_the_unit, "left_after", "sem confirmar a entrega"),
    (left_after, "left_after", "ana a recebeu em"),
    (deactivated, "inactive", "está desativada"),
    (not_stamped, "unstamped", "espera o registro desde"),
    (expired, "expired", "antes que ana a recebesse"),
    (no_page, "no_page", "não tinha página aberta e ainda não abriu nenhuma desde então. A última fechou em"),
    (page_opened_later, "page_closed", "não tinha página aberta na hora; abriu em"),
    (login_ended, "stream_refused", "não conseguiu ligar-se: not_authenticated"),
    (connection_fell, "dead_stream", "A conexão de ana caiu em"),
    (tab_frozen, "no_receipt", "tinha a página aberta por SSE e o navegador não confirmou"),
    (polling, "fetched", "por consulta, 12 s depois: a conexão não estava inteira"),
    (came_late_with_ably_away, "late", "tarde, com o Ably fora de uso"),
    (came, "delivered", "por SSE, em 80 ms. Ainda não leu."),
    (read_elsewhere, "read", "ana a leu em"),
    (archived, "archived", "ana a arquivou em"),
    (only_a_sample_is_kept, "not_sampled", "só se guarda parte dos recibos"),
    (token_refused, "token_refused", "O token do Ably foi recusado a ana (rate_limited"),
    (parked, "parked", "após 2 tentativas"),
    (ably_failed, "ably_failed", "O Ably não a aceitou (503)"),
    (no_new_token, "no_token", "sem token novo na última hora"),
    (key_missed, "no_receipt_ably", "Publicada no Ably"),
]


@pytest.mark.parametrize(("mishap", "code", "said"), MISHAPS, ids=[mishap.__name__ for mishap, _, _ in MISHAPS])
def test_each_mishap_is_told_rightly(case, settings, mishap, code, said):
    settings.RECEIPT_SHARED_SAMPLE = 0.5 if mishap is only_a_sample_is_kept else 1.0
    mishap(case)
    case.row.refresh_from_db()
    case.ana.refresh_from_db()
    facts = why.gather(case.row, case.ana)
    verdict = why.judge(facts)
    assert (verdict.code, said in verdict.sentence) == (code, True), verdict.sentence
    assert verdict.advice
    steps = why.timeline_of(facts)
    assert [step.at for step in steps] == sorted(step.at for step in steps)


def test_the_questions_are_as_many_for_one_span_as_for_many(case, django_assert_max_num_queries):
    for _ in range(20):
        case.page(until=5)
    with django_assert_max_num_queries(25):
        why.judge(why.gather(case.row, case.ana))


def test_the_timeline_has_arm_breaker_pages_and_receipt(case):
    RolloutFlag.objects.update(percent=100)
    history.note_rollout(rollout.Rollout(RolloutFlag.objects.get(), "open", configured=True))
    history.RolloutSpan.objects.update(since=case.stamped - timedelta(days=1))
    came(case)
    said = " ".join(step.text for step in why.timeline_of(why.gather(case.row, case.ana)))
    assert "Pela transição (100%) a pessoa estava no Ably, disjuntor aberto." in said
    assert "1 página aberta (Firefox no Windows): 1 por SSE, 0 no Ably." in said
    assert "Entregue por SSE, 80 ms depois do registro." in said


# --- What was true then is kept


def test_pages_that_close_stay_as_spans(ana):
    WebProcess.objects.create(name="p")
    presence.write_connections("p", {ana.pk: Pages(1, 0, "Firefox")})
    presence.write_connections("p", {ana.pk: Pages(0, 1, "Firefox")})
    presence.drop_connections("p", [ana.pk])
    spans = ana.connection_spans.order_by("pk")
    assert [(span.live, span.standby, span.until is not None) for span in spans] == [(1, 0, True), (0, 1, True)]


def test_a_process_that_fell_silent_ends_its_spans_when_it_was_last_heard(ana):
    WebProcess.objects.create(name="p")
    presence.write_connections("p", {ana.pk: Pages(1, 0)})
    WebProcess.objects.update(seen_at=NOW() - timedelta(minutes=5))
    seen_at = WebProcess.objects.get().seen_at
    presence.delete_silent_processes()
    assert ana.connection_spans.get().until == seen_at


def test_the_rollout_is_kept_where_it_changed_and_not_else(db):
    flag = RolloutFlag.objects.get(name="ably")
    for percent in (5, 5, 25):
        flag.percent = percent
        history.note_rollout(rollout.Rollout(flag, "closed", configured=True))
    assert [float(span.percent) for span in history.RolloutSpan.objects.order_by("pk")] == [5.0, 25.0]


def test_what_is_old_is_forgotten(case, settings):
    settings.HISTORY_DAYS = 1
    case.page(until=0)
    left_before(case)
    ConnectionSpan.objects.update(until=NOW() - timedelta(days=2))
    case.ana.ended_memberships.update(ended_at=NOW() - timedelta(days=2))
    history.forget_the_old()
    assert not case.ana.connection_spans.exists()
    assert not case.ana.ended_memberships.exists()


# --- The command


def test_the_command_answers_in_a_sentence_and_a_timeline(case):
    came(case)
    out = StringIO()
    call_command("why", str(case.row.public_id), "ana", stdout=out)
    assert out.getvalue().startswith("Chegou a ana em")
    assert "Escrita, para CRAS01 – CRAS Norte." in out.getvalue()


@pytest.mark.parametrize(
    ("words", "said"), [(["0" * 32, "ana"], "Não há notificação"), ([None, "zé"], "Não há pessoa zé")]
)
def test_the_command_says_what_it_did_not_find(case, words, said):
    words[0] = words[0] or str(case.row.public_id)
    with pytest.raises(CommandError, match=said):
        call_command("why", *words)


# --- What is told, and what is not


def test_of_whom_it_was_not_for_nothing_is_told_of_what_they_did(case, cras_sul):
    case.page()
    case.refused(AuditEvent.Action.STREAM_REFUSED, "sessão encerrada")
    for row in (case.row, case.notice(cras_sul)):
        facts = why.gather(row, case.ana)
        theirs = row == case.row
        assert bool(facts.spans) is bool(facts.refusals) is bool(facts.came_at) is theirs
        assert any("Firefox" in step.text for step in why.timeline_of(facts)) is theirs


def test_alerts_are_told_by_their_titles_and_those_alone_that_delay_a_delivery(case):
    for name in ("BreakerOpen", "KeyEndsSoon", "BudgetAhead"):
        Alert.objects.create(name=name)
    told = [step.text for step in why.timeline_of(why.gather(case.row, case.ana)) if "Alerta" in step.text]
    assert told == ["Alerta aberto: O Ably está fora de uso."]


def test_each_alert_that_may_delay_a_delivery_is_one_that_is_raised():
    assert set(ABOUT_DELIVERY) <= set(alerts.DEFINITIONS)
