"""Permissions × operations of the staff's pages: what each permission opens alone, and that nothing else opens it."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from notificacao import audiences, audit
from notificacao.models import (
    AuditEvent,
    BreakerState,
    CostGovernor,
    DispatchState,
    Membership,
    Notification,
    Person,
    Producer,
    ProducerKey,
    Role,
    RolloutEvent,
    RolloutFlag,
)
from notificacao.rollout import plan as rollout_plan
from tests.attacks.test_forgery import addresses
from tests.conftest import make_person
from tests.producers import make_key, make_producer
from tests.rows import write_stamped
from tests.staff import make_staff

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
OWN = {"own_password": "segredo-de-teste"}
LISTS = "/admin/notificacao"


@pytest.fixture
def house(ana, cras_norte):
    """Something for each operation to be tried on."""
    failed = write_stamped(7, audiences.channel_for_user(ana), dispatch_state=DispatchState.FAILED)
    audit.record(AuditEvent.Action.TOKEN_ISSUED, who="ana")
    producer = make_producer()
    make_key(producer)
    return SimpleNamespace(
        ana=ana,
        unit=cras_norte,
        failed=failed,
        producer=producer,
        key=ProducerKey.objects.get(),
        flag=RolloutFlag.objects.get(name="ably"),
    )


# --- Operations: `(browser, house) → whether it was done`


def shows(address: str) -> Callable[[Client, SimpleNamespace], bool]:
    return lambda browser, house: browser.get(address.format(**vars(house))).status_code == 200


def export(browser, house) -> bool:
    chosen = list(AuditEvent.objects.values_list("pk", flat=True))
    browser.post(f"{LISTS}/auditevent/", {"action": "export", "_selected_action": chosen})
    return AuditEvent.objects.filter(action="audit_exported").exists()


def force(browser, house) -> bool:
    browser.post(f"{LISTS}/breakerstate/ably/change/", {"forced": "open"})
    return BreakerState.objects.get(pk="ably").forced == "open"


def switch_the_governor(browser, house) -> bool:
    browser.post(f"{LISTS}/costgovernor/", {"mode": "on", "reason": "Semana 1"})
    return CostGovernor.objects.filter(mode="on").exists()


def turn(browser, house) -> bool:
    fields = {"percent": "0", "everyone": "false", "note": "Desligada", "seen": house.flag.modified.isoformat()}
    browser.post(f"{LISTS}/rolloutflag/{house.flag.pk}/change/", fields)
    return RolloutFlag.objects.get(pk=house.flag.pk).everyone is False


def conduct(browser, house) -> bool:
    asked = {"act": "start", "version": rollout_plan.newest().version, "reason": "Semana 1"}
    browser.post(f"{LISTS}/rolloutplan/", asked)
    return RolloutEvent.objects.filter(action="start").exists()


def send(browser, house) -> bool:
    content = {"title": "Composta", "message": "m", "kind": "sistema", "priority": "normal", "unit": house.unit.pk}
    browser.post(f"{LISTS}/notification/add/", content)
    return Notification.objects.filter(title="Composta").exists()


def send_personal_data(browser, house) -> bool:
    content = {"title": "CPF 529.982.247-25", "message": "m", "kind": "sistema", "priority": "normal"}
    more = {"unit": house.unit.pk, "personal_data": "on"}
    browser.post(f"{LISTS}/notification/add/", content | more)
    return Notification.objects.filter(title__contains="529").exists()


def send_again(browser, house) -> bool:
    browser.post(f"{LISTS}/notification/{house.failed.pk}/send-again/")
    return Notification.objects.get(pk=house.failed.pk).dispatch_state == DispatchState.PENDING


def make_person_a_member(browser, house) -> bool:
    asked = {"person": house.ana.pk, "role": Role.AUDITOR, "unit": ""}
    browser.post(f"{LISTS}/membership/add/", asked)
    return house.ana.memberships.filter(role=Role.AUDITOR).exists()


def end_a_membership(browser, house) -> bool:
    membership = house.ana.memberships.get(role=Role.TECNICO)
    browser.post(f"{LISTS}/membership/{membership.pk}/delete/", {"post": "yes"})
    return not Membership.objects.filter(pk=membership.pk).exists()


def set_a_password(browser, house) -> bool:
    fields = {"password1": "outra-senha-de-teste", "password2": "outra-senha-de-teste", "usable_password": "true"}
    fields |= {"set-password": "1", "own_password": "segredo-de-teste"}
    browser.post(f"{LISTS}/person/{house.ana.pk}/password/", fields)
    return Person.objects.get(pk=house.ana.pk).check_password("outra-senha-de-teste")


def widen_a_scope(browser, house) -> bool:
    fields = {"name": "Benefícios", "is_active": "on", "kinds": ["alerta"]}
    browser.post(f"{LISTS}/producer/{house.producer.pk}/change/", fields)
    return Producer.objects.get(pk=house.producer.pk).kinds == ["alerta"]


def make_a_producer(browser, house) -> bool:
    browser.post(f"{LISTS}/producer/add/", {"name": "Outro", "slug": "outro", "is_active": "on"})
    return Producer.objects.filter(slug="outro").exists()


def issue_a_key(browser, house) -> bool:
    fields = {"producer": house.producer.pk, "name": "b", "expiry_date_0": "01/01/2090", "expiry_date_1": "00:00:00"}
    browser.post(f"{LISTS}/producerkey/add/", fields | OWN)
    return ProducerKey.objects.count() > 1


def revoke_a_key(browser, house) -> bool:
    chosen = {"action": "revoke", "_selected_action": [house.key.pk], "confirmed": "Confirmar"}
    browser.post(f"{LISTS}/producerkey/", chosen | OWN)
    return ProducerKey.objects.get(pk=house.key.pk).revoked


OPERATIONS: dict[str, Callable[[Client, SimpleNamespace], bool]] = {
    "see the alerts": shows(f"{LISTS}/alert/"),
    "see the audit": shows(f"{LISTS}/auditevent/"),
    "export the audit": export,
    "see the breaker": shows(f"{LISTS}/breakerstate/"),
    "force the breaker": force,
    "see the cost": shows(f"{LISTS}/costgovernor/"),
    "download the cost": shows(f"{LISTS}/costgovernor/csv/"),
    "switch the cost's governor": switch_the_governor,
    "see the flag": shows(f"{LISTS}/rolloutflag/"),
    "see the plan": shows(f"{LISTS}/rolloutplan/"),
    "see the plan by the API": shows("/api/v1/rollout/"),
    "conduct the plan": conduct,
    "turn the flag": turn,  # after the plan began: it ends that
    "see notifications": shows(f"{LISTS}/notification/"),
    "see one notification": shows(LISTS + "/notification/{failed.pk}/change/"),
    "ask why somebody has it or not": shows(LISTS + "/notification/why/?person=ana"),
    "see how far it came": shows(LISTS + "/notification/{failed.pk}/reach/"),
    "see the form to compose": shows(f"{LISTS}/notification/add/"),
    "compose": send,
    "compose with personal data": send_personal_data,
    "send again": send_again,
    "see who listens": shows(f"{LISTS}/activechannel/"),
    "see who listens by the API": shows("/api/v1/ably/channels/"),
    "see who is connected": shows(f"{LISTS}/connection/"),
    "read the runbook": shows("/admin/plantao/"),
    "see the goals": shows(f"{LISTS}/figureminute/"),
    "see people": shows(f"{LISTS}/person/"),
    "set a password": set_a_password,
    "see units": shows(f"{LISTS}/unit/"),
    "see memberships": shows(f"{LISTS}/membership/"),
    "give a membership": make_person_a_member,
    "end a membership": end_a_membership,
    "see producers": shows(f"{LISTS}/producer/"),
    "make a producer": make_a_producer,
    "widen a producer's scope": widen_a_scope,
    "see keys": shows(f"{LISTS}/producerkey/"),
    "issue a key": issue_a_key,
    "revoke a key": revoke_a_key,
}
_NOTIFICATIONS = {"see notifications", "see one notification", "see how far it came", "ask why somebody has it or not"}
_PLAN = {"see the plan", "see the plan by the API"}
OPENS: dict[tuple[str, ...], set[str]] = {
    ("view_alert",): {"see the alerts", "read the runbook"},
    ("view_auditevent",): {"see the audit", "export the audit"},
    ("view_breakerstate",): {"see the breaker"},
    ("force_breaker",): {"see the breaker", "force the breaker", "read the runbook"},
    ("view_costgovernor",): {"see the cost", "download the cost"},
    ("change_costgovernor",): {"see the cost", "download the cost"},
    ("govern_cost",): set(),
    ("view_costgovernor", "govern_cost"): {"see the cost", "download the cost", "switch the cost's governor"},
    ("view_rolloutflag",): {"see the flag"},
    ("change_rolloutflag",): {"see the flag", "turn the flag"},
    ("view_rolloutplan",): _PLAN,
    ("run_rollout",): {"read the runbook"},
    ("view_rolloutplan", "run_rollout"): _PLAN | {"conduct the plan", "read the runbook"},
    ("view_notification",): _NOTIFICATIONS,
    ("change_notification",): _NOTIFICATIONS | {"send again"},
    ("add_notification",): {"see the form to compose", "compose"},
    ("send_personal_data",): set(),
    ("add_notification", "send_personal_data"): {
        "see the form to compose",
        "compose",
        "compose with personal data",
    },
    ("view_activechannel",): {"see who listens", "see who listens by the API"},
    ("view_connection",): {"see who is connected", "read the runbook"},
    ("change_figureminute",): {"see the goals"},
    ("view_figureminute",): {"read the runbook", "see the goals"},
    ("view_person",): {"see people"},
    ("change_person",): {"see people", "set a password"},
    ("view_unit",): {"see units"},
    ("change_unit",): {"see units"},
    ("view_membership",): {"see memberships"},
    ("add_membership", "view_person"): {"see people", "give a membership"},
    ("delete_membership",): {"end a membership"},
    ("view_producer",): {"see producers"},
    ("change_producer",): {"see producers", "widen a producer's scope"},
    ("add_producer",): {"make a producer"},
    ("view_producerkey",): {"see keys"},
    ("change_producerkey",): {"see keys", "revoke a key"},
    ("add_producerkey",): {"issue a key"},
    # What nothing changes: to Django whoever may change a thing may see it.
    ("change_alert",): {"see the alerts"},
    ("change_auditevent",): {"see the audit", "export the audit"},
    ("change_breakerstate",): {"see the breaker"},
    ("change_rolloutplan",): {"see the plan"},
    ("change_activechannel",): {"see who listens"},
    ("change_membership",): {"see memberships"},
}


def done_by(person, house, operations=OPERATIONS) -> set[str]:
    browser = Client()
    browser.force_login(person)
    return {name for name in OPERATIONS if name in operations and OPERATIONS[name](browser, house)}


@pytest.mark.parametrize("held", OPENS, ids=" and ".join)
def test_a_permission_opens_what_it_says(house, held):
    """And of what a smaller set opens together with another, nothing more."""
    near = {name for other in OPENS if set(held) & set(other) for name in OPENS[other]}
    assert done_by(make_staff("dora", *held), house, near) == OPENS[held]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_all_permissions_but_those_that_open_it_do_not_open_an_operation(house, operation):
    of_ours = Permission.objects.filter(content_type__app_label="notificacao")
    codenames = set(of_ours.values_list("codename", flat=True))
    opening = {codename for held, opened in OPENS.items() if operation in opened for codename in held}
    assert opening < codenames
    assert done_by(make_staff("dora", *(codenames - opening)), house, {operation}) == set()


def test_a_superuser_does_all_of_it(house):
    assert done_by(Person.objects.create_superuser("root", password="segredo-de-teste"), house) == set(OPERATIONS)


@pytest.mark.parametrize("role", Role.values)
def test_no_role_and_no_permission_opens_anything_without_access_to_the_admin(house, role):
    """A role says what somebody hears; power in the admin is given apart from it."""
    dora = make_staff("dora", *{codename for held in OPENS for codename in held})
    dora.is_staff = False
    dora.save()
    Membership.objects.create(person=dora, role=role, unit=house.unit if role in Role.of_a_unit() else None)
    assert done_by(dora, house) == set()


@pytest.mark.parametrize("role", Role.values)
def test_to_a_role_each_page_of_the_admin_is_its_login(role, cras_norte, client):
    client.force_login(make_person("dora", role, cras_norte if role in Role.of_a_unit() else None))
    login = reverse("admin:login")
    pages = [page for page in addresses() if page.startswith("/admin/") and page not in (login, "/admin/logout/")]
    assert len(pages) > 50
    answers = {page: client.get(page) for page in pages}
    assert {page for page, answer in answers.items() if not answer.get("Location", "").startswith(login)} == set()
