"""The scenes that the house stands for: Ana is in the rollout, Bia of the same unit is not."""

import pytest
from playwright.sync_api import expect

from tests.browser.rest import until
from tests.browser.staff import Staff
from tests.waiting import PATIENCE

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


def test_what_staff_send_to_the_unit_reaches_both_by_their_own_transport(desk, send, staff):
    ana, bia, caio = desk("ana"), desk("bia"), desk("caio")
    ana.is_on("ably")
    bia.is_on("sse")
    caio.is_on("sse")
    before = ana.unread, bia.unread
    staff.send_to_unit(UNIT, "Reunião de equipe às 14h")
    ana.sees("Reunião de equipe às 14h")
    bia.sees("Reunião de equipe às 14h")
    ana.unread_is(before[0] + 1)
    bia.unread_is(before[1] + 1)
    delivered = until(ana.page, lambda: len(told := send.transports("Reunião de equipe às 14h")) == 2 and told)
    assert delivered["bia"] == "sse"
    assert delivered["ana"] == "ably" or send.until_it_comes_by("ably", ana, "ana", "Outra reunião")
    send.to_everybody("Para quem não é da unidade também")
    caio.sees("Para quem não é da unidade também")
    assert caio.page.get_by_text("Reunião de equipe às 14h").count() == 0


def test_marked_as_read_in_one_tab_the_badge_of_the_other_follows(desk, send):
    send("Por ler")
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
        expect(second.page.locator(".item.unread")).to_have_count(0)


def test_browsers_that_were_cut_off_come_back_to_everything_once(desk, site):
    desks = {transport: desk(name) for name, transport in (("ana", "ably"), ("bia", "sse"))}
    for transport, one in desks.items():
        one.is_on(transport)
        one.context.set_offline(True)
        one.is_on("offline")
    assert site.simulate("--rate", "20", "--count", "60", "--seed", "4").wait(PATIENCE) == 0
    for transport, one in desks.items():
        one.context.set_offline(False)
        one.is_on(transport)
        assert one.is_complete_and_each_once() > 0


def test_the_flag_moves_the_right_people_while_a_sender_runs_and_nothing_is_lost(desk, staff, site):
    ana, bia = desk("ana"), desk("bia")
    ana.is_on("ably")
    bia.is_on("sse")
    sender = site.simulate("--rate", "5", "--seed", "3")
    for change, by_ana, by_bia in (
        ({"percent": "0"}, "sse", "sse"),
        ({"percent": "100"}, "ably", "ably"),
        ({"percent": "50"}, "ably", "sse"),
        ({"everyone": "false"}, "sse", "sse"),
        ({"everyone": "true"}, "ably", "ably"),
        ({"everyone": "unknown"}, "ably", "sse"),
    ):
        staff.set_flag(**change)
        ana.is_on(by_ana)
        bia.is_on(by_bia)
    assert sender.poll() is None
    sender.kill()
    sender.wait()
    for one in (ana, bia):
        assert one.is_complete_and_each_once() > 0
