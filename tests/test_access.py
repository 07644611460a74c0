"""Who loses something by a change loses their tokens, and what they lost gets another key: in one transaction."""

from collections.abc import Callable, Iterator

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.db import connection, transaction

from notificacao import access, audiences
from notificacao.models import (
    AuditEvent,
    BenefitType,
    BreakerState,
    Channel,
    Membership,
    Person,
    Revocation,
    Role,
    RolloutFlag,
    Unit,
)
from notificacao.revocations import of_login, of_person
from notificacao.stream import authorisation
from tests.conftest import make_person
from tests.stamping import number_changes


@pytest.fixture(autouse=True)
def revocable(settings):
    settings.ABLY_API_KEY = "semtas.local:" + "s" * 32


def revoked():
    return {row.target for row in Revocation.objects.all()}


def tokens_of(*people):
    return {of_person(person.public_id) for person in people}


def renewed():
    """The channels that have another key than the first, once the dispatcher has looked."""
    number_changes()
    return set(Channel.objects.filter(key_epoch__gt=1, key_renewed_at__isnull=False).values_list("name", flat=True))


# --- What takes something away


def test_who_leaves_a_unit_loses_their_tokens_and_the_unit_gets_another_key(ana, bia, norte):
    ana.memberships.get().delete()
    assert (revoked(), renewed()) == (tokens_of(ana), {norte})


def test_who_is_made_inactive_loses_their_tokens_and_all_they_heard_gets_other_keys(ana, norte):
    ana.is_active = False
    ana.save()
    assert revoked() == tokens_of(ana)
    assert renewed() == {norte, audiences.channel_for_user(ana), audiences.SYSTEM_CHANNEL}


def test_a_new_password_ends_every_token_and_changes_no_key(ana):
    ana.set_password("outro-segredo")
    ana.save()
    assert (revoked(), renewed()) == (tokens_of(ana), set())


def test_who_is_deleted_loses_their_tokens(ana, norte):
    lost = tokens_of(ana)
    ana.delete()
    assert revoked() == lost
    assert norte in renewed()


def test_memberships_deleted_by_a_queryset_take_the_tokens_of_all_their_people(ana, bia, caio, norte, cras_norte):
    Membership.objects.filter(unit=cras_norte).delete()
    assert (revoked(), renewed()) == (tokens_of(ana, bia), {norte})


def test_a_unit_that_goes_takes_the_tokens_of_its_people_and_of_who_hears_every_unit(ana, bia, caio, cras_norte):
    gestora = make_person("gestora", Role.GESTOR)
    cras_norte.delete()
    assert revoked() == tokens_of(ana, bia, gestora)


@pytest.mark.parametrize("leave", ["remove", "clear", "from the other side", "set"])
def test_a_unit_that_handles_a_benefit_no_more_takes_the_tokens_of_its_coordinators(
    ana, cras_norte, aluguel_social, leave
):
    cras_norte.benefits.add(aluguel_social)
    coordinator = make_person("coord", Role.COORDENADOR, cras_norte)
    make_person("gestora", Role.GESTOR)
    match leave:
        case "remove":
            cras_norte.benefits.remove(aluguel_social)
        case "clear":
            cras_norte.benefits.clear()
        case "from the other side":
            aluguel_social.units.remove(cras_norte)
        case "set":
            cras_norte.benefits.set([])
    assert (revoked(), renewed()) == (tokens_of(coordinator), {audiences.channel_for_benefit(aluguel_social)})


def test_a_benefit_that_goes_takes_the_tokens_of_who_heard_of_it(ana, aluguel_social):
    gestora = make_person("gestora", Role.GESTOR)
    aluguel_social.delete()
    assert revoked() == tokens_of(gestora)


def test_a_logout_takes_the_tokens_of_that_login_alone(ana, client):
    client.force_login(ana)
    first = client.session.session_key
    client.logout()
    client.force_login(ana)
    assert revoked() == {of_login(first)}


def test_a_session_without_a_login_has_no_tokens_to_take(client, db):
    client.session.save()
    Session.objects.get().delete()
    assert revoked() == set()


# --- What takes nothing away


@pytest.mark.parametrize(
    "change",
    [
        lambda ana, unit, benefit: make_person("dora", Role.TECNICO, unit),
        lambda ana, unit, benefit: Membership.objects.create(person=ana, role=Role.GESTOR),
        lambda ana, unit, benefit: ana.memberships.get().save(),
        lambda ana, unit, benefit: ana.save(),
        lambda ana, unit, benefit: unit.benefits.add(benefit),
        lambda ana, unit, benefit: unit.save(),
        lambda ana, unit, benefit: Unit.objects.create(code="CRAS09", name="CRAS Novo"),
        lambda ana, unit, benefit: BenefitType.objects.create(slug="passagem", name="Passagem"),
    ],
)
def test_who_loses_nothing_keeps_tokens_and_keys(change, ana, bia, cras_norte, aluguel_social):
    change(ana, cras_norte, aluguel_social)
    assert (revoked(), renewed()) == (set(), set())


def test_who_leaves_a_unit_and_still_hears_it_otherwise_keeps_tokens_and_keys(ana, cras_norte):
    Membership.objects.create(person=ana, role=Role.GESTOR)
    ana.memberships.get(role=Role.TECNICO).delete()
    assert (revoked(), renewed()) == (set(), set())


def test_who_was_inactive_has_nothing_left_to_lose(ana):
    ana.is_active = False
    ana.save()
    Revocation.objects.all().delete()
    ana.memberships.get().delete()
    assert revoked() == set()


