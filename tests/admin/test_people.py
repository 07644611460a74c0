"""Staff tend people, units, benefits and memberships in the admin; open streams notice each change."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notificacao import audiences
from notificacao.models import AuditEvent, BenefitType, Membership, Notification, Person, Role, Unit
from tests.conftest import make_person
from tests.rows import write_stamped
from tests.staff import complaints, make_staff
from tests.stamping import stamp_all
from tests.touched import forget_changes, touched

PEOPLE, UNITS = "/admin/notificacao/person/", "/admin/notificacao/unit/"
BENEFITS, MEMBERSHIPS = "/admin/notificacao/benefittype/", "/admin/notificacao/membership/"


@pytest.fixture
def admin(client, db):
    """An administrator's client, whose changes are looked at."""
    client.force_login(Person.objects.create_superuser("admin", password="segredo-de-teste"))
    return client


def touched_by(work):
    """Whose open streams were told by `work` to ask again."""
    forget_changes()
    work()
    return touched()


def form_of(person, *new, ended=(), **fields):
    """What the person's page posts: `new` memberships (role, unit), those that are `ended`, other `fields`."""
    held = list(person.memberships.order_by("pk"))
    prefix = "memberships"
    posted = {f"{prefix}-TOTAL_FORMS": len(held) + len(new), f"{prefix}-INITIAL_FORMS": len(held)}
    for place, membership in enumerate(held):
        posted |= {f"{prefix}-{place}-id": membership.pk, f"{prefix}-{place}-person": person.pk}
        if membership in ended:
            posted[f"{prefix}-{place}-DELETE"] = "on"
    for place, (role, unit) in enumerate(new, start=len(held)):
        posted |= {f"{prefix}-{place}-role": role, f"{prefix}-{place}-unit": unit.pk if unit else ""}
    joined = person.date_joined
    posted |= {"date_joined_0": f"{joined:%d/%m/%Y}", "date_joined_1": f"{joined:%H:%M:%S}", "is_active": "on"}
    return {**posted, "username": person.username, **fields}


def save(client, person, *new, **fields):
    """Post the person's page; the sentences of what was refused."""
    return complaints(client.post(f"{PEOPLE}{person.pk}/change/", form_of(person, *new, **fields)))


def units_heard_by(person):
    return {channel for channel in audiences.channels_of([person.pk])[person.pk] if ":unit:" in channel}


# --- People


def test_the_list_tells_each_ones_roles_in_as_many_queries_for_many_as_for_few(admin, ana, cras_sul):
    Membership.objects.create(person=ana, role=Role.COORDENADOR, unit=cras_sul)
    spent = []
    for username in ("bia", "caio", "davi", "edu"):
        make_person(username, Role.GESTOR)
        with CaptureQueriesContext(connection) as queries:
            page = admin.get(PEOPLE).content.decode()
        spent.append(len(queries))
    assert "Técnico (CRAS01), Coordenador (CRAS02)" in page
    assert len(set(spent)) == 1


def test_a_membership_begins_on_the_persons_page_and_opens_the_channel_from_then_on(admin, ana, bia, cras_sul):
    write_stamped(1)
    Notification.objects.update(seq=None)
    stamp_all()
    assert touched_by(lambda: save(admin, ana, (Role.TECNICO, cras_sul))) == {"ana"}
    assert audiences.channel_for_unit(cras_sul) in units_heard_by(ana)
    assert ana.memberships.get(unit=cras_sul).since == 1


def test_a_membership_ends_on_the_persons_page_and_closes_the_channel(admin, ana, bia):
    assert touched_by(lambda: save(admin, ana, ended=list(ana.memberships.all()))) == {"ana"}
    assert units_heard_by(ana) == set()


def test_a_membership_is_never_changed_into_another(admin, ana, cras_norte, cras_sul):
    membership = ana.memberships.get()
    moved = {"memberships-0-role": Role.GESTOR, "memberships-0-unit": ""}
    assert save(admin, ana, **moved) == []
    address = f"{MEMBERSHIPS}{membership.pk}/change/"
    assert admin.post(address, {"person": ana.pk, "role": Role.TECNICO, "unit": cras_sul.pk}).status_code == 403
    assert list(Membership.objects.values_list("person", "role", "unit")) == [(ana.pk, "TECNICO", cras_norte.pk)]


@pytest.mark.parametrize("unit", [True, False])
def test_two_memberships_alike_are_refused_with_a_sentence(admin, ana, cras_sul, unit):
    new = (Role.TECNICO, cras_sul) if unit else (Role.GESTOR, None)
    assert save(admin, ana, new, new) == ["A mesma função na mesma unidade aparece duas vezes: retire uma."]
    assert ana.memberships.count() == 1


