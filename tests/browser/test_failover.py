"""What breaks, and what the people at their desks notice of it: nothing is lost, nothing comes twice."""

import pytest

pytestmark = pytest.mark.browser


def send(site, title: str) -> None:
    """To everybody at CRAS Norte."""
    site.manage(
        "shell",
        "--no-imports",
        "-c",
        "from notificacao import audiences, services\n"
        "from notificacao.models import Unit\n"
        "unit = Unit.objects.get(code='CRAS01')\n"
        f"services.notify([audiences.channel_for_unit(unit)], title={title!r}, message='m')",
    )


def test_with_ably_killed_the_next_notification_comes_over_the_stream_that_is_open(desk, site, own_ably):
    ana = desk("ana")
    ana.is_on("ably")
    own_ably.kill()
    send(site, "Depois da queda")
    ana.sees("Depois da queda")
    ana.is_on("standby")
    own_ably.start()
    ana.is_on("ably", within=40)  # the SDK tries again every 15 s
    send(site, "Depois da volta")
    ana.sees("Depois da volta")
    assert ana.is_complete_and_each_once() == 2


def test_a_page_that_opens_while_ably_is_away_is_served_by_the_stream_and_goes_over_later(desk, site, own_ably):
    own_ably.kill()
    send(site, "Ninguém no Ably")  # what fails opens the breaker, or the next ones do
    ana = desk("ana")
    assert ana.page.locator("#status").get_attribute("data-transport") != "ably"
    ana.sees("Ninguém no Ably")
    own_ably.start()
    ana.is_on("ably", within=60)
    send(site, "De volta")
    ana.sees("De volta")
    assert ana.is_complete_and_each_once() == 1


def test_a_site_killed_and_started_again_finds_its_pages_coming_back(desk, site):
    ana, bia = desk("ana"), desk("bia")
    ana.is_on("ably")
    bia.is_on("sse")
    site.kill()
    send(site, "Enquanto o site estava fora")
    site.start()
    for one in (ana, bia):
        one.sees("Enquanto o site estava fora", within=40)
        assert one.is_complete_and_each_once() == 1


def test_asked_to_end_the_site_sends_its_streams_away_and_ends_at_once(desk, site):
    bia = desk("bia")
    bia.is_on("sse")
    assert site.terminate() == 0
    site.start()
    send(site, "Depois do reinício")
    bia.sees("Depois do reinício", within=40)


def test_a_title_that_is_markup_is_shown_as_text(desk, site):
    ana, bia = desk("ana"), desk("bia")
    ana.is_on("ably")
    bia.is_on("sse")
    title = "<img src=x onerror=document.title='x'>"
    send(site, title)
    for one in (ana, bia):
        one.sees(title)
        assert one.page.locator(".item img").count() == 0
        one.page.reload()
        one.sees(title)
        assert one.page.locator(".item img").count() == 0


def test_whoever_leaves_the_unit_hears_no_more_of_it(desk, site):
    ana, bia = desk("ana"), desk("bia")
    ana.is_on("ably")
    bia.is_on("sse")
    code = (
        "from notificacao.models import Membership\n"
        "for membership in Membership.objects.filter(person__username='{}'):\n"
        "    membership.delete()"
    )
    for name in ("ana", "bia"):
        site.manage("shell", "--no-imports", "-c", code.format(name))
    for one in (ana, bia):
        one.waits_for("() => fetch('/api/v1/session/').then(r => r.json()).then(s => s.channels.length === 2)")
    send(site, "Só para a unidade")
    carla = desk("carla")
    carla.sees("Só para a unidade")
    for one in (ana, bia):
        assert one.page.get_by_text("Só para a unidade").count() == 0


def test_logged_out_in_one_tab_the_other_goes_to_the_login(desk):
    for name, transport in (("ana", "ably"), ("bia", "sse")):
        first = desk(name)
        first.is_on(transport)
        second = first.another_tab()
        second.is_on(transport)
        first.page.get_by_role("button", name="Sair").click()
        second.page.wait_for_url("**/entrar/**", timeout=5_000)
