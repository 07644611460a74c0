"""The inbox narrowed by its address alone: filters, search, archive, days."""

import re
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from notificacao import reading
from notificacao.pages.lines import ago, day_of, exact
from tests.html import Page
from tests.stamping import fill

INBOX = "/notificacoes/"


@pytest.fixture
def mixed(as_ana, of_ana, norte):
    fill(of_ana, title="Vistoria", message="Visita técnica", kind="acompanhamento", priority="alta")
    fill(norte, title="Reunião", message="Às 14h na sala 2", kind="sistema")
    fill(norte, title="Pagamento liberado", message="Confira a relação", kind="pagamento", priority="baixa")


def titles(client, query):
    return Page(client.get(f"{INBOX}?{query}")).titles


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("kind=sistema", ["Reunião"]),
        ("kind=sistema&kind=pagamento", ["Pagamento liberado", "Reunião"]),
        ("priority=alta", ["Vistoria"]),
        ("q=reuniao", ["Reunião"]),
        ("q=VISITA+t%C3%A9cnica", ["Vistoria"]),
        ("q=&kind=&priority=&channel=", ["Pagamento liberado", "Reunião", "Vistoria"]),
        ("q=sala&kind=pagamento", []),
    ],
)
def test_the_address_says_what_is_shown(as_ana, mixed, query, found):
    assert titles(as_ana, query) == found


def test_a_unit_can_be_chosen_by_its_name_and_its_rows_alone_are_shown(as_ana, mixed, norte):
    response = as_ana.get(INBOX, {"channel": norte})
    assert Page(response).titles == ["Pagamento liberado", "Reunião"]
    assert f'<option value="{norte}" selected>CRAS Norte</option>' in response.content.decode()


def test_unread_alone_is_what_was_not_read(as_ana, ana, of_ana):
    first, _ = fill(of_ana, of_ana)
    reading.mark_read(ana, first.public_id)
    assert [item["data-seq"] for item in Page(as_ana.get(INBOX, {"unread": "true"})).shown] == ["2"]


def test_the_archive_shows_what_was_archived_with_the_way_back(as_ana, ana, of_ana):
    _, archived = fill(of_ana, of_ana)
    reading.archive(ana, archived.public_id)
    response = as_ana.get(INBOX, {"archived": "true"})
    (item,) = Page(response).shown
    assert item["data-id"] == str(archived.public_id)
    assert f"/notificacoes/{archived.public_id}/desarquivar/" in response.content.decode()


def test_a_filter_stays_on_the_way_to_older_ones_and_in_its_form(as_ana, of_ana):
    fill(*[of_ana] * 31, kind="alerta", title="Vistoria")
    page = Page(as_ana.get(INBOX, {"kind": "alerta", "q": "vistoria"}))
    assert len(page.shown) == 30
    assert "kind=alerta" in page.links["older"]
    assert "q=vistoria" in page.links["older"]
    assert len(Page(as_ana.get(INBOX + page.links["older"])).shown) == 1
    assert "hidden" not in page.elements["everything"]


@pytest.mark.parametrize("query", ["kind=festa", "unread=1", "page=x", "q=" + "a" * 101])
def test_an_address_that_asks_for_what_does_not_exist_leads_to_the_inbox(as_ana, query):
    response = as_ana.get(f"{INBOX}?{query}")
    assert (response.status_code, response["Location"]) == (302, INBOX)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("", "Nenhuma notificação por enquanto"),
        ("q=nada", "Nenhuma notificação com este filtro"),
        ("archived=true", "O arquivo está vazio"),
        ("archived=true&q=nada", "Nenhuma notificação com este filtro"),
    ],
)
def test_an_empty_list_says_why_it_is_empty(as_ana, query, sentence):
    html = as_ana.get(f"{INBOX}?{query}").content.decode()
    shown = [line for line in html.splitlines() if "data-when=" in line and " hidden>" not in line]
    assert len(shown) == 1
    assert sentence in shown[0]


def test_the_list_is_grouped_by_day_and_each_says_when_and_where(as_ana, of_ana, norte):
    now = timezone.now()
    fill(norte, created_at=now - timedelta(days=1))
    fill(of_ana, of_ana, created_at=now)
    page = Page(as_ana.get(INBOX))
    assert page.days == ["Hoje", "Ontem"]
    assert page.texts["place"] == ["Para você", "Para você", "CRAS Norte"]
    assert "agora" in page.texts[None]


def test_each_day_has_one_heading_also_where_something_was_committed_a_day_after_it_was_written(as_ana, of_ana):
    """The list is in the order of commits, and so are its days."""
    now = timezone.localtime()
    yesterday = now - timedelta(days=1)
    for created_at in (yesterday, now, yesterday, now):
        fill(of_ana, created_at=created_at)
    response = as_ana.get(INBOX)
    assert Page(response).days == ["Hoje", "Ontem"]
    times = re.findall(r"<time [^>]+>(.+?)</time>", response.content.decode())
    assert times == ["agora", exact(yesterday), "agora", f"{yesterday:%H:%M}"]


def moment(text):
    return timezone.make_aware(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("2026-11-24T11:59:31", "agora"),
        ("2026-11-24T12:00:40", "agora"),  # a producer's clock that is ahead
        ("2026-11-24T11:55:00", "há 5 min"),
        ("2026-11-24T11:00:00", "há 1 h"),
        ("2026-11-24T00:00:00", "há 12 h"),
        ("2026-11-23T23:59:00", "23:59"),
    ],
)
def test_how_long_ago_is_told_as_people_say_it(at, words):
    assert ago(moment(at), moment("2026-11-24T12:00:00")) == words


@pytest.mark.parametrize(
    ("day", "name"),
    [
        ("2026-11-24", "Hoje"),
        ("2026-11-23", "Ontem"),
        ("2026-11-22", "domingo, 22 de novembro"),
        ("2026-03-02", "segunda-feira, 2 de março"),
        ("2025-12-31", "quarta-feira, 31 de dezembro de 2025"),
    ],
)
def test_a_day_is_named_as_brazilians_write_it(day, name):
    assert day_of(moment(day).date(), moment("2026-11-24").date()) == name


def test_the_exact_moment_is_written_as_brazilians_do():
    assert exact(moment("2026-11-04T09:05:00")) == "04/11/2026 às 09:05"
