"""What draws ana's attention: toasts, notices of the system, the sound. Only what she asked for, and never a storm."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
# The system's notices and the notes that are played, on record; whether the page is in sight, as the test says.
_RECORD = """
window.notices = [];
window.notes = 0;
window.Notification = class extends Notification {
  static permission = "granted"; // a browser without windows has nobody to ask
  static requestPermission = async () => "granted";
  constructor(title, options) {
    super(title, options);
    window.notices.push([title, options.body]);
  }
};
const { start } = AudioScheduledSourceNode.prototype;
AudioScheduledSourceNode.prototype.start = function (at) {
  window.notes += 1;
  start.call(this, at);
};
let sight = "visible";
Object.defineProperty(document, "visibilityState", { get: () => sight });
window.see = (word) => {
  sight = word;
  document.dispatchEvent(new Event("visibilitychange"));
};
"""


def preferring(inboxes, *labels):
    """Ana's inbox after she asked for `labels`."""
    ana = inboxes.open(script=_RECORD)
    ana.page.get_by_role("button", name="Preferências").click()
    for label in labels:
        ana.page.get_by_label(label).check()
    ana.page.get_by_role("button", name="Fechar").click()
    return ana


def hears(ana, title):
    """Once a quiet notification is announced. That takes longer than to alert of it, or of what came before it."""
    expect(ana.page.locator("#announcer")).to_have_text(f"Nova notificação: {title}")


@pytest.mark.parametrize(("priority", "role"), [("alta", "status"), ("urgente", "alert")])
def test_what_is_urgent_is_told_beside_the_list_and_leads_to_itself(inboxes, priority, role):
    ana = inboxes.open()
    title = f"Prioridade {priority}"
    inboxes.send(title, priority=priority)
    toast = ana.page.locator(f".toasts [role={role}] .toast.{priority}")
    expect(toast).to_contain_text(title)
    toast.get_by_role("link", name=title).click()
    expect(ana.page.get_by_role("heading", name=title)).to_be_visible()


def test_what_is_not_is_only_announced(inboxes):
    ana = inboxes.open()
    inboxes.send("Sem pressa")
    hears(ana, "Sem pressa")
    expect(ana.page.locator(".toast")).to_have_count(0)


def test_a_storm_is_one_toast_that_counts(inboxes):
    ana = inboxes.open()
    inboxes.send(*(f"Tempestade {number}" for number in range(40)), priority="alta")
    expect(ana.page.locator(".toast")).to_have_count(1)
    expect(ana.page.locator(".toast")).to_contain_text("40 novas notificações de prioridade alta")
    expect(ana.page.locator(".item", has_text="Tempestade")).to_have_count(40)


def test_a_storm_of_urgent_ones_is_said_once_and_politely(inboxes):
    ana = inboxes.open()
    said = """() => {
      window.said = { alert: [], status: [] };
      for (const role of ["alert", "status"])
        for (const region of document.querySelectorAll(`.toasts [role=${role}], #announcer[role=${role}]`))
          new MutationObserver(() => window.said[role].push(region.textContent)).observe(region, {
            childList: true, characterData: true, subtree: true,
          });
    }"""
    ana.page.evaluate(said)
    inboxes.send(*(f"Urgentes {number}" for number in range(30)), priority="urgente")
    expect(ana.page.locator("#announcer")).to_have_text("30 novas notificações")
    assert ana.page.evaluate("window.said") == {"alert": [], "status": ["30 novas notificações"]}
    expect(ana.page.locator(".toast")).to_contain_text("30 novas notificações urgentes")


def test_nobody_who_did_not_ask_is_disturbed(inboxes):
    ana = inboxes.open(script=_RECORD)
    ana.page.evaluate("see('hidden')")
    inboxes.send("Sem aviso", priority="urgente")
    expect(ana.page.locator(".toast.urgente")).to_contain_text("Sem aviso")
    inboxes.send("Sem pressa também")
    hears(ana, "Sem pressa também")
    assert ana.page.evaluate("[notices.length, notes]") == [0, 0]


def test_a_notice_of_the_system_comes_only_while_the_page_is_out_of_sight(inboxes):
    notices = "Avisos do navegador quando você estiver em outra aba ou janela"
    ana = preferring(inboxes, notices)
    inboxes.send("À vista")
    hears(ana, "À vista")
    ana.page.evaluate("see('hidden')")
    inboxes.send("Fora de vista", message="O que houve.")
    ana.waits_for("() => notices.length > 0")
    assert ana.page.evaluate("notices") == [["Fora de vista", "O que houve."]]
    inboxes.send("Uma", "Duas", "Três")
    ana.waits_for("() => notices.length > 1")
    assert ana.page.evaluate("notices[1][0]") == "3 novas notificações"


def test_where_the_browser_refuses_notices_the_page_says_why_nothing_comes(inboxes):
    ana = inboxes.open(script="Notification.requestPermission = async () => 'denied';")
    ana.page.get_by_role("button", name="Preferências").click()
    box = ana.page.get_by_label("Avisos do navegador quando você estiver em outra aba ou janela")
    box.click()
    expect(box).not_to_be_checked()
    expect(
        ana.page.get_by_text("O navegador não permite avisos deste site. Permita-os nas configurações do navegador")
    ).to_be_visible()


def test_the_sound_is_for_what_is_urgent_and_stays_chosen(inboxes):
    ana = preferring(inboxes, "Som para prioridade alta e urgente")
    ana.waits_for("() => notes === 2")  # this is how it sounds
    ana.page.reload()
    ana.is_on("sse")
    inboxes.send("Sem som")
    hears(ana, "Sem som")
    assert ana.page.evaluate("notes") == 0
    inboxes.send("Com som", priority="alta")
    ana.waits_for("() => notes === 2")
