"""Somebody with the database's own words tries to lose, write over, or slip in what the audit trail says."""

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from notificacao import audit, audit_chain, retention
from notificacao.models import AuditEvent, AuditLink

ISSUED = AuditEvent.Action.TOKEN_ISSUED
EVENTS, LINKS = "notificacao_auditevent", "notificacao_auditlink"


@pytest.fixture
def trail(db):
    """Five events, all linked."""
    for number in range(5):
        audit.record(ISSUED, who=f"p{number}", ip="10.0.0.1", channels=["ç", number])
    assert audit_chain.link() == 5
    return list(AuditEvent.objects.order_by("pk"))


def sql(statement, *parameters) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def by_force(statement) -> None:
    """Run `statement` as the tables' owner does, who takes the triggers away."""
    if connection.vendor == "postgresql":
        sql(f"ALTER TABLE {EVENTS} DISABLE TRIGGER USER")
    else:
        for name in ("audit_loses_nothing", "audit_is_append_only", "audit_waits_for_its_link"):
            sql(f"DROP TRIGGER {name}")
    sql(statement)


def told() -> str:
    with pytest.raises(CommandError) as refused:
        call_command("audit_verify", stdout=io.StringIO())
    return str(refused.value)


@pytest.mark.parametrize(
    "statement",
    [
        f"DELETE FROM {EVENTS}",
        f"DELETE FROM {EVENTS} WHERE who = 'p4'",
        f"UPDATE {EVENTS} SET who = 'x'",
        pytest.param(f"TRUNCATE {EVENTS}", marks=pytest.mark.postgres),
        pytest.param(
            f"REPLACE INTO {EVENTS} SELECT id, at, action, 'x', ip, reason, data FROM {EVENTS}",
            marks=pytest.mark.sqlite,
        ),
    ],
)
@pytest.mark.parametrize("linked", [True, False])
def test_the_table_refuses_it(db, statement, linked):
    for number in range(5):
        audit.record(ISSUED, who=f"p{number}")
    if linked:
        audit_chain.link()
    with pytest.raises(DatabaseError, match="append-only"):
        sql(statement)
    assert set(AuditEvent.objects.values_list("who", flat=True)) == {f"p{number}" for number in range(5)}


def test_a_trail_that_nobody_touched_is_found_so_and_tells_its_head(trail):
    audit.record(ISSUED, who="p5")
    out = io.StringIO()
    call_command("audit_verify", stdout=out)
    head = AuditLink.objects.get(position=5)
    assert "5 eventos na corrente, 1 à espera." in out.getvalue()
    assert f"posição 5, {head.hash}" in out.getvalue()


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (f"DELETE FROM {EVENTS} WHERE who = 'p2'", "foi eliminado"),
        (f"DELETE FROM {LINKS} WHERE position = 3", "faltam elos"),
        (f"UPDATE {EVENTS} SET who = 'x' WHERE who = 'p2'", "foi alterado"),
        (f"UPDATE {EVENTS} SET ip = NULL WHERE who = 'p2'", "foi alterado"),
        (f"UPDATE {EVENTS} SET reason = 'x' WHERE who = 'p4'", "foi alterado"),
        (f"UPDATE {LINKS} SET hash = 'x' WHERE position = 3", "foi alterado"),
    ],
)
def test_what_is_done_by_force_is_seen(trail, statement, sentence):
    by_force(statement)
    assert sentence in told()


@pytest.mark.parametrize("emptied", [True, False])
def test_an_anchor_that_was_moved_to_open_retentions_door_is_seen(trail, emptied):
    last = AuditLink.objects.get(position=5)
    sql("UPDATE notificacao_auditanchor SET position = 5, hash = %s", last.hash)
    if emptied:
        sql(f"DELETE FROM {EVENTS}")
    assert "há elos: 5" in told()


def test_retention_that_comes_while_the_chain_is_verified_is_no_fault(trail, monkeypatch):
    read = audit_chain._linked_after

    def trimmed_meanwhile(position):
        if not position:
            audit_chain.trim(timezone.now() + timedelta(days=1))
            audit.record(ISSUED, who="later")
            audit_chain.link()
        return read(position)

    monkeypatch.setattr(audit_chain, "_linked_after", trimmed_meanwhile)
    found = audit_chain.verify()
    assert (found.linked, found.position, found.faults) == (1, 6, [])


def test_an_event_that_is_slipped_in_without_a_link_is_seen(trail):
    by_force(
        f"INSERT INTO {EVENTS} (at, action, who, reason, data) SELECT at, action, 'x', '', data FROM {EVENTS} "
        "WHERE who = 'p2'"
    )
    assert "não tem elo" in told()


def test_what_becomes_visible_late_is_linked_late_and_nothing_is_amiss(trail):
    audit.record(ISSUED, who="later")
    pk = AuditEvent.objects.latest("pk").pk
    AuditEvent(pk=pk + 10, action=ISSUED, who="younger", at=timezone.now()).save()
    AuditLink.objects.filter(event_id=pk).update(position=0)  # its transaction is still open
    assert audit_chain.link() == 1
    AuditLink.objects.filter(event_id=pk).update(position=None)
    assert audit_chain.link() == 1
    assert audit_chain.verify().faults == []


def test_retention_has_its_own_door_and_leaves_an_anchor(db, settings):
    settings.AUDIT_RETENTION_DAYS = 10
    for days in (30, 20, 5, 40):
        AuditEvent.objects.create(action=ISSUED, who=f"{days}", at=timezone.now() - timedelta(days=days))
    retention.clear_the_rest()
    assert AuditEvent.objects.count() == 4, "what waits for its link stays"
    audit_chain.link()
    retention.clear_the_rest()
    assert [event.who for event in AuditEvent.objects.order_by("pk")] == ["5", "40"]
    assert (audit_chain.verify().linked, audit_chain.verify().faults) == (2, [])
    with pytest.raises(DatabaseError, match="append-only"):
        sql(f"DELETE FROM {EVENTS}")
    by_force(f"DELETE FROM {EVENTS} WHERE who = '5'")
    assert "foi eliminado" in told()
