"""The audit trail in the admin: found by person, read by whoever may, changed by nobody."""

import csv
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.urls import reverse
from django.utils import timezone

from notificacao import audit, audit_chain, retention
from notificacao.admin import csv_file
from notificacao.models import AuditEvent

LIST = reverse("admin:notificacao_auditevent_changelist")


def pieces_of(answer, meanwhile=lambda: None):
    """What comes of a file; `meanwhile` is called once after its first line has come."""

    async def read():
        pieces = []
        async for piece in answer:
            pieces.append(piece.decode())
            if len(pieces) == 2:
                await sync_to_async(meanwhile)()
        return pieces

    return async_to_sync(read)()


@pytest.fixture
def events(ana, bia):
    audit.record(AuditEvent.Action.TOKEN_ISSUED, who=ana.public_id, ip="10.0.0.1", channels=["system:notifications"])
    audit.record(AuditEvent.Action.TOKEN_REFUSED, who=bia.public_id, ip="10.0.0.2", reason="throttled")
    audit.record(AuditEvent.Action.TOKEN_REFUSED, ip="10.0.0.3", reason="not_authenticated")


def test_the_list_tells_what_happened_to_whom(admin_client, events):
    page = admin_client.get(LIST).content.decode()
    for text in ("Token do Ably emitido", "Token do Ably recusado", "ana", "10.0.0.3", "throttled"):
        assert text in page


@pytest.mark.parametrize(("asked", "ips"), [("ana", {"10.0.0.1"}), ("10.0.0.2", {"10.0.0.2"}), ("caio", set())])
def test_an_event_is_found_by_username_and_by_address(admin_client, events, asked, ips):
    found = admin_client.get(LIST, {"q": asked}).context["cl"].queryset
    assert {event.ip for event in found} == ips


def test_an_event_is_found_by_the_persons_id(admin_client, events, ana):
    found = admin_client.get(LIST, {"q": ana.public_id}).context["cl"].queryset
    assert [event.who for event in found] == [ana.public_id]


def test_an_event_is_read_and_neither_changed_nor_deleted_nor_added(admin_client, events):
    event = AuditEvent.objects.first()
    change = reverse("admin:notificacao_auditevent_change", args=[event.pk])
    assert admin_client.get(change).status_code == 200
    assert admin_client.post(change, {"who": "outra"}).status_code == 403
    assert admin_client.post(reverse("admin:notificacao_auditevent_delete", args=[event.pk])).status_code == 403
    assert admin_client.get(reverse("admin:notificacao_auditevent_add")).status_code == 403
    assert AuditEvent.objects.exclude(action="access_denied").count() == 3


def test_who_may_not_view_it_sees_nothing_of_it(client, events, ana):
    ana.is_staff = True
    ana.save()
    client.force_login(ana)
    assert client.get(LIST).status_code == 403


def test_it_is_exported_as_a_table_and_that_is_on_record(admin_client, admin_user, events):
    refused = AuditEvent.objects.filter(action="token_refused").values_list("pk", flat=True)
    answer = admin_client.post(LIST, {"action": "export", "_selected_action": list(refused)})
    assert answer["Content-Type"].startswith("text/csv")
    assert "no-store" in answer["Cache-Control"]
    table = "".join(pieces_of(answer))
    assert table.startswith('\ufeff"at"')
    assert table.count('"token_refused"') == 2
    assert '"token_issued"' not in table
    event = AuditEvent.objects.first()
    assert (event.action, event.who, event.data) == ("audit_exported", admin_user.public_id, {"events": 2})


def test_an_export_goes_out_while_it_is_read(admin_client, monkeypatch):
    """What retention takes meanwhile does not come: it was not read before the first line went out."""
    monkeypatch.setattr(audit, "_BATCH", 2)
    monkeypatch.setattr(csv_file, "_PIECE", 1)
    long_ago = timezone.now() - timedelta(days=9_000)
    for name, at in [("antiga", long_ago), ("ana", timezone.now()), ("bia", timezone.now()), ("caio", timezone.now())]:
        AuditEvent.objects.create(action="token_issued", who=name, at=at)
    audit_chain.link()
    answer = admin_client.post(LIST, {"action": "export", "_selected_action": [0], "select_across": 1})
    pieces = pieces_of(answer, meanwhile=retention.clear_the_rest)
    assert [next(csv.reader([piece]))[2] for piece in pieces[1:]] == ["who", "caio", "bia", "ana"]
    assert AuditEvent.objects.first().data == {"events": 4}
