"""Producers and their keys in the admin: a key is shown once, changed for another, revoked; all of it on record."""

import re
from datetime import timedelta

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from rest_framework_api_key.models import APIKey

from notificacao.models import AuditEvent, Notification, Producer, ProducerKey
from tests.producers import System, make_key, make_producer, to
from tests.staff import complaints, make_staff, told

PRODUCERS, KEYS = "/admin/notificacao/producer/", "/admin/notificacao/producerkey/"
CODENAMES = [f"{act}_{noun}" for noun in ("producer", "producerkey") for act in ("view", "add", "change")]


@pytest.fixture
def dora(client, db):
    dora = make_staff("dora", *CODENAMES)
    client.force_login(dora)
    return dora


@pytest.fixture
def producer(ana):
    return make_producer()


OWN = {"own_password": "segredo-de-teste"}


def test_the_form_of_a_key_says_that_it_wants_ones_own_password_for_it(client, dora):
    assert "chave de um sistema" in client.get(f"{KEYS}add/").content.decode()


def ask_for_key(client, producer, own=OWN):
    until = timezone.localtime() + timedelta(days=90)
    fields = {"expiry_date_0": f"{until:%d/%m/%Y}", "expiry_date_1": f"{until:%H:%M:%S}"}
    return client.post(f"{KEYS}add/", {"producer": producer.pk, "name": "servidor", **fields, **own})


def act(client, action, *keys, own=OWN):
    chosen = {"action": action, "_selected_action": [key.pk for key in keys]}
    assert 'name="own_password"' in client.post(KEYS, chosen).content.decode()
    return client.post(KEYS, {**chosen, "confirmed": "Confirmar", **own}, follow=True)


def key_in(page):
    return re.search(r'<code id="key">([A-Za-z0-9.]{41})</code>', page.content.decode())[1]


def records():
    return list(AuditEvent.objects.order_by("pk").values_list("action", "who"))


def test_a_producer_is_made_with_a_scope_and_that_is_on_record(client, dora, cras_norte):
    scope = {"events": ["solicitacao.aprovada"], "kinds": ["alerta"], "to_units": "on", "units": [cras_norte.pk]}
    client.post(f"{PRODUCERS}add/", {"name": "Benefícios", "slug": "beneficios", "is_active": "on", **scope})
    made = Producer.objects.get()
    assert (made.events, made.kinds, list(made.units.all())) == (["solicitacao.aprovada"], ["alerta"], [cras_norte])
    assert (made.to_units, made.to_people, made.to_benefits, made.to_everybody) == (True, False, False, False)
    event = AuditEvent.objects.get()
    assert (event.action, event.who) == ("producer_changed", dora.public_id)
    assert event.data == {
        "producer": "beneficios",
        "units": ["CRAS01"],
        "events": ["solicitacao.aprovada"],
        "kinds": ["alerta"],
        "to_units": True,
    }


def test_a_scope_of_unknown_words_is_refused(client, dora):
    client.post(f"{PRODUCERS}add/", {"name": "X", "slug": "x", "events": ["festa.junina"], "kinds": ["festa"]})
    assert not Producer.objects.exists()


def test_a_new_key_is_shown_once_and_it_is_good(client, dora, producer):
    page = ask_for_key(client, producer)
    key = key_in(page)
    assert "no-store" in page["Cache-Control"]
    assert System(producer, key).post(to(people=["ana"])).status_code == 201
    row = ProducerKey.objects.get()
    assert key.startswith(row.prefix)
    for address in (KEYS, reverse("admin:notificacao_producerkey_change", args=[row.pk]), "/admin/"):
        page = client.get(address, follow=True).content.decode()
        assert key not in page
        assert row.hashed_key not in page
    assert row.prefix in client.get(KEYS).content.decode()
    issued = AuditEvent.objects.get(action="key_issued")
    assert (issued.who, issued.data["key"], issued.data["producer"]) == (dora.public_id, row.prefix, "beneficios")
    assert key.partition(".")[2] not in str(issued.data)


def test_a_key_is_changed_for_another_and_both_are_good_for_a_week(client, dora, producer):
    old = System(producer)
    row = ProducerKey.objects.get()
    new = System(producer, key_in(act(client, "rotate", row)))
    assert [s.post(to(people=["ana"])).status_code for s in (old, new)] == [201, 201]
    row.refresh_from_db()
    assert timedelta(days=6, hours=23) < row.expiry_date - timezone.now() <= timedelta(days=7)
    assert ProducerKey.objects.exclude(pk=row.pk).get().expiry_date - timezone.now() > timedelta(days=29)
    assert records()[0] == ("key_issued", dora.public_id)


