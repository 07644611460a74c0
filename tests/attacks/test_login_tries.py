"""Somebody tries passwords by other spellings and from many addresses, or only wants to keep a person out."""

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client

from notificacao.login import DEVICE_COOKIE
from notificacao.models import AuditEvent
from tests.conftest import make_person

pytestmark = pytest.mark.usefixtures("time_stands_still")

PASSWORD = "segredo-de-teste"
DOOR = "/entrar/"
SPELLINGS = ["ana", "ａna", "aｎa", "anａ", "ａｎａ", "ᵃna", "aⁿa", " ana\u2003", "\u00a0ana", "ANA", "ᴬna", "Ａｎａ"]


@pytest.fixture(autouse=True)
def few_tries(settings):
    settings.RATE_LOGIN, settings.RATE_LOGIN_ADDRESS = (10, 3), (300, 300)


def attempt(browser, name="ana", password="errada", address="10.0.0.1", door=DOOR) -> int:
    return browser.post(door, {"username": name, "password": password}, REMOTE_ADDR=address).status_code


@pytest.mark.parametrize("door", [DOOR, "/admin/login/"])
def test_all_spellings_of_a_name_are_tried_as_one(ana, door):
    answers = [attempt(Client(), name, door=door) for name in SPELLINGS]
    assert answers == [200] * 3 + [429] * (len(SPELLINGS) - 3)


def test_a_name_is_tried_from_all_addresses_together(ana):
    answers = [attempt(Client(), address=f"10.0.{number}.1") for number in range(9)]
    assert answers == [200] * 3 + [429] * 6


def test_a_refusal_of_a_spelling_is_on_record_as_the_persons(ana):
    attempt(Client(), "ａｎａ")
    for _ in range(3):
        attempt(Client(), "ａｎａ")
    reasons = AuditEvent.objects.filter(who=ana.public_id).values_list("reason", flat=True)
    assert set(reasons) == {"invalid_login", "throttled"}


def test_a_name_that_is_nobodys_is_refused_no_later_and_no_sooner(ana):
    for name in ("ana", "fulana"):
        assert [attempt(Client(), name) for _ in range(5)] == [200] * 3 + [429] * 2
        stranger = Client()
        stranger.cookies[DEVICE_COOKIE] = "x:y:z"
        assert attempt(stranger, name) == 429


# --- Who was here before


@pytest.fixture
def hers(ana):
    """Ana's own browser, where she logged in before and has logged out since."""
    browser = Client()
    assert attempt(browser, password=PASSWORD) == 302
    browser.post("/sair/")
    return browser


def lock_out(name="ana") -> None:
    for _ in range(9):
        attempt(Client(), name)
    assert attempt(Client(), name, PASSWORD) == 429


def test_whoever_logged_in_here_before_is_kept_out_by_nobody_elses_tries(settings, hers):
    lock_out()
    settings.RATE_LOGIN_ADDRESS = (300, 1)
    for number in range(3):
        attempt(Client(), f"nome{number}")  # the house's address is full too
    assert attempt(hers, password=PASSWORD) == 302


def test_a_browser_that_was_taken_has_few_tries_too(hers):
    assert [attempt(hers) for _ in range(5)] == [200] * 3 + [429] * 2


def test_a_browser_that_knows_one_person_tries_nobody_else(hers):
    make_person("bia")
    lock_out("bia")
    assert attempt(hers, "bia", PASSWORD) == 429


def test_with_another_password_every_browser_is_new(hers, ana):
    ana.set_password("outra-senha-de-teste")
    ana.save()
    lock_out()
    assert attempt(hers, password="outra-senha-de-teste") == 429


@pytest.mark.parametrize(
    "forge", [lambda word: word[:-1], lambda word: "x" + word, lambda word: "", lambda word: "|" * 900]
)
def test_a_forged_cookie_is_worth_nothing(hers, forge):
    lock_out()
    word = hers.cookies[DEVICE_COOKIE].value
    hers.cookies[DEVICE_COOKIE] = forge(word)
    assert attempt(hers, password=PASSWORD) == 429


def test_people_at_one_desk_do_not_push_each_other_out(hers):
    make_person("bia")
    assert attempt(hers, "bia", PASSWORD) == 302
    hers.post("/sair/")
    for name in ("ana", "bia"):
        lock_out(name)
        assert attempt(hers, name, PASSWORD) == 302
        hers.post("/sair/")


def test_an_open_session_that_posts_no_password_gets_no_such_cookie_and_is_no_login(ana):
    thief = Client()
    thief.force_login(ana)
    assert attempt(thief, password="errada") == 302
    assert DEVICE_COOKIE not in thief.cookies
    assert not AuditEvent.objects.filter(action="logged_in").exists()


def test_the_cookie_is_kept_from_scripts_and_other_sites_and_names_nobody(settings, ana):
    settings.SESSION_COOKIE_SECURE = True
    browser = Client()
    attempt(browser, password=PASSWORD)
    cookie = browser.cookies[DEVICE_COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"], cookie["path"]) == (True, "Lax", True, "/")
    assert ana.public_id not in cookie.value
    assert "ana" not in cookie.value.split(":")


def test_nothing_of_this_hashes_more_than_the_password_once(hers, monkeypatch):
    hashed = []
    encode = MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda self, *what: hashed.append(1) or encode(self, *what))
    assert attempt(hers, password=PASSWORD) == 302
    assert len(hashed) == 1
