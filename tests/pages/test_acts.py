"""What a person does to notifications with forms alone."""

import re
import uuid

import pytest
from django.test import Client

from notificacao import audiences, eventlog, reading
from notificacao.models import Receipt
from notificacao.reading import Reader
from tests.html import Page
from tests.stamping import fill

INBOX, READ_ALL = "/notificacoes/", "/notificacoes/todas-lidas/"
WORDS = ["lida", "nao-lida", "arquivar", "desarquivar", "ciencia"]


def address(row, word):
    return f"{INBOX}{row.public_id}/{word}/"


def entry(person, row):
    return Reader(person).entries([row])[0]


@pytest.mark.parametrize(
    ("before", "word", "standing"),
    [
        (reading.mark_unread, "lida", (True, False, False)),
        (reading.mark_read, "nao-lida", (False, False, False)),
        (reading.mark_read, "arquivar", (True, True, False)),
        (reading.archive, "desarquivar", (False, False, False)),
        (reading.mark_unread, "ciencia", (True, False, True)),
    ],
)
def test_each_form_does_what_its_address_says_and_leads_back(as_ana, ana, before, word, standing):
    (row,) = fill(audiences.channel_for_user(ana))
    before(ana, row.public_id)
    response = as_ana.post(address(row, word), {"next": f"{INBOX}?kind=sistema"})
    assert (response.status_code, response["Location"]) == (302, f"{INBOX}?kind=sistema#n-{row.public_id}")
    now = entry(ana, row)
    assert (now.read, now.archived, now.acknowledged) == standing


def test_every_button_of_the_page_is_a_form_that_works(as_ana, ana, of_ana):
    (row,) = fill(of_ana)
    html = as_ana.get(INBOX).content.decode()
    for word in ("lida", "nao-lida", "arquivar", "desarquivar"):
        assert f'formaction="{address(row, word)}"' in html
    as_ana.post(address(row, "lida"))
    assert "unread" not in Page(as_ana.get(INBOX)).shown[0]["class"].split()


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_it_leads_back_to_this_site_and_to_no_other(as_ana, of_ana, elsewhere):
    (row,) = fill(of_ana)
    assert as_ana.post(address(row, "lida"), {"next": elsewhere})["Location"].startswith(INBOX)


@pytest.mark.parametrize("word", WORDS)
def test_a_foreign_notification_is_as_unknown_as_none_and_that_is_said(as_ana, caio, word):
    (foreign,) = fill(audiences.channel_for_user(caio))
    for public_id in (foreign.public_id, uuid.uuid4()):
        response = as_ana.post(f"{INBOX}{public_id}/{word}/", follow=True)
        assert "Esta notificação não existe mais, ou não é sua." in response.content.decode()
    assert not Receipt.objects.exists()


def test_a_word_that_is_none_is_not_found(as_ana, of_ana):
    (row,) = fill(of_ana)
    assert as_ana.post(address(row, "apagar")).status_code == 404


@pytest.mark.parametrize("word", WORDS)
def test_nothing_is_changed_by_an_address_alone(as_ana, of_ana, word):
    (row,) = fill(of_ana)
    assert as_ana.get(address(row, word)).status_code == 405
    assert as_ana.get(READ_ALL).status_code == 405
    assert not Receipt.objects.exists()


def test_a_form_of_another_site_is_refused(ana, of_ana):
    (row,) = fill(of_ana)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ana)
    assert browser.post(address(row, "arquivar")).status_code == 403
    assert browser.post(READ_ALL, {"up_to": str(eventlog.position())}).status_code == 403
    assert not Receipt.objects.exists()


def test_who_is_no_longer_logged_in_goes_to_the_login_and_then_to_the_inbox(client, of_ana):
    (row,) = fill(of_ana)
    assert client.post(address(row, "lida"))["Location"] == "/entrar/?next=/notificacoes/"
    assert client.post(READ_ALL)["Location"] == "/entrar/?next=/notificacoes/"


def test_all_is_read_that_was_there_when_the_page_was_made(as_ana, ana, of_ana):
    fill(of_ana, of_ana)
    up_to = Page(as_ana.get(INBOX)).data["position"]
    (later,) = fill(of_ana)
    response = as_ana.post(READ_ALL, {"up_to": up_to, "next": INBOX})
    assert response["Location"] == INBOX
    assert [row.pk for row in Reader(ana).inbox() if not entry(ana, row).read] == [later.pk]


@pytest.mark.parametrize("up_to", ["", "x", "0.1"])
def test_a_page_of_another_life_of_the_log_marks_nothing_and_says_so(as_ana, of_ana, up_to):
    fill(of_ana)
    response = as_ana.post(READ_ALL, {"up_to": up_to}, follow=True)
    page = Page(response)
    assert "A lista mudou" in response.content.decode()
    assert page.elements["unread"]["data-unread"] == "1"


def test_the_form_reads_what_the_pages_filter_shows_and_a_form_undoes_it(as_ana, of_ana):
    fill(of_ana, of_ana, priority="alta")
    fill(of_ana)
    listed = f"{INBOX}?priority=alta"
    page = Page(as_ana.get(listed))
    assert "Marcar estas 2 como lidas" in as_ana.get(listed).content.decode()
    form = {"up_to": page.data["position"], "filter": "priority=alta", "next": listed}
    answer = as_ana.post(READ_ALL, form, follow=True)
    assert Page(answer).elements["unread"]["data-unread"] == "1"
    html = answer.content.decode()
    assert "2 marcadas como lidas." in html
    undo = re.search(r'name="undo" value="([^"]+)"', html).group(1)
    answer = as_ana.post(f"{READ_ALL}desfazer/", {"undo": undo, "next": listed}, follow=True)
    assert Page(answer).elements["unread"]["data-unread"] == "3"
    assert as_ana.post(f"{READ_ALL}desfazer/", {"undo": "ontem"}).status_code == 404


def test_of_more_than_fifty_the_form_asks_first(as_ana, ana, of_ana):
    fill(*[of_ana] * 51)
    form = {"up_to": str(eventlog.position()), "filter": "", "next": INBOX}
    asked = as_ana.post(READ_ALL, form)
    assert "Marcar 51 notificações como lidas?" in asked.content.decode()
    assert reading.unread_of(ana) == 51
    assert as_ana.post(READ_ALL, {**form, "confirmed": "yes"})["Location"] == INBOX
    assert reading.unread_of(ana) == 0
