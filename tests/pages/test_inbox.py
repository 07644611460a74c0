"""The pages that staff see: login, inbox, logout."""

from django.contrib.staticfiles import finders

from notificacao import audiences, eventlog, reading
from notificacao.models.notification import uuid7
from notificacao.pages import inbox
from tests.html import Page
from tests.stamping import fill

INBOX, LOGIN, LOGOUT = "/notificacoes/", "/entrar/", "/sair/"


def test_who_is_not_logged_in_is_led_to_the_login_and_back(client, db):
    response = client.get(f"{INBOX}?a=1")
    assert (response.status_code, response["Location"]) == (302, f"{LOGIN}?next=/notificacoes/%3Fa%3D1")


def test_the_sites_root_leads_to_the_inbox(client, db):
    response = client.get("/")
    assert (response.status_code, response["Location"]) == (302, INBOX)


def test_the_login_page_asks_for_name_and_password_in_portuguese(client, db):
    response = client.get(LOGIN)
    page = Page(response)
    assert response.status_code == 200
    assert {"id_username", "id_password"} <= set(page.elements)
    assert '<html lang="pt-BR">' in response.content.decode()
    assert "csrfmiddlewaretoken" in response.content.decode()


def test_a_login_leads_to_the_inbox(client, ana):
    response = client.post(LOGIN, {"username": "ana", "password": "segredo-de-teste"})
    assert (response.status_code, response["Location"]) == (302, INBOX)
    assert client.get(INBOX).status_code == 200


def test_a_login_leads_back_to_this_site_and_to_no_other(client, ana):
    credentials = {"username": "ana", "password": "segredo-de-teste"}
    assert client.post(LOGIN, {**credentials, "next": "/notificacoes/?a=1"})["Location"] == "/notificacoes/?a=1"
    client.logout()
    assert client.post(LOGIN, {**credentials, "next": "https://evil.example/"})["Location"] == INBOX


def test_a_wrong_password_is_told_and_logs_nobody_in(client, ana):
    response = client.post(LOGIN, {"username": "ana", "password": "errada"})
    assert "Usuário ou senha não conferem" in response.content.decode()
    assert client.get(INBOX).status_code == 302


def test_who_is_logged_in_already_does_not_see_the_login(as_ana):
    assert as_ana.get(LOGIN)["Location"] == INBOX


def test_a_logout_is_by_post_and_ends_the_session(as_ana):
    assert as_ana.get(LOGOUT).status_code == 405
    assert as_ana.get(INBOX).status_code == 200
    response = as_ana.post(LOGOUT)
    assert (response.status_code, response["Location"]) == (302, LOGIN)
    assert as_ana.get(INBOX).status_code == 302
    assert as_ana.get("/api/v1/session/").status_code == 401


def test_the_inbox_shows_its_notifications_newest_first_with_what_the_script_needs(as_ana, of_ana, cras_norte):
    first, second, _ = fill(of_ana, audiences.channel_for_unit(cras_norte), audiences.channel_for_unit(cras_norte))
    shown = Page(as_ana.get(INBOX)).shown
    assert [item["data-seq"] for item in shown] == ["3", "2", "1"]
    assert (shown[1]["data-id"], shown[1]["data-event-id"]) == (str(second.public_id), str(second.event_id))
    assert shown[2]["data-id"] == str(first.public_id)


def test_an_event_on_two_channels_is_shown_once_under_its_events_id(as_ana, of_ana, cras_norte):
    first, _ = fill(of_ana, audiences.channel_for_unit(cras_norte), event_id=uuid7())
    (item,) = Page(as_ana.get(INBOX)).shown
    assert (item["data-id"], item["data-event-id"]) == (str(first.public_id), str(first.event_id))
    assert item["data-id"] != item["data-event-id"]


def test_the_inbox_shows_nothing_of_others(as_ana, caio):
    fill(audiences.channel_for_user(caio), title="Só para Caio")
    response = as_ana.get(INBOX)
    assert Page(response).shown == []
    assert "Só para Caio" not in response.content.decode()


def test_a_script_in_a_title_or_a_message_is_text(as_ana, of_ana):
    before = len(Page(as_ana.get(INBOX)).scripts)
    evil = "<script>alert('ana')</script>"
    fill(of_ana, title=evil, message=f'"><img src=x onerror=alert(1)>{evil}')
    response = as_ana.get(INBOX)
    page = Page(response)
    assert "".join(page.texts["title"]) == evil
    assert len(page.scripts) == before
    assert b"<img" not in response.content
    assert b"&lt;script&gt;alert" in response.content


