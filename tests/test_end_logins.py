"""`manage.py end_logins`: after it nothing that anybody holds of the site or of Ably opens anything."""

from io import StringIO

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command

from notificacao import access, audiences, changes, revocations, tokens
from notificacao.models import AuditEvent, Channel, Person, Revocation
from tests.stamping import number_changes

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def on_ably(settings):
    settings.ABLY_API_KEY = "semtas.local:" + "s" * 32


def end_logins(reason="Chave vazada"):
    out = StringIO()
    call_command("end_logins", reason=reason, stdout=out)
    return out.getvalue()


def test_everybody_has_to_log_in_again(client, ana):
    client.force_login(ana)
    assert client.get("/api/v1/session/").status_code == 200
    assert "Logins encerrados: 1." in end_logins()
    assert client.get("/api/v1/session/").status_code == 401
    assert not Session.objects.exists()


def test_tokens_are_asked_back_of_each_login_and_each_person_even_of_a_session_that_is_gone(client, ana, bia):
    client.force_login(ana)
    end_logins()
    kinds = [target.partition(":")[0] for target in Revocation.objects.values_list("target", flat=True)]
    assert sorted(kinds) == ["clientId"] * 2 + ["revocationKey"]
    assert {f"clientId:{audiences.client_id_for(each)}" for each in (ana, bia)} < set(
        Revocation.objects.values_list("target", flat=True)
    )


def test_the_tokens_that_a_process_keeps_are_not_given_again(ana):
    before = tokens.generate_token(Person.objects.get(pk=ana.pk), "sessao")
    end_logins()
    while rows := revocations.due():
        revocations.done(rows)
    issued = AuditEvent.objects.filter(action="token_issued")
    assert issued.count() == 1
    assert tokens.generate_token(Person.objects.get(pk=ana.pk), "sessao").capability == before.capability
    assert issued.count() == 2


def test_every_channel_has_another_key(ana):
    Channel.objects.create(name=audiences.channel_for_user(ana), key_epoch=7)
    end_logins()
    number_changes()
    assert Channel.objects.get(pk=audiences.channel_for_user(ana)).key_epoch == 8


def test_it_is_on_record_with_the_shell_it_came_from():
    end_logins("Chave vazada")
    begun, event = AuditEvent.objects.filter(action="tokens_revoked").order_by("pk")
    assert (begun.data["state"], event.data["state"]) == ("begun", "ended")
    assert (event.who, event.reason, event.data["logins"]) == ("manage.py", "Chave vazada", 0)
    assert "@" in event.data["console"]


def test_where_tokens_cannot_be_taken_back_it_says_so(settings):
    settings.ABLY_KEY_REVOCABLE = False
    assert "não podem ser retirados" in end_logins()


def test_it_wants_a_reason():
    with pytest.raises(CommandError, match="motivo"):
        end_logins(" ")


class Killed(BaseException):
    """Ends the command as a kill does: nothing of the transaction that is open is kept, and nobody handles it."""


@pytest.mark.parametrize("step", [(revocations, "ask"), (changes, "of_keys")])
def test_where_it_was_killed_in_the_middle_the_next_call_does_all_that_is_left(client, ana, bia, monkeypatch, step):
    for person in (ana, bia):
        Channel.objects.create(name=audiences.channel_for_user(person))
        client.force_login(person)
        client.cookies.clear()
    monkeypatch.setattr(access, "_BATCH", 1)
    module, name = step
    act, done = getattr(module, name), []

    def act_once(*asked):
        if done:
            raise Killed
        done.append(act(*asked))

    with monkeypatch.context() as patch:
        patch.setattr(module, name, act_once)
        with pytest.raises(Killed):
            end_logins()
    record = AuditEvent.objects.filter(action="tokens_revoked").order_by("pk")
    assert [event.data["state"] for event in record] == ["begun"]
    end_logins()
    assert [event.data["state"] for event in record.all()] == ["begun", "begun", "ended"]
    assert not Session.objects.exists()
    assert {f"clientId:{audiences.client_id_for(each)}" for each in (ana, bia)} < set(
        Revocation.objects.values_list("target", flat=True)
    )
    number_changes()
    assert set(Channel.objects.values_list("key_epoch", flat=True)) <= {2, 3}
