"""What tells open streams that access changed, and what wakes whom."""

import asyncio
from datetime import UTC, datetime

import pytest
from django.contrib.auth import authenticate
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notificacao import audiences, changes, wakes
from notificacao.doorbells import Doorbell
from notificacao.models import BenefitType, BreakerState, Membership, Person, Role, RolloutFlag, StreamChange, Unit
from tests.conftest import make_person
from tests.rows import write
from tests.touched import EVERYBODY, forget_changes, keys_to_renew, touched

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def bells():
    """`{topic: doorbell}` of both topics, in a loop that runs only while one asks."""
    loop = asyncio.new_event_loop()

    async def hang():
        return {topic: Doorbell(topic) for topic in (wakes.DISPATCHER, wakes.HUBS)}

    bells = loop.run_until_complete(hang())
    yield lambda: {topic for topic, bell in bells.items() if loop.run_until_complete(bell.wait(0))}
    for bell in bells.values():
        bell.close()
    loop.close()


@pytest.fixture
def after(bells, django_capture_on_commit_callbacks):
    """`after(work)`: whom `work` touched (usernames), and the topics that rang once it was committed."""

    def run(work):
        forget_changes()
        with django_capture_on_commit_callbacks(execute=True):
            work()
            assert bells() == set(), "nothing rings before the commit"
        return touched(), bells()

    return run


HUBS = {wakes.HUBS}
BOTH = {wakes.HUBS, wakes.DISPATCHER}


def test_a_membership_that_comes_touches_its_person_alone(after, ana, bia, cras_sul):
    assert after(lambda: Membership.objects.create(person=ana, role=Role.TECNICO, unit=cras_sul)) == ({"ana"}, HUBS)


def test_a_membership_that_ends_touches_its_person_and_renews_a_key(after, ana, bia, caio):
    assert after(ana.memberships.get().delete) == ({"ana"}, BOTH)
    assert keys_to_renew()


def test_memberships_deleted_by_a_queryset_touch_their_people(after, ana, bia, caio, cras_norte):
    assert after(Membership.objects.filter(unit=cras_norte).delete) == ({"ana", "bia"}, BOTH)


def test_saving_a_person_touches_them_alone(after, ana, bia):
    ana.first_name = "Ana"
    assert after(ana.save) == ({"ana"}, HUBS)


def test_who_is_made_inactive_is_touched_and_the_keys_of_all_that_they_heard_are_renewed(after, ana, bia, caio):
    ana.is_active = False
    assert after(ana.save) == ({"ana"}, BOTH)
    assert audiences.channel_for_user(ana) in keys_to_renew()


@pytest.mark.parametrize("fields", [["is_active"], ["password"], ["last_login", "is_active"]])
def test_saving_any_column_but_the_last_login_touches_the_person(fields, after, ana, bia):
    assert after(lambda: ana.save(update_fields=fields)) == ({"ana"}, HUBS)


def test_saving_the_last_login_alone_touches_nobody(after, ana):
    assert after(lambda: ana.save(update_fields=["last_login"])) == (set(), set())


def test_logging_in_touches_nobody(after, ana, client):
    assert after(lambda: client.force_login(ana)) == (set(), set())
    assert Person.objects.get(pk=ana.pk).last_login is not None


def test_checking_a_password_touches_nobody(after, ana):
    assert after(lambda: authenticate(username="ana", password="segredo-de-teste")) == (set(), set())


def test_a_new_person_needs_no_touch_since_nobody_streams_for_them_yet(after, ana):
    touched, rang = after(lambda: make_person("dora"))
    assert "ana" not in touched
    assert rang == set()


def test_logging_out_touches_the_person_alone(after, ana, bia, client):
    client.force_login(ana)
    assert after(client.logout) == ({"ana"}, HUBS)


def test_a_logout_touches_once_the_session_is_gone(ana, client, monkeypatch):
    left = []
    monkeypatch.setattr(changes, "of_access", lambda pks: left.append((list(pks), Session.objects.count())))
    client.force_login(ana)
    client.logout()
    assert left == [([ana.pk], 0)]


def test_logging_out_without_having_logged_in_touches_nobody(after, ana, client):
    assert after(client.logout) == (set(), set())


def structure_changes():
    def unit_comes(unit, benefit):
        Unit.objects.create(code="CRAS09", name="CRAS Novo", kind=Unit.Kind.CRAS)

    def unit_changes(unit, benefit):
        unit.save()

    def unit_goes(unit, benefit):
        Unit.objects.create(code="CRAS09", name="CRAS Novo", kind=Unit.Kind.CRAS).delete()

    def benefit_comes(unit, benefit):
        BenefitType.objects.create(slug="novo", name="Novo")

    def benefit_changes(unit, benefit):
        benefit.slug = "outro"
        benefit.save()

    def benefit_goes(unit, benefit):
        benefit.delete()

    def benefit_joins_unit(unit, benefit):
        unit.benefits.add(benefit)

    def unit_joins_benefit(unit, benefit):
        benefit.units.add(unit)

    def benefits_are_set(unit, benefit):
        unit.benefits.set([benefit])

    return [each for name, each in sorted(locals().items())]


@pytest.mark.parametrize("change", structure_changes(), ids=lambda change: change.__name__)
def test_a_change_of_units_or_benefits_touches_everybody_by_one_row(change, after, ana, cras_norte, aluguel_social):
    assert after(lambda: change(cras_norte, aluguel_social)) == ({EVERYBODY}, HUBS)
    assert StreamChange.objects.filter(person_id=None, kind="access").exists()


@pytest.mark.parametrize("leave", ["remove", "clear"])
def test_taking_benefits_from_a_unit_touches_everybody(leave, after, ana, cras_norte, aluguel_social):
    cras_norte.benefits.add(aluguel_social)
    arguments = [aluguel_social] if leave == "remove" else []
    assert after(lambda: getattr(cras_norte.benefits, leave)(*arguments)) == ({EVERYBODY}, HUBS)


def test_a_unit_that_goes_takes_its_memberships_and_touches_everybody(after, ana, bia, caio, cras_norte):
    lost = audiences.channel_for_unit(cras_norte)
    assert after(cras_norte.delete) == ({EVERYBODY, "ana", "bia"}, BOTH)
    assert keys_to_renew() == {lost}


def test_a_unit_that_goes_asks_as_little_for_many_members_as_for_few(ana, cras_norte, cras_sul):
    for number in range(30):
        make_person(f"pessoa{number}", Role.TECNICO, cras_norte)
    make_person("eva", Role.TECNICO, cras_sul)
    with CaptureQueriesContext(connection) as few:
        cras_sul.delete()
    with CaptureQueriesContext(connection) as many:
        cras_norte.delete()
    assert len(many) == len(few)


def test_saving_the_flag_wakes_dispatcher_and_hubs(after, ana):
    flag = RolloutFlag.objects.get(name="ably")
    flag.percent = 10
    assert after(flag.save) == (set(), BOTH)


def test_deleting_the_flag_wakes_dispatcher_and_hubs(after, ana):
    assert after(RolloutFlag.objects.get(name="ably").delete) == (set(), BOTH)


def test_saving_the_breaker_wakes_dispatcher_and_hubs(after, ana):
    assert after(BreakerState.objects.get(name="ably").save) == (set(), BOTH)


def test_a_notification_wakes_the_dispatcher_alone(after, ana):
    assert after(lambda: write("system:notifications")) == (set(), {wakes.DISPATCHER})