def test_a_membership_that_is_held_already_is_refused_with_a_sentence(admin, ana, cras_norte):
    gil = make_person("gil", Role.GESTOR)
    for person, role, unit, sentence in (
        (ana, Role.TECNICO, cras_norte, "Esta pessoa já tem este papel nesta unidade."),
        (gil, Role.GESTOR, None, "Esta pessoa já tem este papel."),
    ):
        assert save(admin, person, (role, unit)) == ["A mesma função na mesma unidade aparece duas vezes: retire uma."]
        posted = {
            "person": person.pk,
            "role": role,
            "unit": unit.pk if unit else "",
            "own_password": "segredo-de-teste",
        }
        assert complaints(admin.post(f"{MEMBERSHIPS}add/", posted)) == [sentence]


def test_a_membership_that_somebody_else_gave_meanwhile_is_refused_with_a_sentence(admin, ana, cras_sul):
    opened = form_of(ana, (Role.TECNICO, cras_sul))
    Membership.objects.create(person=ana, role=Role.TECNICO, unit=cras_sul)
    refused = complaints(admin.post(f"{PEOPLE}{ana.pk}/change/", opened))
    assert refused == ["A mesma função na mesma unidade aparece duas vezes: retire uma."]


def test_a_membership_ends_and_begins_anew_in_one_go(admin, ana, cras_norte):
    (old,) = ana.memberships.all()
    assert save(admin, ana, (Role.TECNICO, cras_norte), ended=[old]) == []
    assert ana.memberships.get().pk != old.pk


def test_a_role_of_a_unit_without_one_is_refused_with_a_sentence(admin, ana):
    assert save(admin, ana, (Role.COORDENADOR, None)) == [
        "Técnico, assistente social e coordenador têm uma unidade; os demais papéis, nenhuma."
    ]


def test_a_person_is_made_inactive_and_never_deleted(admin, ana):
    assert touched_by(lambda: save(admin, ana, is_active="", own_password="segredo-de-teste")) == {"ana"}
    assert not Person.objects.get(username="ana").is_active
    assert admin.post(f"{PEOPLE}{ana.pk}/delete/", {"post": "yes"}).status_code == 403
    admin.post(PEOPLE, {"action": "delete_selected", "_selected_action": [ana.pk], "post": "yes"})
    assert Person.objects.filter(username="ana").exists()


def test_a_new_password_makes_the_persons_streams_ask_again(admin, ana):
    new = {"password1": "nova-senha-de-teste", "password2": "nova-senha-de-teste", "usable_password": "true"}
    new |= {"set-password": "1", "own_password": "segredo-de-teste"}
    assert touched_by(lambda: admin.post(f"{PEOPLE}{ana.pk}/password/", new)) >= {"ana"}
    ana.refresh_from_db()
    assert ana.check_password("nova-senha-de-teste")


def test_a_person_is_added_with_their_membership(admin, cras_norte):
    password = {"password1": "nova-senha-de-teste", "password2": "nova-senha-de-teste", "usable_password": "true"}
    inline = {"memberships-TOTAL_FORMS": 1, "memberships-INITIAL_FORMS": 0}
    inline |= {"memberships-0-role": Role.TECNICO, "memberships-0-unit": cras_norte.pk}
    admin.post(f"{PEOPLE}add/", {"username": "davi", **password, **inline, "own_password": "segredo-de-teste"})
    davi = Person.objects.get(username="davi")
    assert units_heard_by(davi) == {audiences.channel_for_unit(cras_norte)}


@pytest.mark.parametrize(("permissions", "status"), [(["view_person"], 200), (["add_notification"], 403)])
def test_a_person_is_searched_by_any_of_their_names_by_who_may_see_people(client, ana, permissions, status):
    ana.first_name, ana.last_name = "Ana", "Ribeiro"
    ana.save()
    client.force_login(make_staff("dora", *permissions))
    field = {"app_label": "notificacao", "model_name": "membership", "field_name": "person"}
    response = client.get("/admin/autocomplete/", {**field, "term": "ribei"})
    assert response.status_code == status
    if status == 200:
        assert response.json()["results"] == [{"id": str(ana.pk), "text": "Ana Ribeiro (ana)"}]


def test_a_change_of_a_user_name_is_on_record(admin, ana):
    assert save(admin, ana, username="ana.souza") == []
    event = AuditEvent.objects.get(action="account_changed")
    assert event.data == {"to": ana.public_id, "changed": ["username"]}


