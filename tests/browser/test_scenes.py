"""The scenes that the house stands for: Ana is in the rollout, Bia of the same unit is not.

Each is played twice: on this machine's own address, and by plain HTTP on a host name, where there is no secure context
and the site keeps Ana on SSE. What a page on SSE does alike on both is played there for endurance alone.
"""

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import HOST_NAME
from tests.browser.rest import until
from tests.browser.staff import Staff
from tests.waiting import PATIENCE

pytestmark = pytest.mark.browser

UNIT = "CRAS01 – CRAS Norte"


HERE = "127.0.0.1"
ON_BOTH = pytest.mark.parametrize("site", [HERE, HOST_NAME], indirect=True)


@pytest.fixture(scope="module")
def on_both_hosts(new_site, own_ably):
    with new_site(own_ably, ALLOWED_HOSTS=f"127.0.0.1,{HOST_NAME}") as site:
        yield site


@pytest.fixture
def site(request, on_both_hosts):
    """The one that serves both hosts, as browsers are to call it in this test."""
    on_both_hosts.host = request.param
    return on_both_hosts


@pytest.fixture
def on_ably(site) -> str:
    """The transport of whoever is in the rollout."""
    return "sse" if site.host == HOST_NAME else "ably"


@pytest.fixture
def staff(browser, site):
    staff = Staff.of(browser, site)
    yield staff
    staff.page.context.close()


@ON_BOTH
def test_each_page_shows_a_list_a_badge_and_its_transport(desk, on_ably):
    ana, bia = desk("ana"), desk("bia")
    ana.is_on(on_ably)
    bia.is_on("sse")
    for one in (ana, bia):
        assert one.unread > 0
        assert len(one.placed()) >= one.unread
        assert one.errors == []


@ON_BOTH
def test_what_staff_send_to_the_unit_reaches_both_by_their_own_transport(desk, send, staff, site, on_ably):
    ana, bia, caio = desk("ana"), desk("bia"), desk("caio")
    ana.is_on(on_ably)
    bia.is_on("sse")
    caio.is_on("sse")
    before = ana.unread, bia.unread
    title = f"Reunião de equipe em {site.host}"
    staff.send_to_unit(UNIT, title)
    ana.sees(title)
    bia.sees(title)
    ana.unread_is(before[0] + 1)
    bia.unread_is(before[1] + 1)
    delivered = until(ana.page, lambda: len(told := send.transports(title)) == 2 and told)
    assert delivered["bia"] == "sse"
    by = on_ably if on_ably == "ably" else "unable"
    assert delivered["ana"] == by or send.until_it_comes_by(by, ana, "ana", f"Outra em {site.host}")
    send.to_everybody(f"{title}, para todos")
    caio.sees(f"{title}, para todos")
    assert caio.page.get_by_text(title, exact=True).count() == 0


@pytest.mark.endurance
@ON_BOTH
def test_marked_as_read_in_one_tab_the_badge_of_the_other_follows(desk, send, on_ably):
    for title in ("Por ler", "Também por ler"):
        send(title)
    for name, transport in (("ana", on_ably), ("bia", "sse")):
        first = desk(name)
        first.is_on(transport)
        second = first.another_tab()
        second.is_on(transport)
        unread = first.unread
        first.page.locator(".item.unread [data-action=read]").first.click()
        first.unread_is(unread - 1)
        second.unread_is(unread - 1)
        first.page.locator("#read-all").click()
        first.unread_is(0)
        second.unread_is(0)
        expect(second.page.locator(".item.unread")).to_have_count(0)


@ON_BOTH
def test_browsers_that_were_cut_off_come_back_to_everything_once(desk, site, on_ably):
    desks = [(desk(name), transport) for name, transport in (("ana", on_ably), ("bia", "sse"))]
    for one, transport in desks:
        one.is_on(transport)
        one.context.set_offline(True)
        one.is_on("offline")
    assert site.simulate("--rate", "20", "--count", "60", "--seed", "4").wait(PATIENCE) == 0
    for one, transport in desks:
        one.context.set_offline(False)
        one.is_on(transport)
        assert one.is_complete_and_each_once() > 0


@ON_BOTH
def test_the_flag_moves_the_right_people_while_a_sender_runs_and_nothing_is_lost(desk, staff, site, on_ably):
    ana, bia = desk("ana"), desk("bia")
    ana.is_on(on_ably)
    bia.is_on("sse")
    sender = site.simulate("--rate", "5", "--seed", "3")
    for change, by_ana, by_bia in (
        ({"percent": "0"}, "sse", "sse"),
        ({"percent": "100"}, on_ably, on_ably),
        ({"percent": "50"}, on_ably, "sse"),
        ({"everyone": "false"}, "sse", "sse"),
        ({"everyone": "true"}, on_ably, on_ably),
        ({"everyone": "unknown"}, on_ably, "sse"),
    ):
        staff.set_flag(**change)
        ana.is_on(by_ana)
        bia.is_on(by_bia)
    until(ana.page, lambda: ana.committed() and bia.committed())
    assert sender.poll() is None
    sender.kill()
    sender.wait()
    for one in (ana, bia):
        assert one.is_complete_and_each_once() > 0
