"""Rest, in a browser: who measures a page waits until nothing moves on it, and our own pages move nothing if asked."""

import pytest
from playwright.sync_api import expect

from tests.browser.rest import at_rest, new_context
from tests.browser.staff import Staff

pytestmark = pytest.mark.browser

FADING = """<!doctype html><style>
  p { color: rgb(0, 0, 0); transition: color 1s linear; }
  p.gone { color: rgb(255, 255, 255); }
</style><p>Algo</p>"""
COLOUR = "getComputedStyle(document.querySelector('p')).color"
# What would take time on the page as it stands, beside its browser's own scrolling.
MOVES = """() => [...document.querySelectorAll("*")]
  .flatMap((one) => [one, "::before", "::after"].map((part) => getComputedStyle(one, part === one ? null : part)))
  .filter((style) => style.transitionDuration !== "0s" || style.animationName !== "none").length"""


@pytest.fixture(scope="module")
def site(shared_site):
    return shared_site


def test_a_colour_is_read_once_it_is_what_it_is_to_be(browser):
    page = new_context(browser, reduced_motion="no-preference").new_page()
    page.set_content(FADING)
    page.evaluate("document.querySelector('p').className = 'gone'")
    assert page.evaluate(COLOUR) != "rgb(255, 255, 255)"
    assert at_rest(page).evaluate(COLOUR) == "rgb(255, 255, 255)"
    page.context.close()


@pytest.fixture(scope="module")
def staff(browser, site):
    staff = Staff.of(browser, site)
    yield staff
    staff.page.context.close()


@pytest.mark.parametrize("address", ["/admin/", "/admin/notificacao/rolloutplan/", "/notificacoes/", "/api/v1/docs/"])
def test_no_page_moves_for_who_wants_no_motion(staff, site, address):
    page = staff.page
    page.goto(site.url + address)
    expect(page.locator("body")).to_be_visible()
    assert at_rest(page).evaluate(MOVES) == 0