# --- Memberships


def test_memberships_deleted_in_bulk_close_their_channels(admin, ana, bia, caio, cras_norte):
    chosen = list(Membership.objects.filter(unit=cras_norte).values_list("pk", flat=True))
    delete = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    assert touched_by(lambda: admin.post(MEMBERSHIPS, delete)) == {"ana", "bia"}
    assert units_heard_by(ana) == units_heard_by(bia) == set()
    assert units_heard_by(caio) != set()


def test_a_membership_begins_in_the_list_of_memberships_too(admin, ana, cras_sul):
    new = {"person": ana.pk, "role": Role.TECNICO, "unit": cras_sul.pk}
    assert touched_by(lambda: admin.post(f"{MEMBERSHIPS}add/", new)) == {"ana"}
    assert audiences.channel_for_unit(cras_sul) in units_heard_by(ana)


# --- Units and benefits


def test_a_unit_shows_its_members_in_as_many_queries_for_many_as_for_few(admin, cras_norte):
    spent = []
    admin.get(f"{UNITS}{cras_norte.pk}/change/")  # what Django keeps from then on is read now
    for username in ("ana", "bia", "davi"):
        make_person(username, Role.TECNICO, cras_norte)
        with CaptureQueriesContext(connection) as queries:
            page = admin.get(f"{UNITS}{cras_norte.pk}/change/").content.decode()
        spent.append(len(queries))
    assert all(f">{username}</a>" in page for username in ("ana", "bia", "davi"))
    assert len(set(spent)) == 1


def test_a_units_benefits_are_chosen_on_its_page_and_its_coordinator_hears_them(admin, cras_norte, aluguel_social):
    carla = make_person("carla", Role.COORDENADOR, cras_norte)
    form = {"code": "CRAS01", "name": "CRAS Norte", "kind": "cras", "status": "ativa", "benefits": [aluguel_social.pk]}
    form |= {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
    assert "everybody" in touched_by(lambda: admin.post(f"{UNITS}{cras_norte.pk}/change/", form))
    assert audiences.channel_for_benefit(aluguel_social) in audiences.channels_of([carla.pk])[carla.pk]


def test_a_deleted_unit_takes_its_memberships_along_and_tells_their_people(admin, ana, bia, caio, cras_norte):
    assert touched_by(lambda: admin.post(f"{UNITS}{cras_norte.pk}/delete/", {"post": "yes"})) >= {"everybody"}
    assert not Unit.objects.filter(code="CRAS01").exists()
    assert units_heard_by(ana) == set()


@pytest.mark.parametrize("chosen", ["page", "list"])
@pytest.mark.usefixtures("caio")
def test_each_membership_that_ends_with_its_unit_is_on_record(admin, ana, bia, cras_norte, chosen):
    if chosen == "page":
        admin.post(f"{UNITS}{cras_norte.pk}/delete/", {"post": "yes"})
    else:
        admin.post(UNITS, {"action": "delete_selected", "_selected_action": [cras_norte.pk], "post": "yes"})
    assert not Unit.objects.filter(pk=cras_norte.pk).exists()
    told = AuditEvent.objects.filter(action="account_changed").values_list("data", flat=True)
    assert {(data["to"], *data["changed"]) for data in told} == {
        (ana.public_id, "TECNICO"),
        (bia.public_id, "TECNICO"),
    }


def test_a_benefits_slug_is_chosen_once_since_it_names_the_channel(admin):
    admin.post(f"{BENEFITS}add/", {"name": "Passagem", "slug": "passagem"})
    benefit = BenefitType.objects.get()
    admin.post(f"{BENEFITS}{benefit.pk}/change/", {"name": "Passagens", "slug": "outro"})
    assert list(BenefitType.objects.values_list("name", "slug")) == [("Passagens", "passagem")]


@pytest.mark.parametrize("slug", ["a:b", "*", "a b", "x" * 65, "é"])
def test_a_slug_that_may_not_stand_in_a_channels_name_is_refused(admin, slug):
    assert admin.post(f"{BENEFITS}add/", {"name": "Passagem", "slug": slug}).status_code == 200
    assert not BenefitType.objects.exists()


def test_the_index_is_in_portuguese_and_lists_what_staff_tend(admin):
    page = admin.get("/admin/").content.decode()
    for words in ("SEMTAS Notificações", "Administração", "Pessoas", "Unidades", "Benefícios", "Funções e unidades"):
        assert words in page
