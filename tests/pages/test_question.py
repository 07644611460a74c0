"""The question of the week as a form of the inbox, and what its script gets for an answer."""

import re

import pytest
from django.test import Client

from notificacao.models import Opinion

INBOX, ADDRESS = "/notificacoes/", "/notificacoes/pergunta/"
QUESTION = "As notificações chegam a tempo?"


def shown(browser, address=INBOX):
    return browser.get(address).content.decode()


def test_each_mark_is_a_button_with_a_name_and_an_answer_takes_the_questions_place(as_ana, ana):
    page = shown(as_ana)
    assert re.findall(r'value="(\d)" aria-label="\d: ([^"]+)"', page) == [
        ("1", "nunca"), ("2", "raramente"), ("3", "às vezes"), ("4", "quase sempre"), ("5", "sempre"),
    ]  # fmt: skip
    response = as_ana.post(ADDRESS, {"answer": "4", "next": f"{INBOX}?unread=true"})
    assert (response.status_code, response["Location"]) == (302, f"{INBOX}?unread=true")
    assert Opinion.objects.get().answer == 4
    page = shown(as_ana)
    assert "Você respondeu 4 de 5 nesta semana." in page
    assert re.findall(r'value="(\d)"[^>]+aria-pressed', page) == ["4"]
    as_ana.post(ADDRESS, {"answer": "2"})
    assert Opinion.objects.get().answer == 2


def test_dismissed_it_is_gone_from_the_page(as_ana):
    as_ana.post(ADDRESS, {"answer": "nenhuma"})
    assert QUESTION not in shown(as_ana)
    assert Opinion.objects.get().answer is None


def test_it_is_asked_on_the_inboxs_first_page_and_not_in_the_archive(as_ana):
    assert QUESTION in shown(as_ana, f"{INBOX}?unread=true")
    assert QUESTION not in shown(as_ana, f"{INBOX}?archived=true")


def test_the_script_gets_what_is_to_be_shown_now_and_nothing_else(as_ana):
    answered = as_ana.post(ADDRESS, {"answer": "5", "part": "question", "next": INBOX}).content.decode()
    assert "Você respondeu 5 de 5" in answered
    assert "<html" not in answered
    as_ana.post("/idioma/", {"language": "en"})
    assert "You answered 5 of 5 this week." in shown(as_ana)


def test_dismissed_by_the_script_there_is_nothing_to_show(as_ana):
    assert as_ana.post(ADDRESS, {"answer": "nenhuma", "part": "question"}).content.strip() == b""


@pytest.mark.parametrize("answer", ["", "0", "6", "5.0", "٣", "x" * 1_000])
def test_what_no_page_sends_is_refused(as_ana, answer):
    assert as_ana.post(ADDRESS, {"answer": answer}).status_code == 400
    assert not Opinion.objects.exists()


def test_it_is_answered_by_post_and_by_who_is_logged_in(client, as_ana):
    assert as_ana.get(ADDRESS).status_code == 405
    response = Client().post(ADDRESS, {"answer": "5"})
    assert (response.status_code, response["Location"]) == (302, f"/entrar/?next={INBOX}")
    assert not Opinion.objects.exists()


def test_a_page_of_another_login_answers_for_nobody(ana, bia):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ana)
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', shown(browser))[1]
    browser.post("/sair/", {"csrfmiddlewaretoken": token})
    entry = browser.get("/entrar/").content.decode()
    fresh = re.search(r'csrfmiddlewaretoken" value="(\w+)"', entry)[1]
    browser.post(
        "/entrar/", {"username": "bia", "password": "segredo-de-teste", "csrfmiddlewaretoken": fresh, "next": INBOX}
    )
    assert browser.post(ADDRESS, {"answer": "5", "csrfmiddlewaretoken": token}).status_code == 403
    assert not Opinion.objects.exists()
