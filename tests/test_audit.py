"""The audit trail: written once, by one way, and nobody can fill the disk with it."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from notificacao import audit, audit_chain, retention
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


def test_the_table_itself_refuses_to_change_what_is_written(event):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        QuerySet(AuditEvent).update(who="bia")
    assert AuditEvent.objects.get().who == "ana"


@pytest.mark.parametrize(("days", "kept"), [(10, 1), (0, 2)])
def test_retention_takes_what_is_older_than_its_days_and_nothing_at_0(db, settings, days, kept):
    AuditEvent.objects.create(action=ISSUED, at=timezone.now() - timedelta(days=11))
    audit.record(ISSUED, who="ana")
    audit_chain.link()
    settings.AUDIT_RETENTION_DAYS = days
    retention.clear_the_rest()
    assert AuditEvent.objects.count() == kept


def test_a_command_is_on_record_by_its_user_and_machine(monkeypatch):
    monkeypatch.setattr(audit.platform, "node", lambda: "web-1")
    monkeypatch.setattr(audit.getpass, "getuser", lambda: "deploy")
    assert audit.this_console() == "deploy@web-1"


@pytest.mark.parametrize("error", [KeyError, OSError])  # up to Python 3.12, and from 3.13 on
def test_where_its_user_has_no_name_the_machine_is_enough(monkeypatch, error):
    def nameless():
        raise error("getpwuid(): uid not found: 1000")

    monkeypatch.setattr(audit.platform, "node", lambda: "web-1")
    monkeypatch.setattr(audit.getpass, "getuser", nameless)
    assert audit.this_console() == "web-1"


# --- As a table


def cells(table: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(table)))


def test_a_table_has_a_line_for_each_event(event):
    head, line = cells("".join(audit.as_csv([event])))
    assert head == ["at", "action", "who", "ip", "reason", "data"]
    assert line == [event.at.isoformat(), "token_issued", "ana", "10.0.0.1", "", '{"channels": ["a"]}']


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_cell_is_a_formula(db, formula):
    audit.record(REFUSED, who=formula, reason=formula)
    line = cells("".join(audit.as_csv(AuditEvent.objects.all())))[1]
    assert line[2] == line[4] == f"'{formula}"


@pytest.mark.parametrize("formula", ["a;=1+1", 'a; "=1+1', "a;\n@SUM(A1)", "a;;-1"])
def test_nor_is_any_where_a_semicolon_ends_a_cell(db, formula):
    audit.record(REFUSED, reason=formula, told=formula)
    text = "".join(audit.as_csv(AuditEvent.objects.all()))
    assert json.loads(cells(text)[1][5]) == {"told": formula}
    assert not re.search(r';[\s"]*[=+@-]', text)


def test_quotes_commas_and_lines_stay_in_their_cell(db):
    audit.record(REFUSED, reason='a","b\nc')
    assert cells("".join(audit.as_csv(AuditEvent.objects.all())))[1][4] == 'a","b\nc'


def test_the_command_writes_what_was_asked_for_and_is_on_record(event):
    audit.record(REFUSED, who="bia")
    out = io.StringIO()
    call_command("audit_export", action="token_refused", stdout=out)
    assert [line[2] for line in cells(out.getvalue())[1:]] == ["bia"]
    assert AuditEvent.objects.first().action == "audit_exported"


def test_the_command_takes_whole_days(event):
    AuditEvent.objects.create(action=ISSUED, who="antiga", at=datetime(2026, 1, 2, 23, 59, tzinfo=UTC))
    out = io.StringIO()
    call_command("audit_export", "--since", "2026-01-02", "--until", "2026-01-02", stdout=out)
    assert [line[2] for line in cells(out.getvalue())[1:]] == ["antiga"]