def test_a_key_that_ends_sooner_than_in_a_week_is_not_made_to_live_longer(client, dora, producer):
    tomorrow = timezone.now() + timedelta(days=1)
    make_key(producer, expiry_date=tomorrow)
    row = ProducerKey.objects.get()
    act(client, "rotate", row)
    row.refresh_from_db()
    assert row.expiry_date == tomorrow


def test_one_key_at_a_time_is_changed_for_another(client, dora, producer):
    for _ in range(2):
        make_key(producer)
    page = act(client, "rotate", *ProducerKey.objects.all())
    assert told(page) == ["Escolha uma única chave que não esteja revogada."]
    assert ProducerKey.objects.count() == 2


def test_a_revoked_key_is_worth_nothing_from_the_next_request_on(client, dora, producer):
    system = System(producer)
    for _ in range(2):
        act(client, "revoke", ProducerKey.objects.get())
    assert system.post(to(people=["ana"])).status_code == 401
    assert not Notification.objects.exists()
    assert records() == [("key_revoked", dora.public_id), ("producer_refused", "")]


@pytest.mark.parametrize("without", ["add_producerkey", "change_producerkey"])
def test_who_lacks_the_permission_neither_issues_nor_revokes(client, producer, without):
    client.force_login(make_staff("eva", *(name for name in CODENAMES if name != without)))
    make_key(producer)
    row = ProducerKey.objects.get()
    if without == "add_producerkey":
        assert ask_for_key(client, producer).status_code == 403
    action = "rotate" if without == "add_producerkey" else "revoke"
    client.post(KEYS, {"action": action, "_selected_action": [row.pk], "confirmed": "Confirmar", **OWN})
    assert ProducerKey.objects.get().revoked is False
    assert not AuditEvent.objects.exclude(action=AuditEvent.Action.ACCESS_DENIED).exists()


@pytest.mark.parametrize("address", [PRODUCERS, KEYS])
def test_producers_and_keys_are_never_deleted(admin_client, producer, address):
    make_key(producer)
    for row in (producer, ProducerKey.objects.get()):
        assert admin_client.post(f"{address}{row.pk}/delete/", {"post": "yes"}).status_code in (302, 403, 404)
    assert (Producer.objects.count(), ProducerKey.objects.count()) == (1, 1)


def test_the_packages_own_keys_are_not_in_the_admin():
    assert not admin.site.is_registered(APIKey)


def test_a_notification_tells_which_system_sent_it(admin_client, producer):
    System(producer).post(to(people=["ana"]))
    row = Notification.objects.get()
    assert "Beneficios" in admin_client.get(f"/admin/notificacao/notification/{row.pk}/change/").content.decode()


def test_of_more_than_fifty_keys_it_is_asked_first_and_said_how_many_are_revoked(client, dora, producer):
    for _ in range(51):
        make_key(producer)
    keys = ProducerKey.objects.all()
    chosen = {"action": "revoke", "_selected_action": [key.pk for key in keys]}
    page = client.post(KEYS, chosen).content.decode()
    assert "Revogar: 51 chaves de produtores." in page
    one = client.post(KEYS, {**chosen, "_selected_action": [keys[0].pk]}).content.decode()
    assert "Revogar: 1 chave de produtor." in one
    assert page.count('name="_selected_action"') == 51
    assert not ProducerKey.objects.filter(revoked=True).exists()
    assert (
        "51 chaves não valem mais."
        in client.post(KEYS, {**chosen, "confirmed": "Confirmar", **OWN}, follow=True).content.decode()
    )
    assert ProducerKey.objects.filter(revoked=True).count() == 51


@pytest.mark.parametrize("own", [{}, {"own_password": "errada"}])
def test_no_key_is_issued_changed_or_revoked_without_ones_own_password(client, dora, producer, own):
    System(producer)
    row = ProducerKey.objects.get()
    assert complaints(ask_for_key(client, producer, own))
    for action in ("rotate", "revoke"):
        assert "digite a sua própria senha" in act(client, action, row, own=own).content.decode()
    row.refresh_from_db()
    assert (ProducerKey.objects.count(), row.revoked) == (1, False)
    assert not AuditEvent.objects.filter(action__startswith="key_").exists()
