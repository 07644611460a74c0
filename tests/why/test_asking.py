"""Staff ask why somebody received nothing, in the admin and by the API, of whom they may see and of nobody else."""

from datetime import timedelta

import pytest
from django.utils import timezone

from notificacao import audiences
from notificacao.models import Role
from tests.conftest import make_person
from tests.rows import write_stamped
from tests.staff import make_staff

PAGE = "/admin/notificacao/notification/why/"


@pytest.fixture
def notice(ana, bia, cras_norte):
    channel = audiences.channel_for_unit(cras_norte)
    return write_stamped(7, channel, title="Concessão negada", stamped_at=timezone.now())


@pytest.fixture
def as_viewer(client, db):
    client.force_login(make_staff("eva", "view_notification"))
    return client


@pytest.fixture
def as_coordinator(client, cras_norte):
    client.force_login(make_person("rosa", Role.COORDENADOR, cras_norte, is_staff=True))
    return client


def asked(client, person, q=""):
    return client.get(PAGE, {"person": person, "q": q})


def code(response):
    verdict = response.context.get("verdict")
    return verdict and verdict.code


@pytest.mark.parametrize("words", ["concessao", "CONCESSÃO negada", "{public_id}", "{today}", "{now}"])
def test_a_person_and_a_few_words_are_enough_for_the_answer(as_viewer, notice, words):
    now = timezone.localtime()
    q = words.format(public_id=notice.public_id, today=f"{now:%d/%m/%Y}", now=f"{now:%d/%m/%Y %H:%M}")
    response = asked(as_viewer, "ana", q)
    assert code(response) == "no_page"
    assert "não tinha página aberta" in response.content.decode()


def test_several_people_and_several_notifications_are_there_to_choose_from(as_viewer, notice, ana, bia, cras_norte):
    type(ana).objects.filter(pk__in=[ana.pk, bia.pk]).update(last_name="Silva")
    response = asked(as_viewer, "silva", "concessao")
    assert [person.username for person in response.context["people"]] == ["ana", "bia"]
    write_stamped(8, audiences.channel_for_unit(cras_norte), title="Concessão aprovada")
    response = asked(as_viewer, "ana", "concessao")
    assert [row.seq for row in response.context["rows"]] == [8, 7]
    assert code(response) is None


def test_without_words_the_person_s_newest_are_listed(as_viewer, notice, cras_sul):
    write_stamped(8, audiences.channel_for_unit(cras_sul))
    assert [row.seq for row in asked(as_viewer, "ana").context["rows"]] == [7]


def test_one_that_was_for_others_is_found_and_told_as_such(as_viewer, notice, caio):
    assert code(asked(as_viewer, "caio", "concessao")) == "never_addressed"


@pytest.mark.parametrize("q", ["99/99/9999", "31/02/2026", "0" * 100, "%", "nada assim"])
def test_what_is_not_found_is_said(as_viewer, notice, q):
    assert "Nenhuma notificação assim." in asked(as_viewer, "ana", q).content.decode()
    assert "Ninguém com esse nome, entre as pessoas que você alcança." in asked(as_viewer, "zé", q).content.decode()


def test_a_moment_of_another_day_finds_nothing(as_viewer, notice):
    before = timezone.localtime() - timedelta(days=2)
    assert not asked(as_viewer, "ana", f"{before:%d/%m/%Y %H:%M}").context["rows"]


def test_a_coordinator_asks_of_her_people_and_units_alone(as_coordinator, notice, caio, cras_sul):
    assert code(asked(as_coordinator, "ana", "concessao")) == "no_page"
    assert asked(as_coordinator, "caio").context["people"] == []
    elsewhere = write_stamped(8, audiences.channel_for_unit(cras_sul), title="Do sul")
    assert asked(as_coordinator, "ana", str(elsewhere.public_id)).context["rows"] == []


def test_whoever_may_not_look_asks_nothing(client, notice):
    client.force_login(make_staff("gil"))
    assert asked(client, "ana", "concessao").status_code == 403


# --- By the API


def call(client, row, person="ana"):
    return client.get(f"/api/v1/notifications/{row.public_id}/why/", {"person": person})


def test_the_api_answers_the_same(as_viewer, notice, ana):
    for name in ("ana", ana.public_id):
        answer = call(as_viewer, notice, name)
        assert (answer.status_code, answer.json()["code"]) == (200, "no_page")
        assert "no-store" in answer["Cache-Control"]
    assert answer.json()["timeline"][0]["text"].startswith("Passou a receber")


def test_the_api_tells_nothing_to_others(client, as_coordinator, notice, caio, cras_sul):
    assert call(as_coordinator, notice, "caio").status_code == 404
    assert call(as_coordinator, write_stamped(8, audiences.channel_for_unit(cras_sul))).status_code == 404
    client.force_login(caio)
    assert call(client, notice).json()["code"] == "permission_denied"
    client.logout()
    assert call(client, notice).status_code in (401, 403)
