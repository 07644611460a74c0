"""Staff see how far a notification came, live, person by person; and they find it by whom it was for."""

import csv

import pytest
from django.utils import timezone

from notificacao import audiences, receipts
from notificacao.admin import reach as reach_page
from notificacao.models import AuditEvent, Notification, Person, Role
from notificacao.reading import acknowledge
from tests.admin.test_audit import pieces_of
from tests.conftest import make_person
from tests.rows import write, write_stamped
from tests.staff import make_staff

LIST = "/admin/notificacao/notification/"


@pytest.fixture
def notice(ana, bia, cras_norte):
    channel = audiences.channel_for_unit(cras_norte)
    return write_stamped(7, channel, title="Prazo amanhã", priority="urgente", stamped_at=timezone.now())


@pytest.fixture
def as_viewer(client, db):
    client.force_login(make_staff("eva", "view_notification"))
    return client


@pytest.fixture
def one_to_each(ana, cras_norte, aluguel_social):
    """One notification to a person, a unit, a benefit and everybody, each with a title that none of their names has."""
    owners = (audiences.channel_for_user(ana), audiences.channel_for_unit(cras_norte))
    write_stamped(1, owners[0], title="pessoa")
    write_stamped(2, owners[1], title="unidade")
    write_stamped(3, audiences.channel_for_benefit(aluguel_social), title="benefício")
    write_stamped(4, title="Concessão geral")


def page_of(row):
    return f"{LIST}{row.pk}/reach/"


def people(response):
    return [person.username for person in response.context["page"]]


def titles(response):
    return [row.title for row in response.context["cl"].result_list]


def test_the_page_says_in_a_sentence_how_far_it_came(as_viewer, notice, ana, bia):
    receipts.record(ana, [receipts.Delivery(notice.public_id, "ably", held_ms=0)])
    acknowledge(ana, notice.public_id)
    response = as_viewer.get(page_of(notice))
    assert "Entregue a 1 de 2 pessoas; 1 leu, 1 deu ciência." in response.content.decode()
    assert people(response) == ["ana", "bia"]
    acknowledge(bia, notice.public_id)
    assert "2 leram, 2 deram ciência." in as_viewer.get(page_of(notice)).content.decode()


def test_several_people_are_told_of_in_the_plural(as_viewer, notice, ana, bia):
    for one in (ana, bia):
        receipts.record(one, [receipts.Delivery(notice.public_id, "ably", held_ms=0)])
        acknowledge(one, notice.public_id)
    assert "Entregue a 2 de 2 pessoas; 2 leram, 2 deram ciência." in as_viewer.get(page_of(notice)).content.decode()
    Notification.objects.update(expires_at=timezone.now())
    assert "2 de 2 pessoas a receberam." in as_viewer.get(page_of(notice)).content.decode()


def test_the_part_that_renews_itself_has_no_frame(as_viewer, notice):
    part = as_viewer.get(page_of(notice), {"part": "state"}).content.decode()
    assert part.startswith('<p class="sentence">Entregue a 0 de 2 pessoas')


def test_who_lacks_something_is_listed_alone(as_viewer, notice, ana):
    acknowledge(ana, notice.public_id)
    assert people(as_viewer.get(page_of(notice), {"lacks": "acknowledgement"})) == ["bia"]
    assert people(as_viewer.get(page_of(notice), {"lacks": "delivery"})) == ["ana", "bia"]
    assert as_viewer.get(page_of(notice), {"lacks": "money"}).status_code == 404


def test_people_come_in_pages(as_viewer, notice, monkeypatch):
    monkeypatch.setattr(reach_page, "PER_PAGE", 1)
    assert people(as_viewer.get(page_of(notice))) == ["ana"]
    assert people(as_viewer.get(page_of(notice), {"p": 2})) == ["bia"]


