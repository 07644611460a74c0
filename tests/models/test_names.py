"""What a row of each table is called where the admin shows it: in Portuguese, and never nothing."""

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from django.apps import apps

from notificacao.models import (
    ActiveChannel,
    Alert,
    Arm,
    AuditAnchor,
    AuditEvent,
    AuditLink,
    BenefitType,
    BreakerState,
    CanaryProbe,
    Channel,
    Connection,
    ConnectionSpan,
    CostGovernor,
    CostMeter,
    DispatcherLease,
    EndedMembership,
    FigureMinute,
    KeptAnswer,
    LogHead,
    Membership,
    Notification,
    Opinion,
    Person,
    Producer,
    ProducerKey,
    ReadMark,
    Receipt,
    Revocation,
    Role,
    RoleHeld,
    RolloutEvent,
    RolloutFlag,
    RolloutMinute,
    RolloutPlan,
    RolloutSpan,
    RolloutStage,
    RolloutTally,
    StreamChange,
    Unit,
    WebProcess,
)

CHANNEL = "system:notifications"
ANA = Person(pk=7, username="ana", first_name="Ana", last_name="Lima")
NORTE = Unit(code="CRAS01", name="CRAS Norte")
NAMES = [
    (ANA, "Ana Lima (ana)"),
    (Person(username="bia"), "bia"),
    (NORTE, "CRAS01 – CRAS Norte"),
    (BenefitType(name="Aluguel social"), "Aluguel social"),
    (Membership(person=ANA, role=Role.TECNICO, unit=NORTE), "Ana Lima (ana) · Técnico · CRAS01"),
    (Membership(person=ANA, role=Role.GESTOR), "Ana Lima (ana) · Gestor"),
    (RoleHeld(person=ANA), "7"),
    (Notification(kind="alerta", public_id=UUID(int=7)), f"Alerta {UUID(int=7)}"),
    (Receipt(person=ANA, notification_id=9), "7 · 9"),
    (ReadMark(person=ANA, channel=CHANNEL, seq=12), f"7 · {CHANNEL} ≤ 12"),
    (Opinion(week=date(2026, 3, 2), answer=4), "2026-03-02: 4"),
    (Opinion(week=date(2026, 3, 2)), "2026-03-02: –"),
    (LogHead(epoch="0a1b", seq=12), "0a1b.12"),
    (Channel(name=CHANNEL), CHANNEL),
    (Connection(person=ANA, live=2, standby=1), "7: 2 + 1"),
    (ConnectionSpan(person=ANA, live=2, standby=1), "7: 2 + 1"),
    (EndedMembership(person=ANA, role="TECNICO"), "7 · TECNICO"),
    (RolloutSpan(percent=Decimal(5), breaker="open"), "5% open"),
    (FigureMinute(at=datetime(2026, 3, 2, 12, 5, tzinfo=UTC)), "2026-03-02 12:05"),
    (DispatcherLease(holder="f00d", term=3), "f00d (mandato 3)"),
    (WebProcess(name="cafe"), "cafe"),
    (ActiveChannel(channel=CHANNEL), CHANNEL),
    (KeptAnswer(owner="producer:obras", key="k-1"), "producer:obras k-1"),
    (StreamChange(kind="key", channel=CHANNEL, number=7), f"7 key {CHANNEL}"),
    (StreamChange(kind="access"), "None access everybody"),
    (Revocation(target="clientId:a", reason="logout"), "clientId:a (logout)"),
    (CanaryProbe(round_trip_ms=12.34), "12.3 ms"),
    (CanaryProbe(error="50003"), "sem retorno: 50003"),
    (BreakerState(name="ably", state="half_open"), "Ably em prova: por ora todos por SSE"),
    (Alert(name="BreakerOpen"), "BreakerOpen"),
    (CostGovernor(level=1), "Prioridade baixa por SSE"),
    (CostMeter(day=date(2026, 3, 2), kind="moved", priority="baixa"), "02/03/2026 Mensagens passadas ao SSE baixa"),
    (CostMeter(day=date(2026, 3, 2), kind="probes"), "02/03/2026 Mensagens das sondas"),
    (AuditEvent(action="token_issued", who="ana"), "Token do Ably emitido ana"),
    (Alert(name="BreakerOpen"), "BreakerOpen"),
    (AuditLink(event_id=7, position=3), "7 · 3"),
    (AuditAnchor(position=3), "3"),
    (Producer(name="Obras"), "Obras"),
    (ProducerKey(producer=Producer(slug="obras"), prefix="AbCd"), "obras AbCd"),
    (RolloutFlag(name="ably"), "ably"),
    (RolloutPlan(state="paused", position=2), "Pausado, etapa 2"),
    (RolloutStage(percent=Decimal("12.5")), "12.5%"),
    (
        RolloutEvent(
            action="roll_back",
            from_state="running",
            to_state="rolled_back",
            from_percent=Decimal(25),
            to_percent=Decimal(0),
        ),
        "Em andamento → Revertido, 25% → 0%",
    ),
    (RolloutTally(person=ANA, shown=40, failed=1), "7: 1/40"),
    (RolloutMinute(at=datetime(2026, 3, 2, 9, 5, tzinfo=UTC), arm=Arm.CANARY, transport="ably"), "09:05 Sondas ably"),
    (RolloutMinute(at=datetime(2026, 3, 2, 9, 5, tzinfo=UTC), arm=Arm.CONTROL), "09:05 SSE"),
]


@pytest.mark.parametrize(("row", "name"), NAMES, ids=lambda each: type(each).__name__)
def test_a_row_is_called_so(row, name):
    assert str(row) == name


def test_these_are_the_rows_of_every_table_of_ours():
    ours = {model for model in apps.get_app_config("notificacao").get_models() if "notificacao" in model.__module__}
    assert {type(row) for row, _ in NAMES} == ours
