"""The scenes that the house stands for: Ana is in the rollout, Bia of the same unit is not."""

import pytest

from tests.browser.staff import Staff

pytestmark = pytest.mark.browser

UNIT = "CRAS01 – CRAS Norte"


@pytest.fixture
def staff(browser, site):
    staff = Staff.of(browser, site)
    yield staff
    staff.page.context.close()


def test_each_page_shows_a_list_a_badge_and_its_transport(desk):
    ana, bia = desk("ana"), desk("bia")
    ana.is_on("ably")
    bia.is_on("sse")
    for one in (ana, bia):
        assert one.unread > 0
        assert len(one.placed()) >= one.unread
        assert one.errors == []


def test_what_staff_send_to_the_unit_reaches_both_by_their_own_transport(desk, staff, site):
    ana, bia, caio = desk("ana"), desk("bia"), desk("caio")
    ana.is_on("ably")
    bia.is_on("sse")
    caio.is_on("sse")
    before = ana.unread, bia.unread
    staff.send_to_unit(UNIT, "Reunião de equipe às 14h")
    ana.sees("Reunião de equipe às 14h", within=2)
    bia.sees("Reunião de equipe às 14h", within=2)
    ana.unread_is(before[0] + 1)
    bia.unread_is(before[1] + 1)
    assert caio.page.get_by_text("Reunião de equipe às 14h").count() == 0
    assert delivered_by(site, "Reunião de equipe às 14h") == {"ana": "ably", "bia": "sse"}


def test_marked_as_read_in_one_tab_the_badge_of_the_other_follows(desk, staff):
    for name, transport in (("ana", "ably"), ("bia", "sse")):
        first = desk(name)
        first.is_on(transport)
        second = first.another_tab()
        second.is_on(transport)
        unread = first.unread
        first.page.locator(".item.unread [data-action=read]").first.click()
        first.unread_is(unread - 1)
        second.unread_is(unread - 1)
        first.page.get_by_role("button", name="Marcar todas como lidas").click()
        first.unread_is(0)
        second.unread_is(0)
        assert second.page.locator(".item.unread").count() == 0


def test_the_flag_moves_the_right_people_while_a_sender_runs_and_nothing_is_lost(desk, staff, site):
    ana, bia = desk("ana"), desk("bia")
    ana.is_on("ably")
    bia.is_on("sse")
    sender = site.simulate("--rate", "5", "--count", "150", "--seed", "3")
    for change, by_ana, by_bia in (
        ({"percent": "0"}, "sse", "sse"),
        ({"percent": "100"}, "ably", "ably"),
        ({"percent": "50"}, "ably", "sse"),
        ({"everyone": "false"}, "sse", "sse"),
        ({"everyone": "true"}, "ably", "ably"),
    ):
        staff.set_flag(**change)
        ana.is_on(by_ana, within=5)
        bia.is_on(by_bia, within=5)
    assert sender.wait(60) == 0
    assert ana.is_complete_and_each_once() > 0
    assert bia.is_complete_and_each_once() > 0


@pytest.mark.parametrize(("name", "transport"), [("ana", "ably"), ("bia", "sse")])
def test_a_browser_that_was_cut_off_comes_back_to_everything_once(desk, site, name, transport):
    one = desk(name)
    one.is_on(transport)
    one.context.set_offline(True)
    one.is_on("offline")
    assert site.simulate("--rate", "20", "--count", "60", "--seed", "4").wait(60) == 0
    one.context.set_offline(False)
    one.is_on(transport, within=30)
    assert one.is_complete_and_each_once() > 0


def delivered_by(site, title: str) -> dict[str, str]:
    """`{username: transport}` of the receipts of the notification with that title, once both are there."""
    code = f"""
import time
from notificacao.models import Receipt
until = time.monotonic() + 10
while True:
    receipts = Receipt.objects.filter(notification__title={title!r}, delivered_at__isnull=False)
    found = list(receipts.order_by("person__username").values_list("person__username", "transport"))
    if len(found) >= 2 or time.monotonic() > until:
        break
print(found)
"""
    lines = site.manage("shell", "--no-imports", "-c", code).strip().splitlines()
    return dict(eval(lines[-1]))
