"""Somebody with the database's own words tries to lose, write over, or slip in what the audit trail says."""

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from notificacao import audit, audit_chain, retention
from notificacao.models import AuditAnchor, AuditEvent, AuditLink

ISSUED = AuditEvent.Action.TOKEN_ISSUED
EVENTS, LINKS, ANCHOR = (f"notificacao_audit{word}" for word in ("event", "link", "anchor"))
OF_P2 = f"(SELECT id FROM {EVENTS} WHERE who = 'p2')"


@pytest.fixture
def trail(db):
    """Five events of three days ago, all linked."""
    then = timezone.now() - timedelta(days=3)
    for number in range(5):
        AuditEvent.objects.create(action=ISSUED, who=f"p{number}", ip="10.0.0.1", data={"channels": ["ç"]}, at=then)
    assert audit_chain.link() == 5
    return list(AuditEvent.objects.order_by("pk"))


def sql(statement, *parameters) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def by_force(*statements) -> None:
    """Run `statements` as the tables' owner does, who takes the triggers away."""
    if connection.vendor == "postgresql":
        for table in (EVENTS, LINKS, ANCHOR):
            sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    else:
        with connection.cursor() as cursor:
            triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'audit%'"
            names = [name for (name,) in cursor.execute(triggers).fetchall()]
        for name in names:
            sql(f"DROP TRIGGER {name}")
    for statement in statements:
        sql(statement)


def told(*words) -> str:
    with pytest.raises(CommandError) as refused:
        call_command("audit_verify", *words, stdout=io.StringIO())
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


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE {LINKS} SET position = 0 WHERE position = 3",
        f"UPDATE {LINKS} SET position = NULL WHERE position = 3",
        f"UPDATE {LINKS} SET hash = 'x' WHERE position = 3",
        f"UPDATE {LINKS} SET position = 0, hash = (SELECT hash FROM {LINKS} WHERE position = 1) WHERE position IS NULL",
        f"UPDATE {LINKS} SET event_id = event_id + 100 WHERE position IS NULL",
        f"DELETE FROM {LINKS}",
        f"DELETE FROM {LINKS} WHERE position IS NULL",
        f"INSERT INTO {LINKS} (event_id, position, hash) VALUES (100000, 9, '')",
        f"DELETE FROM {ANCHOR}",
        f"UPDATE {ANCHOR} SET position = 5",
        f"UPDATE {ANCHOR} SET position = 6, hash = (SELECT hash FROM {LINKS} WHERE position = 6)",
        f"UPDATE {ANCHOR} SET id = 2",
        f"INSERT INTO {ANCHOR} (id, position, hash) VALUES (2, 0, '')",
        *(pytest.param(f"TRUNCATE {table}", marks=pytest.mark.postgres) for table in (LINKS, ANCHOR)),
        *(
            pytest.param(statement, marks=pytest.mark.sqlite)
            for statement in (
                f"REPLACE INTO {LINKS} SELECT event_id, NULL, '' FROM {LINKS} WHERE position = 3",
                f"UPDATE OR REPLACE {LINKS} SET position = 3, hash = (SELECT hash FROM {LINKS} WHERE position = 3) "
                "WHERE position IS NULL",
                f"REPLACE INTO {ANCHOR} (id, position, hash) VALUES (1, 5, '')",
            )
        ),
    ],
)
def test_the_chain_and_its_anchor_refuse_it(trail, statement):
    audit.record(ISSUED, who="today")
    audit_chain.link()
    audit.record(ISSUED, who="waits")
    before = [list(AuditLink.objects.order_by("pk").values()), list(AuditAnchor.objects.values())]
    with pytest.raises(DatabaseError, match="append-only"):
        sql(statement)
    assert [list(AuditLink.objects.order_by("pk").values()), list(AuditAnchor.objects.values())] == before


def test_a_link_whose_place_opened_retentions_door_is_seen_by_the_gap_that_it_leaves(trail):
    by_force(
        f"UPDATE {LINKS} SET position = 0 WHERE event_id = {OF_P2}",
        f"DELETE FROM {LINKS} WHERE event_id = {OF_P2}",
        f"DELETE FROM {EVENTS} WHERE who = 'p2'",
    )
    assert "faltam elos" in told()


def test_an_event_that_is_deleted_before_it_is_linked_is_seen_before_and_afterwards(trail):
    audit.record(ISSUED, who="waits")
    by_force(f"DELETE FROM {EVENTS} WHERE who = 'waits'")
    assert "foi eliminado à espera do seu elo" in told()
    audit_chain.link()
    assert "foi eliminado" in told()


def test_an_end_that_is_taken_off_is_seen_by_whoever_kept_the_head(trail):
    kept = ["--kept", "5", AuditLink.objects.get(position=5).hash]
    call_command("audit_verify", *kept, stdout=io.StringIO())
    by_force(f"DELETE FROM {LINKS} WHERE position = 5", f"DELETE FROM {EVENTS} WHERE who = 'p4'")
    assert audit_chain.verify().faults == []
    assert "não tem mais o hash guardado" in told(*kept)
    assert "não é uma posição" in told("--kept", "x", "y")


def test_a_head_that_retention_took_is_no_fault(trail):
    kept = 5, AuditLink.objects.get(position=5).hash
    assert audit_chain.trim(timezone.now() - timedelta(days=2)) == 5
    assert audit_chain.verify(kept).faults == audit_chain.verify((3, "x")).faults == []
    assert audit_chain.verify((5, "x")).faults


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
    by_force(f"UPDATE {ANCHOR} SET position = 5, hash = '{last.hash}'")
    if emptied:
        sql(f"DELETE FROM {EVENTS}")
    assert "há elos: 5" in told()


def test_retention_that_comes_while_the_chain_is_verified_is_no_fault(trail, monkeypatch):
    read = audit_chain._linked_after

    def trimmed_meanwhile(position):
        if not position:
            audit_chain.trim(timezone.now() - timedelta(days=2))
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
    pk = AuditEvent.objects.latest("pk").pk
    for later in (10, 5):  # the transaction of the second one began first
        AuditEvent(pk=pk + later, action=ISSUED, who="younger", at=timezone.now()).save()
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
