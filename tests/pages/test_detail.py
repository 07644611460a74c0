"""One notification's own page."""

import uuid

import pytest

from notificacao import audiences, reading
from notificacao.models import Receipt
from notificacao.models.notification import uuid7
from tests.html import Page
from tests.stamping import fill


def address(row):
    return f"/notificacoes/{row.public_id}/"


def text(response):
    return response.content.decode()


def test_it_shows_the_whole_and_where_the_matter_is(as_ana, norte):
    (row,) = fill(
        norte,
        title="Reunião",
        message="Linha 1\nLinha 2",
        kind="sistema",
        priority="alta",
        link="/solicitacoes/2026-00017/",
    )
    html = text(as_ana.get(address(row)))
    for part in ("Reunião", "Linha 1\nLinha 2", "Sistema", "Prioridade alta", "CRAS Norte", " às "):
        assert part in html
    assert 'href="/solicitacoes/2026-00017/"' in html


def test_opened_is_read(as_ana, ana, of_ana):
    row, _ = fill(of_ana, of_ana)
    page = Page(as_ana.get(address(row)))
    assert reading.unread_of(ana) == 1
    assert page.elements["unread"]["data-unread"] == "1"


def test_a_browser_that_reads_ahead_reads_nothing(as_ana, ana, of_ana):
    (row,) = fill(of_ana)
    as_ana.get(address(row), headers={"Sec-Purpose": "prefetch;prerender"})
    as_ana.head(address(row))
    assert reading.unread_of(ana) == 1


def test_opening_it_again_writes_nothing_more(as_ana, of_ana):
    (row,) = fill(of_ana)
    as_ana.get(address(row))
    read_at = Receipt.objects.get().read_at
    as_ana.get(address(row))
    assert Receipt.objects.get().read_at == read_at


def test_an_event_on_two_channels_names_both_and_is_read_in_both(as_ana, ana, of_ana, norte):
    first, second = fill(of_ana, norte, event_id=uuid7())
    assert "Para você, CRAS Norte" in text(as_ana.get(address(second)))
    assert reading.unread_of(ana) == 0
    assert "Para você, CRAS Norte" in text(as_ana.get(address(first)))


def test_what_is_not_theirs_is_as_unknown_as_nothing(as_ana, caio):
    (foreign,) = fill(audiences.channel_for_user(caio), title="Só para Caio")
    for public_id in (foreign.public_id, uuid.uuid4()):
        response = as_ana.get(f"/notificacoes/{public_id}/")
        assert response.status_code == 404
        assert "Esta notificação não existe mais, ou não é sua." in text(response)
        assert "Só para Caio" not in text(response)


def test_who_is_not_logged_in_is_led_to_the_login_and_back(client, of_ana):
    (row,) = fill(of_ana)
    assert client.get(address(row))["Location"] == f"/entrar/?next={address(row)}"


@pytest.mark.parametrize(("priority", "asked"), [("baixa", 0), ("normal", 0), ("alta", 1), ("urgente", 1)])
def test_ciencia_is_asked_for_what_is_of_high_priority(as_ana, of_ana, priority, asked):
    (row,) = fill(of_ana, priority=priority)
    assert text(as_ana.get(address(row))).count("Dar ciência") == asked


def test_ciencia_once_given_is_on_record_and_not_asked_for_again(as_ana, of_ana):
    (row,) = fill(of_ana, priority="urgente")
    html = text(as_ana.post(f"{address(row)}ciencia/", {"next": address(row)}, follow=True))
    assert "Ciência dada em" in html
    assert "Dar ciência" not in html
    assert Receipt.objects.get().formally_acknowledged_at is not None


def test_what_is_marked_unread_leads_back_to_the_inbox_and_stays_unread(as_ana, ana, of_ana):
    (row,) = fill(of_ana)
    as_ana.get(address(row))
    response = as_ana.post(f"{address(row)}nao-lida/", follow=True)
    assert response.redirect_chain[-1][0].startswith("/notificacoes/#")
    assert reading.unread_of(ana) == 1


def test_what_is_archived_offers_the_way_back(as_ana, ana, of_ana):
    (row,) = fill(of_ana)
    reading.archive(ana, row.public_id)
    assert "Desarquivar" in text(as_ana.get(address(row)))


def test_markup_is_shown_as_text(as_ana, of_ana):
    (row,) = fill(of_ana, title="<img src=x>", message="<script>alert(1)</script>", link='/a"onclick="x')
    html = text(as_ana.get(address(row)))
    assert "<img" not in html
    assert "alert(1)</script>" not in html
    assert 'onclick="' not in html
