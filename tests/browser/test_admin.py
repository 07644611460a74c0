"""Staff at the admin's forms, where the browser itself has a say."""

import pytest
from playwright.sync_api import expect

from tests.browser.rest import at_rest
from tests.browser.staff import Staff

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(shared_site):
    """Without Ably: nobody listens here."""
    return shared_site


@pytest.fixture
def page(browser, site):
    """A staff member's, logged in, on the form in which a notification is written."""
    page = Staff.of(browser, site).page
    page.goto(f"{site.url}/admin/notificacao/notification/add/")
    yield page
    page.context.close()


def fill_in(page, title):
    page.locator("[name=title]").fill(title)
    page.locator("[name=message]").fill("Na sala 2.\nTragam as pautas.")


def test_a_second_click_before_the_answer_sends_nothing_more(page):
    fill_in(page, "Reunião às 14h")
    page.locator("[name=everybody]").check()
    button = page.locator("[name=_save]")
    button.scroll_into_view_if_needed()
    at_rest(page)
    at = button.bounding_box()
    sent = []

    def click():
        page.mouse.click(at["x"] + 5, at["y"] + 5)

    def click_again_before_answering(route):
        sent.append(route.fetch(max_redirects=0))
        if len(sent) == 1:
            click()
        route.fulfill(response=sent[-1])

    page.route("**/add/", click_again_before_answering)
    click()
    expect(page.locator(".messagelist .success")).to_contain_text("Notificação enviada para Todos")
    expect(page.locator("#state .sentence")).to_contain_text("Entregue a")  # by itself, once it is stamped
    page.get_by_role("link", name="Notificações enviadas").first.click()
    expect(page.locator("#result_list").get_by_text("Reunião às 14h")).to_have_count(1)
    assert len(sent) == 1


@pytest.mark.endurance
def test_a_person_is_found_by_a_part_of_their_name(page):
    fill_in(page, "Só para Bia")
    page.locator(".field-person .select2-selection").click()
    page.locator(".select2-search__field").fill("nogueir")
    page.get_by_role("option", name="Bia Nogueira (bia)").click()
    page.locator("[name=_save]").click()
    expect(page.locator(".messagelist .success")).to_have_text(
        "Notificação enviada para Bia Nogueira (bia) (1 pessoa)."
    )
