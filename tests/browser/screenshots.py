"""Takes the pictures of the pages that docs/ shows: `script/screenshots`."""

import tempfile
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.chromium import chromium
from tests.browser.desk import Desk
from tests.browser.staff import Staff
from tests.live.ably_server import ROOT, AblyServer
from tests.live.site import Site, environment_for, manage

DOCS = ROOT / "docs"
_DESK = {"width": 1000, "height": 860}
_PHONE = {"width": 390, "height": 844}
# The demo's own notifications are of today: each event goes eight hours further back than the one after it.
_SPREAD = """
from datetime import timedelta
from notificacao.models import Notification
from django.db.models import F
events = dict.fromkeys(Notification.objects.order_by("-pk").values_list("event_id", flat=True))
for age, event in enumerate(events):
    rows = Notification.objects.filter(event_id=event)
    rows.update(created_at=F("created_at") - timedelta(hours=8 * age, minutes=7 * age))
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, AblyServer() as ably:
        database = Path(folder) / "demo.sqlite3"
        environment = environment_for(database, ably)
        manage(environment, "migrate", "--verbosity", "0")
        manage(environment, "demo")
        manage(environment, "shell", "--no-imports", "-c", _SPREAD)
        with Site(database, ably, STREAM_HEARTBEAT="2") as site, chromium() as browser:
            ana = Desk.of(browser, site, "ana")
            take_inbox(ana)
            take_diagnosis(ana)
            take_rollout(Staff.of(browser, site))


def take_inbox(ana: Desk) -> None:
    """Ana, in the rollout, with some of hers read and some that came while she looked: light, dark, on a phone."""
    page = ana.page
    page.set_viewport_size(_DESK)
    ana.is_on("ably")
    page.locator("[data-action=read]").nth(2).click()
    page.locator("[data-action=read]").last.click()
    assert ana.site.simulate("--rate", "20", "--count", "12", "--seed", "7").wait(30) == 0
    ana.is_complete_and_each_once()
    page.evaluate("document.querySelectorAll('.toast').forEach((toast) => toast.remove())")
    for name, scheme, size in (
        ("inbox", "light", _DESK),
        ("inbox-dark", "dark", _DESK),
        ("inbox-phone", "light", _PHONE),
    ):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=DOCS / f"{name}.png")


def take_diagnosis(ana: Desk) -> None:
    """Every link tried, and well."""
    page = ana.page
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(_DESK)
    page.goto(f"{ana.site.url}/notificacoes/diagnostico/")
    expect(page.locator("#verdict")).not_to_have_attribute("data-status", "pending", timeout=60_000)
    page.screenshot(path=DOCS / "diagnostico.png", full_page=True)


def take_rollout(staff: Staff) -> None:
    """A plan that has just begun."""
    page = staff.page
    page.set_viewport_size(_DESK)
    page.goto(f"{staff.site.url}/admin/notificacao/rolloutplan/")
    page.locator("summary", has_text="Iniciar").click()
    page.locator("details[open] textarea").fill("Aprovado na reunião de segunda-feira")
    page.get_by_role("button", name="Confirmar: Iniciar").click()
    expect(page.locator("tr.current")).to_be_visible()
    page.screenshot(path=DOCS / "rollout.png", full_page=True)


if __name__ == "__main__":
    main()