def test_a_quote_in_a_link_does_not_end_its_attribute(as_ana, of_ana):
    fill(of_ana, link='/a" onmouseover="alert(1)')
    assert b'onmouseover="' not in as_ana.get(INBOX).content


def test_what_is_read_is_not_marked_as_unread_and_the_badge_counts_the_rest(as_ana, ana, of_ana):
    first, _, _ = fill(of_ana, of_ana, of_ana)
    reading.mark_read(ana, first.public_id)
    page = Page(as_ana.get(INBOX))
    assert ["unread" in item["class"].split() for item in page.shown] == [True, True, False]
    assert page.elements["unread"]["data-unread"] == "2"


def test_an_empty_inbox_says_so_and_a_full_one_does_not(as_ana, of_ana):
    assert "hidden" not in Page(as_ana.get(INBOX)).elements["empty"]
    fill(of_ana)
    assert "hidden" in Page(as_ana.get(INBOX)).elements["empty"]


def test_the_first_page_is_30_long_and_offers_older_ones(as_ana, of_ana):
    fill(*[of_ana] * 30)
    assert "hidden" in Page(as_ana.get(INBOX)).elements["older"]
    fill(of_ana)
    page = Page(as_ana.get(INBOX))
    assert len(page.shown) == 30
    assert "hidden" not in page.elements["older"]


def test_older_pages_are_reached_by_links_and_lead_back_to_the_newest(as_ana, of_ana):
    fill(*[of_ana] * 65)
    seqs, address = [], INBOX
    for length, is_first in ((30, True), (30, False), (5, False)):
        page = Page(as_ana.get(address))
        assert len(page.shown) == length
        assert ("hidden" in page.elements["newer"]) is is_first
        assert page.links["newer"] == INBOX
        seqs += [int(item["data-seq"]) for item in page.shown]
        address = INBOX + page.links["older"]
    assert seqs == list(range(65, 0, -1))
    assert "hidden" in page.elements["older"]


def test_the_page_tells_its_script_who_where_and_by_which_names(as_ana, ana, of_ana):
    fill(of_ana)
    data = Page(as_ana.get(INBOX)).data
    assert data["login_word"] == as_ana.get("/api/v1/session/").json()["login"]
    assert (data["person"], data["position"], data["login"]) == (ana.public_id, str(eventlog.position()), LOGIN)
    assert data["kinds"]["solicitacao"] == "Solicitação"
    assert data["priorities"]["urgente"] == "Urgente"
    assert data["sdk"] == "/static/ably/ably.min.js"
    assert (data["language"], data["time_zone"], data["words"]) == ("pt-br", "America/Sao_Paulo", {})
    assert set(data["places"].values()) == {"Para todos", "Para você", "CRAS Norte"}


def test_the_position_is_read_before_the_list_so_that_what_comes_between_is_news(as_ana, of_ana, monkeypatch):
    fill(of_ana)
    position = str(eventlog.position())
    reader = inbox.Reader

    def stamp_then_read(person):
        fill(of_ana)
        return reader(person)

    monkeypatch.setattr(inbox, "Reader", stamp_then_read)
    page = Page(as_ana.get(INBOX))
    assert page.data["position"] == position
    assert [item["data-seq"] for item in page.shown] == ["2", "1"]


def test_the_inbox_is_kept_by_no_cache(as_ana):
    assert "no-store" in as_ana.get(INBOX)["Cache-Control"]


def test_no_script_of_the_page_is_inline_but_its_data(as_ana):
    scripts = Page(as_ana.get(INBOX)).scripts
    assert all(script.get("src") or script.get("type") == "application/json" for script in scripts)
    files = [script["src"].removeprefix("/static/") for script in scripts if "src" in script]
    assert files
    assert all(finders.find(file) for file in files)


def test_who_runs_the_site_is_shown_the_way_to_the_administration(as_ana, ana):
    assert "Administração" not in as_ana.get(INBOX).content.decode()
    ana.is_staff = True
    ana.save()
    assert "Administração" in as_ana.get(INBOX).content.decode()


def test_the_number_of_queries_does_not_grow_with_the_list(as_ana, of_ana, django_assert_max_num_queries):
    fill(*[of_ana] * 30)
    with django_assert_max_num_queries(20):
        assert len(Page(as_ana.get(INBOX)).shown) == 30
