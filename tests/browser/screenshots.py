"""Takes the pictures of the pages that docs/ shows: `script/screenshots`."""

import tempfile
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.chromium import chromium
from tests.browser.desk import Desk
from tests.browser.rest import at_rest
from tests.browser.staff import Staff
from tests.live.ably_server import ROOT, AblyServer
from tests.live.site import Site, environment_for, manage
from tests.waiting import PATIENCE

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
# Three hours of a stage, as the guard would have counted them.
_MEASURED = """
import random
from datetime import timedelta
from django.utils import timezone
from notificacao.rollout.guard.gates import GATES
from notificacao.models import RolloutMinute, RolloutPlan
chance, plan, now = random.Random(7), RolloutPlan.objects.last(), timezone.now().replace(second=0, microsecond=0)
def minute(ago, arm):
    shown = chance.randint(20, 40)
    slow = sum(chance.random() < 0.025 for _ in range(shown))
    failed = sum(chance.random() < 0.002 for _ in range(shown))
    at = now - timedelta(minutes=ago)
    return RolloutMinute(plan=plan, at=at, arm=arm, shown=shown, over_100_ms=slow, over_500_ms=slow // 2, failed=failed)
minutes = [minute(ago, arm) for ago in range(175, 2, -5) for arm in ("ably", "control")]
RolloutMinute.objects.bulk_create(minutes)
def share(name, arm):
    mine = [minute for minute in minutes if minute.arm == arm]
    return sum(getattr(minute, name) for minute in mine) / sum(minute.shown for minute in mine)
def gate(one):
    known = hasattr(RolloutMinute, one.name)
    value, control = (share(one.name, "ably"), share(one.name, "control")) if known else (0.0, None)
    state = "met" if not one.goal or value < one.goal / 3 else "not_yet"
    return {"name": one.name, "label": one.label, "state": state, "value": value, "control": control,
            "goal": one.goal, "critical": one.critical, "shown": 900, "people": 40}
plan.stages.filter(position=1).update(watched=175 * 60, sample=260, gates=[gate(one) for one in GATES])
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
            admin = Staff.of(browser, site)
            take_home(admin)
            take_sending(admin)
            take_rollout(admin)


def take_inbox(ana: Desk) -> None:
    """Ana, in the rollout, with some of hers read and some that came while she looked: light, dark, on a phone."""
    page = ana.page
    page.set_viewport_size(_DESK)
    ana.is_on("ably")
    page.locator("[data-action=read]").nth(2).click()
    page.locator("[data-action=read]").last.click()
    assert ana.site.simulate("--rate", "20", "--count", "12", "--seed", "7").wait(PATIENCE) == 0
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
        at_rest(page).screenshot(path=DOCS / f"{name}.png")


def take_diagnosis(ana: Desk) -> None:
    """Every link tried, and well."""
    page = ana.page
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(_DESK)
    page.goto(f"{ana.site.url}/notificacoes/diagnostico/")
    expect(page.locator("#verdict")).not_to_have_attribute("data-status", "pending")
    at_rest(page).screenshot(path=DOCS / "diagnostico.png", full_page=True)


def take_home(staff: Staff) -> None:
    """What an operator sees first: the state in a sentence, and what needs attention."""
    page = staff.page
    page.set_viewport_size({"width": 1000, "height": 840})
    page.goto(f"{staff.site.url}/admin/")
    at_rest(page).screenshot(path=DOCS / "operadores.png")


def take_sending(staff: Staff) -> None:
    """A notification to a unit, written and not yet sent; then how far one came."""
    page = staff.page
    page.set_viewport_size({"width": 1000, "height": 760})
    page.goto(f"{staff.site.url}/admin/notificacao/notification/add/")
    page.locator("[name=unit]").select_option(label="CRAS01 – CRAS Norte")
    page.locator("[name=title]").fill("Visita remarcada: 2026-00017")
    page.locator("[name=message]").fill("A visita do protocolo 2026-00017 passou para 25/11. Confirme com a família.")
    page.locator("[name=kind]").select_option("acompanhamento")
    page.locator("[name=priority]").select_option("alta")
    page.locator("#content").screenshot(path=DOCS / "enviar.png")
    page.locator("[name=_save]").click()
    expect(page.locator("#state .sentence")).to_contain_text("Entregue a 1 de")  # ana has her page open
    page.locator(".messagelist .success").evaluate("message => message.remove()")
    page.locator("#content").screenshot(path=DOCS / "alcance.png")


def take_rollout(staff: Staff) -> None:
    """A plan in its first stage."""
    page = staff.page
    page.set_viewport_size(_DESK)
    page.goto(f"{staff.site.url}/admin/notificacao/rolloutplan/")
    page.locator("summary", has_text="Iniciar").click()
    page.locator("details[open] textarea").fill("Aprovado na reunião de segunda-feira")
    page.get_by_role("button", name="Confirmar: Iniciar").click()
    expect(page.locator("tr.current")).to_be_visible()
    staff.site.manage("shell", "--no-imports", "-c", _MEASURED)
    page.reload()
    expect(page.locator(".chart canvas")).to_have_count(3)
    at_rest(page).screenshot(path=DOCS / "rollout.png", full_page=True)


if __name__ == "__main__":
    main()
