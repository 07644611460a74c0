"""The inbox narrowed down: by each of its filters, by words; and what comes meanwhile."""

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.desk import Desk
from tests.browser.rest import until

pytestmark = pytest.mark.browser


def titled(desk: Desk, title: str) -> Locator:
    return desk.page.locator(".item", has=desk.page.get_by_text(title, exact=True))


def lists(desk: Desk, here: str, elsewhere: str) -> None:
    expect(titled(desk, here)).to_have_count(1)
    expect(titled(desk, elsewhere)).to_have_count(0)


@pytest.mark.parametrize(
    ("name", "value", "fields", "others"),
    [
        ("kind", "pagamento", {"kind": "pagamento"}, {"kind": "sistema"}),
        ("priority", "baixa", {"priority": "baixa"}, {"priority": "normal"}),
        ("channel", "CRAS Norte", {"to": {"units": ["CRAS01"]}}, {}),
    ],
)
def test_a_filter_shows_what_fits_from_the_log_and_live_and_counts_the_rest(inboxes, name, value, fields, others):
    inboxes.send(f"{name} antes", **fields)
    inboxes.send(f"{name} fora", **others)
    ana = inboxes.open()
    ana.page.locator(f"select[name={name}]").select_option(
        label=value if name == "channel" else None, value=None if name == "channel" else value
    )
    lists(ana, f"{name} antes", f"{name} fora")
    inboxes.send(f"{name} depois", **fields)
    inboxes.send(f"{name} de fora depois", **others)
    lists(ana, f"{name} depois", f"{name} de fora depois")
    hint = ana.page.get_by_role("link", name="1 nova fora do filtro")
    expect(hint).to_be_visible()
    address = ana.page.url
    hint.click()
    expect(titled(ana, f"{name} de fora depois")).to_have_count(1)
    expect(hint).to_be_hidden()
    ana.page.go_back()
    expect(ana.page).to_have_url(address)
    lists(ana, f"{name} depois", f"{name} fora")
    ana.page.reload()
    lists(ana, f"{name} depois", f"{name} fora")


def test_only_what_is_unread(inboxes):
    """The page shows an act before the server has it: the list that is asked for meanwhile is as it is after it."""
    inboxes.send("Já lida", "Ainda não lida")
    ana = inboxes.open()
    held = []

    def hold(act):
        held.append(act)

    ana.page.route("**/read/", hold)
    titled(ana, "Já lida").locator("[data-action=read]").click()
    expect(titled(ana, "Já lida").locator("[data-action=unread]")).to_be_visible()
    ana.page.get_by_label("Só não lidas").check()
    until(ana.page, lambda: held)
    held[0].continue_()
    lists(ana, "Ainda não lida", "Já lida")
    ana.page.get_by_role("link", name="Limpar filtros").click()
    expect(titled(ana, "Já lida")).to_have_count(1)
    expect(ana.page.get_by_label("Só não lidas")).not_to_be_checked()


def test_words_are_found_in_titles_and_messages_whatever_their_accents(inboxes):
    inboxes.send("MUDANCA de horário", "Outra coisa")
    inboxes.send("Um aviso", message="A mudança de hórario foi adiada.")
    ana = inboxes.open()
    ana.page.get_by_role("searchbox").press_sequentially("horario mudança")
    lists(ana, "MUDANCA de horário", "Outra coisa")
    expect(titled(ana, "Um aviso")).to_have_count(1)
    inboxes.send("Mudança do horario de hoje", "Nada disso")
    lists(ana, "Mudança do horario de hoje", "Nada disso")
    ana.page.go_back()
    expect(titled(ana, "Outra coisa")).to_have_count(1)
    expect(ana.page.get_by_role("searchbox")).to_have_value("")


def test_where_nothing_fits_the_page_says_so(inboxes):
    ana = inboxes.open()
    ana.page.get_by_role("searchbox").fill("palavra que ninguém escreveu")
    expect(ana.page.get_by_text("Nenhuma notificação com este filtro.")).to_be_visible()
    expect(ana.page.locator(".heading")).to_have_count(0)


def test_the_end_of_the_list_brings_older_ones_until_there_are_none(inboxes):
    """Of those that fit: how many others there are is left to other tests."""
    titles = [f"Muitas {number}" for number in range(120)]
    inboxes.send(*titles, to={"people": ["gil"]})
    gil = inboxes.open("gil", "?q=Muitas")
    items = gil.page.locator(".item")
    assert items.count() < 120
    while not gil.page.evaluate("document.getElementById('older').hidden"):
        before = items.count()
        gil.page.mouse.wheel(0, 20_000)
        gil.waits_for(
            "(n) => document.querySelectorAll('.item').length !== n || document.getElementById('older').hidden", before
        )
    assert gil.page.locator(".item h3").all_inner_texts() == titles[::-1]
