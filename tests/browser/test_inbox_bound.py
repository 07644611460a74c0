"""The list stays small however much comes: at most 200 rows are in the page, and what comes is painted by the frame.

How long it takes is measured by `script/bench inbox`, where nothing runs beside it.
"""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

MOST = 200
GIL = {"people": ["gil"]}
_COUNT = """() => {
  const list = document.getElementById("inbox");
  Object.assign(window, { paints: 0, arrivals: 0, most: 0 });
  new MutationObserver((changes) => {
    window.paints += 1;
    const added = changes.flatMap(({ addedNodes }) => [...addedNodes]);
    window.arrivals += added.filter((node) => node.matches(".item")).length;
    window.most = Math.max(window.most, list.querySelectorAll(".item").length);
  }).observe(list, { childList: true });
}"""
_SEQS = "() => [...document.querySelectorAll('#inbox > .item')].map(({ dataset }) => Number(dataset.seq))"


def burst(inboxes, name, count):
    inboxes.send(*(f"{name} {number}" for number in range(count)), to=GIL)


@pytest.mark.endurance
def test_a_burst_is_painted_by_the_frame_and_leaves_no_more_rows_than_the_bound(inboxes):
    gil = inboxes.open("gil")
    gil.page.evaluate(_COUNT)
    burst(inboxes, "Rajada", 450)
    gil.sees("Rajada 449")
    seqs = gil.page.evaluate(_SEQS)
    assert len(seqs) == MOST
    assert seqs == sorted(seqs, reverse=True)
    arrivals, paints, most = gil.page.evaluate("[arrivals, paints, most]")
    assert most == MOST
    assert paints < arrivals / 4


def test_further_down_the_rows_go_on_without_a_gap_and_one_way_leads_back_to_the_newest(inboxes):
    gil = inboxes.open("gil")
    burst(inboxes, "Descida", 260)
    gil.sees("Descida 259")
    seen = set(gil.page.evaluate(_SEQS))
    assert len(seen) == MOST
    older = gil.page.locator("#older")
    while gil.page.locator(".item .title", has_text="Descida 0").count() == 0:
        lowest = min(seen)
        older.scroll_into_view_if_needed()
        gil.waits_for(f"() => ({_SEQS})().at(-1) < {lowest}")
        seen |= set(gil.page.evaluate(_SEQS))
        assert gil.page.locator(".item").count() <= MOST
    ids = gil.page.evaluate("fetch('/api/v1/notifications/?page_size=100&q=Descida').then((answer) => answer.json())")
    assert {row["seq"] for row in ids["results"]} <= seen
    inboxes.send("Descida enquanto embaixo", to=GIL)
    expect(gil.page.locator("#outside")).to_be_visible()
    gil.page.get_by_role("link", name="Voltar às mais recentes").click()
    gil.sees("Descida enquanto embaixo")
    expect(gil.page.locator("#outside")).to_be_hidden()


@pytest.mark.endurance
def test_a_row_that_is_ticked_stays_and_so_does_the_selection(inboxes):
    inboxes.send("Marcada antes da rajada", to=GIL)
    gil = inboxes.open("gil")
    row = gil.page.locator(".item", has_text="Marcada antes da rajada")
    row.get_by_role("checkbox").check()
    burst(inboxes, "Por cima", 250)
    gil.sees("Por cima 249")
    expect(row).to_have_count(1)
    expect(gil.page.locator(".item")).to_have_count(MOST + 1)
    expect(gil.page.get_by_text("1 selecionada")).to_be_visible()