@pytest.mark.parametrize("why", ["no key", "a key whose tokens cannot be revoked"])
def test_where_nothing_can_be_revoked_nothing_is_asked_and_the_key_still_changes(ana, norte, settings, why):
    if why == "no key":
        settings.ABLY_API_KEY = ""
    else:
        settings.ABLY_KEY_REVOCABLE = False
    ana.memberships.get().delete()
    assert (revoked(), renewed()) == (set(), {norte})


# --- With the change, or not at all


@pytest.mark.parametrize("what", ["leave", "inactive"])
def test_a_change_that_was_rolled_back_takes_nothing(ana, what):
    with transaction.atomic():
        change(ana, what)
        assert revoked() == tokens_of(ana)
        transaction.set_rollback(True)
    assert (revoked(), renewed()) == (set(), set())


class Interrupted(Exception):
    """A process that dies before the commit."""


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("what", ["leave", "inactive", "logout"])
def test_a_change_whose_revocation_cannot_be_written_is_not_written_either(ana, client, what, monkeypatch):
    client.force_login(ana)

    def die(*args):
        raise Interrupted

    monkeypatch.setattr(access.revocations, "ask", die)
    with pytest.raises(Interrupted):
        client.logout() if what == "logout" else change(ana, what)
    assert Person.objects.get().is_active
    assert Membership.objects.get().unit.code == "CRAS01"
    assert Session.objects.count() == 1


def change(person, what):
    membership = person.memberships.get()
    match what:
        case "leave":
            membership.delete()
        case "inactive":
            person.is_active = False
            person.save()


# --- Keys


def test_each_renewal_is_another_epoch(ana, bia, norte):
    for person in (ana, bia):
        person.memberships.get().delete()
        number_changes()
    assert Channel.objects.get(pk=norte).key_epoch == 3


def test_those_who_leave_together_renew_the_key_once(ana, bia, norte):
    for person in (ana, bia):
        person.memberships.get().delete()
    number_changes()
    assert Channel.objects.get(pk=norte).key_epoch == 2


def test_a_channel_on_which_nothing_was_ever_sent_gets_another_key_too(ana, norte):
    assert not Channel.objects.filter(pk=norte).exists()
    ana.memberships.get().delete()
    number_changes()
    assert Channel.objects.get(pk=norte).key_epoch == 2
    assert Channel.objects.get(pk=norte).head == 0


def test_a_renewal_leaves_the_head_alone(ana, norte):
    Channel.objects.create(name=norte, head=17)
    ana.memberships.get().delete()
    number_changes()
    assert Channel.objects.get(pk=norte).head == 17


# --- What is taken away while somebody asks


@pytest.fixture
def on_ably(db):
    BreakerState.objects.filter(pk="ably").update(state="closed")
    RolloutFlag.objects.filter(name="ably").update(everyone=True)


def lose(person, what):
    """Take it away, and renew the keys as the dispatcher does once that is committed."""
    match what:
        case "membership":
            person.memberships.get().delete()
        case "account":
            person = Person.objects.get(pk=person.pk)
            person.is_active = False
            person.save(update_fields=["is_active"])
        case "login":
            access.end_all_logins("test", "test")
    assert number_changes()


def asking(client, method, url):
    """Ask with the same cookie each time: an answer to whose login has ended takes it away."""
    cookie = client.session.session_key

    def ask():
        client.cookies["sessionid"] = cookie
        return getattr(client, method)(url)

    return ask


LOSSES = pytest.mark.parametrize("what", ["membership", "account", "login"])


def interrupted(ask: Callable, interruption: Callable) -> Iterator:
    """Yield each answer to `ask` where `interruption` comes between two of its statements; all is undone after each."""
    place = interrupting = 0
    while True:
        left = place

        def interrupt_in_time(execute, *statement):
            nonlocal left, interrupting
            if not interrupting:
                left -= 1
                if left == -1:
                    interrupting = True
                    interruption()
                    interrupting = False
            return execute(*statement)

        with transaction.atomic():
            with connection.execute_wrapper(interrupt_in_time):
                answer = ask()
            if left >= 0:
                return
            yield answer
            transaction.set_rollback(True)
        caches["tokens"].clear()
        place += 1


@pytest.mark.slow
@LOSSES
def test_a_loss_between_two_statements_of_the_session_gives_nobody_a_key_that_is_new(as_ana, ana, on_ably, what):
    epochs = set()
    for answer in interrupted(asking(as_ana, "get", "/api/v1/session/?ed25519=true"), lambda: lose(ana, what)):
        if answer.status_code == 200:
            epochs |= {channel["key_epoch"] for channel in answer.json()["channels"]}
    assert epochs == {1}


@LOSSES
def test_a_loss_between_two_statements_of_the_stream_gives_nobody_a_key_that_is_new(as_ana, ana, norte, what):
    Channel.objects.create(name=norte)
    login = as_ana.session.session_key
    places = 0
    for keys in interrupted(lambda: authorisation.keys_of([norte], [ana.pk], [login]), lambda: lose(ana, what)):
        places += 1
        may_have = norte in keys.permitted.get(ana.pk, {}) and login in keys.logins
        assert keys.channels[norte].key_epoch == 1 or not may_have
    assert places > 3


def test_an_end_of_the_login_between_two_statements_gives_nobody_a_token_that_is_younger(as_ana, ana, on_ably):
    issued_before = []

    def end():
        issued_before.append(AuditEvent.objects.filter(action=AuditEvent.Action.TOKEN_ISSUED).exists())
        Session.objects.all().delete()

    answers = [answer.status_code for answer in interrupted(asking(as_ana, "post", "/api/v1/ably/token/"), end)]
    assert 200 in answers
    assert [code for code, before in zip(answers, issued_before, strict=False) if not before and code == 200] == []
