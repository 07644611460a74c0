"""What breaks, and what the people at their desks notice of it: nothing is lost, nothing comes twice."""

import pytest

pytestmark = pytest.mark.browser


WITHOUT_THE_SITE = """
from notificacao import audiences, services
from notificacao.models import Unit
unit = audiences.channel_for_unit(Unit.objects.get(code="CRAS01"))
services.notify([unit], title="Enquanto o site estava fora", message="m")
"""


def test_with_ably_killed_the_stream_serves_what_is_open_and_what_opens_meanwhile_and_both_go_back_later(
    desk, send, own_ably
):
    ana = desk("ana")
    ana.is_on("ably")
    own_ably.kill()
    send("Depois da queda")
    ana.sees("Depois da queda")
    ana.is_on("standby")
    late = desk("ana")  # in another browser
    assert late.page.locator("#status").get_attribute("data-transport") != "ably"
    late.sees("Depois da queda")
    send("Para as duas")
    late.sees("Para as duas")
    own_ably.start()
    ana.is_on("ably")  # the SDK tries again every 15 s
    late.is_on("ably")
    send("Depois da volta")
    for one, lived_through in ((ana, 3), (late, 2)):
        one.sees("Depois da volta")
        assert one.is_complete_and_each_once() == lived_through


@pytest.mark.endurance
def test_a_site_killed_and_started_again_finds_its_pages_coming_back(desk, site):
    ana, bia = desk("ana"), desk("bia")
    ana.is_on("ably")
    bia.is_on("sse")
    site.kill()
    site.manage("shell", "--no-imports", "-c", WITHOUT_THE_SITE)
    site.start()
    for one in (ana, bia):
        one.sees("Enquanto o site estava fora")
        assert one.is_complete_and_each_once() == 1


def test_asked_to_end_the_site_sends_its_streams_away_and_ends_at_once(desk, send, site):
    bia = desk("bia")
    bia.is_on("sse")
    assert site.terminate() == 0
    site.start()
    send("Depois do reinício")
    bia.sees("Depois do reinício")


@pytest.mark.endurance
def test_a_title_that_is_markup_is_shown_as_text(desk, send):
    ana, bia = desk("ana"), desk("bia")
    ana.is_on("ably")
    bia.is_on("sse")
    title = "<img src=x onerror=document.title='x'>"
    send(title)
    for one in (ana, bia):
        one.sees(title)
        assert one.page.locator(".item img").count() == 0
        one.page.reload()
        one.sees(title)
        assert one.page.locator(".item img").count() == 0