def test_the_file_has_everybody_and_the_audit_has_who_took_it(as_viewer, notice, ana):
    ana.first_name = "=Ana"
    ana.save()
    acknowledge(ana, notice.public_id)
    file = "".join(pieces_of(as_viewer.get(page_of(notice), {"as": "csv"})))
    rows = list(csv.reader(file.removeprefix("\ufeff").splitlines()))
    assert rows[0] == list(reach_page.COLUMNS)
    assert [(row[0], row[1], row[5], row[8]) for row in rows[1:]] == [
        ("'=Ana", "ana", "sim", "sim"),
        ("", "bia", "não", "sim"),
    ]
    event = AuditEvent.objects.get(action="reach_exported")
    assert (event.data, event.who) == (
        {"notification": str(notice.public_id)},
        Person.objects.get(username="eva").public_id,
    )


def test_a_coordinator_sees_her_units_and_no_other(client, notice, cras_norte, cras_sul):
    rosa = make_person("rosa", Role.COORDENADOR, cras_norte, is_staff=True)
    client.force_login(rosa)
    assert client.get(page_of(notice)).status_code == 200
    elsewhere = write_stamped(8, audiences.channel_for_unit(cras_sul))
    assert client.get(page_of(elsewhere)).status_code == 404
    assert client.get(page_of(elsewhere), {"as": "csv"}).status_code == 404


def test_whoever_may_not_look_is_told_nothing(client, notice):
    client.force_login(make_staff("gil"))
    assert client.get(page_of(notice)).status_code == 404


def test_a_notification_that_waits_or_expired_says_so(as_viewer, notice, ana):
    waits = write(audiences.channel_for_user(ana))
    assert "Aguarda o registro" in as_viewer.get(page_of(waits)).content.decode()
    past = write_stamped(10, audiences.channel_for_user(ana), expires_at=timezone.now())
    assert "Expirou" in as_viewer.get(page_of(past)).content.decode()


def test_the_page_asks_as_many_questions_for_many_people_as_for_few(
    as_viewer, notice, cras_norte, django_assert_max_num_queries
):
    for number in range(30):
        make_person(f"p{number}", Role.TECNICO, cras_norte)
    with django_assert_max_num_queries(20):
        as_viewer.get(page_of(notice))


# --- The list


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("ana", "pessoa"),
        ("CRAS01", "unidade"),
        ("cras norte", "unidade"),
        ("ALUGUEL", "benefício"),
        ("todos", "Concessão geral"),
        ("concessao", "Concessão geral"),
    ],
)
def test_the_list_finds_by_recipient_and_title_whatever_the_accents(as_viewer, one_to_each, words, title):
    assert titles(as_viewer.get(LIST, {"q": words})) == [title]


def test_a_search_stays_within_what_the_person_may_see(client, ana, cras_norte, cras_sul):
    client.force_login(make_person("rosa", Role.COORDENADOR, cras_norte, is_staff=True))
    write_stamped(1, audiences.channel_for_user(ana), title="dela")
    write_stamped(2, audiences.channel_for_unit(cras_sul), title="do sul")
    assert titles(client.get(LIST, {"q": "ana"})) == []
    assert titles(client.get(LIST, {"q": "sul"})) == []


@pytest.mark.parametrize(
    ("kind", "title"),
    [("user", "pessoa"), ("unit", "unidade"), ("benefit", "benefício"), ("system", "Concessão geral")],
)
def test_the_list_narrows_to_a_kind_of_recipient(as_viewer, one_to_each, kind, title):
    assert titles(as_viewer.get(LIST, {"para": kind})) == [title]


def test_the_list_shows_how_many_acknowledged_what_asks_for_it(as_viewer, notice, ana):
    acknowledge(ana, notice.public_id)
    write_stamped(8, title="comum")
    said = as_viewer.get(LIST).content.decode()
    assert f'<a href="{page_of(notice)}">1 ciência</a>' in said
    assert said.count(">Alcance</a>") == 1
