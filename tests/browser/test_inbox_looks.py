"""How the inbox looks: dark by choice, on a telephone, without motion, in English."""

import pytest
from playwright.sync_api import expect

from tests.browser.rest import at_rest

pytestmark = pytest.mark.browser

_BACKGROUND = "getComputedStyle(document.body).backgroundColor"
_LONG = "Palavracompridasemnenhumespaçoqueumatelaestreitanãoconsegue" + "quebrar" * 5


@pytest.mark.parametrize(("of_the_system", "chosen"), [("light", "Escuro"), ("dark", "Claro")])
def test_colours_are_the_systems_until_she_chooses_and_hers_on_every_page_then(inboxes, of_the_system, chosen):
    ana = inboxes.open(color_scheme=of_the_system)
    before = at_rest(ana.page).evaluate(_BACKGROUND)
    ana.page.get_by_role("button", name="Preferências").click()
    ana.page.get_by_label(chosen).check()
    after = at_rest(ana.page).evaluate(_BACKGROUND)
    assert after != before
    for address in ("/notificacoes/", "/notificacoes/diagnostico/"):
        ana.page.goto(ana.site.url + address)
        assert at_rest(ana.page).evaluate(_BACKGROUND) == after


def test_a_telephone_shows_every_page_without_scrolling_sideways(inboxes):
    inboxes.send(_LONG, message=_LONG * 4, priority="urgente")
    ana = inboxes.open(viewport={"width": 360, "height": 740})
    wide = "() => document.documentElement.scrollWidth"
    assert at_rest(ana.page).evaluate(wide) == 360
    expect(ana.page.locator(".item").first).to_contain_text(_LONG)
    for button in ana.page.locator(".item").first.get_by_role("button").all():
        box = button.bounding_box()
        assert box
        assert box["x"] + box["width"] <= 360
    inboxes.send(_LONG + "agora", priority="urgente")
    expect(ana.page.locator(".toast")).to_be_visible()
    assert at_rest(ana.page).evaluate(wide) == 360
    ana.page.locator(".toast a").click()
    expect(ana.page.locator("#notification")).to_be_visible()
    assert at_rest(ana.page).evaluate(wide) == 360
    for address in ("/notificacoes/?archived=true&q=nada", "/notificacoes/diagnostico/"):
        ana.page.goto(ana.site.url + address)
        assert at_rest(ana.page).evaluate(wide) == 360


@pytest.mark.parametrize(("wish", "animations"), [("no-preference", ["rise"]), ("reduce", ["none"])])
def test_nothing_moves_for_who_wants_no_motion(inboxes, wish, animations):
    ana = inboxes.open(reduced_motion=wish)
    inboxes.send(f"Movimento {wish}", priority="urgente")
    expect(ana.page.locator(".toast")).to_have_count(1)
    names = "[...document.querySelectorAll('.toast')].map((toast) => getComputedStyle(toast).animationName)"
    assert ana.page.evaluate(names) == animations


def test_english_at_a_click_for_the_page_and_its_scripts(inboxes):
    ana = inboxes.open()
    ana.page.get_by_role("button", name="English").click()
    expect(ana.page.locator("html")).to_have_attribute("lang", "en")
    expect(ana.page.get_by_role("heading", name="Notifications")).to_be_visible()
    expect(ana.page.locator("#status")).to_have_text("connected by SSE")
    inboxes.send("Em inglês", kind="pagamento", priority="alta")
    item = ana.page.locator(".item", has_text="Em inglês")
    expect(item.locator(".kind")).to_have_text("Payment")
    expect(item.locator(".priority")).to_have_text("High")
    expect(item.locator("time")).to_have_text("now")
    item.get_by_role("button", name="Archive").click()
    expect(ana.page.get_by_text("1 archived.")).to_be_visible()
    ana.page.get_by_role("button", name="Português").click()
    expect(ana.page.locator("html")).to_have_attribute("lang", "pt-BR")
