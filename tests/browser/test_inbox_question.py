"""The question of the week: answered with one press, with and without JavaScript, and not asked again."""

import pytest
from playwright.sync_api import expect

from tests.browser.rest import at_rest

pytestmark = pytest.mark.browser

LAST_WEEK = """
from datetime import timedelta
from django.db.models import F
from notificacao.models import Opinion
Opinion.objects.filter(person__username={name!r}).update(week=F("week") - timedelta(days=7))
"""


def a_week_passes(inboxes, name):
    inboxes.site.run(LAST_WEEK.format(name=name))


def question(desk):
    return desk.page.get_by_role("group", name="As notificações chegam a tempo?")


def said(desk):
    return desk.page.locator("#question summary")


@pytest.mark.endurance
def test_an_answer_stays_on_the_page_may_be_changed_and_is_asked_for_again_next_week(inboxes):
    ana = inboxes.open("ana")
    ana.page.evaluate("window.same = true")
    question(ana).get_by_role("button", name="4: quase sempre").click()
    expect(said(ana)).to_contain_text("Você respondeu 4 de 5 nesta semana.")
    expect(said(ana)).to_be_focused()
    expect(question(ana)).to_be_hidden()
    ana.page.keyboard.press("Enter")
    question(ana).get_by_role("button", name="5: sempre").click()
    expect(said(ana)).to_contain_text("Você respondeu 5 de 5 nesta semana.")
    assert ana.page.evaluate("window.same")
    ana.page.reload()
    expect(said(ana)).to_contain_text("Você respondeu 5 de 5")
    expect(question(ana)).to_be_hidden()
    a_week_passes(inboxes, "ana")
    ana.page.reload()
    expect(question(ana)).to_be_visible()


@pytest.mark.endurance
def test_dismissed_it_is_gone_for_the_week(inboxes):
    bia = inboxes.open("bia")
    question(bia).get_by_role("button", name="Agora não").click()
    expect(question(bia)).to_have_count(0)
    bia.page.reload()
    expect(bia.page.get_by_role("heading", name="Notificações")).to_be_visible()
    expect(question(bia)).to_have_count(0)
    a_week_passes(inboxes, "bia")
    bia.page.reload()
    expect(question(bia)).to_be_visible()


def test_without_a_connection_the_page_says_so_and_the_answer_can_be_given_again(inboxes):
    gil = inboxes.open("gil")
    gil.context.set_offline(True)
    question(gil).get_by_role("button", name="3: às vezes").click()
    expect(gil.page.get_by_text("O servidor não respondeu. Nada foi alterado; tente de novo.")).to_be_visible()
    gil.context.set_offline(False)
    question(gil).get_by_role("button", name="3: às vezes").click()
    expect(said(gil)).to_contain_text("Você respondeu 3 de 5")


def test_what_the_script_cannot_send_goes_as_a_form_does(inboxes):
    """The login ran out: the form leads to the login, as without a script."""
    carla = inboxes.open("carla")
    carla.context.clear_cookies(name="sessionid")
    question(carla).get_by_role("button", name="1: nunca").click()
    expect(carla.page).to_have_url(f"{carla.site.url}/entrar/?next=/notificacoes/")


def test_without_javascript_it_is_a_form(inboxes):
    caio = inboxes.open("caio", java_script_enabled=False, live=False)
    question(caio).get_by_role("button", name="2: raramente").click()
    expect(said(caio)).to_contain_text("Você respondeu 2 de 5 nesta semana.")
    said(caio).click()
    question(caio).get_by_role("button", name="4: quase sempre").click()
    expect(said(caio)).to_contain_text("Você respondeu 4 de 5 nesta semana.")
    a_week_passes(inboxes, "caio")
    caio.page.goto(f"{caio.site.url}/notificacoes/")
    question(caio).get_by_role("button", name="Agora não").click()
    expect(question(caio)).to_have_count(0)


@pytest.mark.endurance
def test_on_a_telephone_it_fits(inboxes):
    ana = inboxes.open("ana", viewport={"width": 360, "height": 740})
    expect(question(ana)).to_be_visible()
    assert at_rest(ana.page).evaluate("document.documentElement.scrollWidth") == 360
    for button in question(ana).get_by_role("button").all():
        box = button.bounding_box()
        assert box
        assert box["height"] >= 36
