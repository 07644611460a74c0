"""What is stored of a person is read out whole, and erased without a trace of their name."""

import io
import json

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from notificacao import audit, reading
from notificacao.models import AuditEvent, Notification, Opinion, Person, Receipt, Revocation, RoleHeld
from notificacao.rollout import survey
from notificacao.services import notify
from tests.stamping import stamp_all

NAMES = ("ana.ribeiro", "Ribeiro", "ana@example.com", "Somente para ela")


@pytest.fixture
def ana(ana):
    ana.username, ana.first_name, ana.last_name, ana.email = "ana.ribeiro", "Ana", "Ribeiro", "ana@example.com"
    ana.save()
    return ana


@pytest.fixture
def life(ana, bia, of_ana, norte, admin_user):
    """Ana's browser, after she was told, has read, has confirmed; what the admin did with her is in its history."""
    browser = Client()
    browser.force_login(ana)
    (own,) = notify([of_ana], title="Somente para ela", message="Ribeiro, venha.")
    (shared,) = notify([norte], title="Para a unidade", message="Reunião.", created_by=ana)
    stamp_all()
    for row in (own, shared):
        reading.mark_read(ana, row.public_id)
        reading.acknowledge(ana, row.public_id)
    reading.mark_read(bia, shared.public_id)
    survey.answer(ana, 4)
    survey.answer(bia, 2)
    audit.record(AuditEvent.Action.TOKEN_ISSUED, who=ana.public_id)
    LogEntry.objects.log_actions(admin_user.pk, [ana], CHANGE, "Ana Ribeiro")
    return browser


def run(command, *args) -> str:
    out = io.StringIO()
    call_command(command, *args, stdout=out)
    return out.getvalue()


def everything() -> str:
    """All that is in the database, as text."""
    found = []
    with connection.cursor() as cursor:
        for name in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{name}"')
            found += cursor.fetchall()
    return str(found)


def test_the_export_has_the_person_and_what_they_got_read_and_sent(life, ana):
    found = json.loads(run("person_export", "ana.ribeiro"))
    assert found["account"]["email"] == "ana@example.com"
    assert [(one["answer"], one["arm"]) for one in found["opinions"]] == [(4, "control")]
    assert "password" not in found["account"]
    assert [one["title"] for one in found["notifications"]] == ["Somente para ela"]
    assert all(one["formally_acknowledged_at"] for one in found["receipts"])
    assert found["held_a_role"]
    assert [len(found[name]) for name in ("memberships", "receipts", "sent", "sessions", "audit")] == [1, 2, 1, 1, 1]
    assert AuditEvent.objects.first().data == {"to": ana.public_id}


def test_without_yes_nothing_is_erased(life, ana):
    before = everything()
    assert "notifications: 1" in run("person_erase", "ana.ribeiro")
    assert everything() == before


def test_erased_is_erased_in_every_table(life, ana):
    assert all(name in everything() for name in NAMES)
    run("person_erase", "ana.ribeiro", "--yes")
    left = everything()
    assert [name for name in NAMES if name in left] == []


def test_what_was_theirs_is_gone_and_what_is_others_stays(life, ana, bia, norte):
    run("person_erase", "ana.ribeiro", "--yes")
    ana = Person.objects.get(pk=ana.pk)
    assert (ana.is_active, ana.memberships.count(), ana.read_marks.count()) == (False, 0, 0)
    assert not Receipt.objects.filter(person=ana).exists()
    assert list(RoleHeld.objects.values_list("person", flat=True)) == [bia.pk]
    assert Opinion.objects.get().person == bia
    assert Notification.objects.get().channel == norte
    assert reading.unread_of(bia) == 0


def test_their_logins_end_and_their_tokens_are_taken_back(life, ana, settings):
    settings.ABLY_API_KEY = "app.key:segredo"
    run("person_erase", "ana.ribeiro", "--yes")
    assert life.get("/api/v1/session/").status_code == 401
    assert Revocation.objects.filter(target__contains=ana.public_id).exists()


def test_the_audit_trail_goes_on_to_know_the_opaque_id(life, ana):
    run("person_erase", "ana.ribeiro", "--yes")
    assert AuditEvent.objects.filter(who=ana.public_id, action="token_issued").exists()
    erased = AuditEvent.objects.get(action="person_erased")
    assert (erased.who, erased.data) == ("manage.py", {"to": ana.public_id})


@pytest.mark.parametrize("command", ["person_export", "person_erase"])
def test_who_is_not_there_is_said_so(db, command):
    with pytest.raises(CommandError, match="Não há pessoa"):
        run(command, "ninguem")
