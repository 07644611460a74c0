"""A desk: one person's browser, logged in, with the inbox open."""

from collections.abc import Callable

from playwright.sync_api import Browser, Page, expect

from tests.browser.logins import is_in_force, logged_in
from tests.browser.rest import until
from tests.live.site import Site

# Everything that the page ever puts into its list, in order, beside what it showed at its start.
_WATCH = """
() => {
  const list = document.getElementById("inbox");
  const ids = (nodes) => [...nodes].map((n) => n.dataset?.eventId).filter(Boolean);
  window.placed = ids(list.children);
  new MutationObserver((changes) => changes.forEach((c) => window.placed.push(...ids(c.addedNodes))))
    .observe(list, { childList: true });
}
"""
_COMMITTED = """
async (after) => {
  const events = [];
  for (let cursor = after, more = true; more; ) {
    const page = await (await fetch(`/api/v1/notifications/?limit=500&after=${cursor}`)).json();
    events.push(...page.results.map((row) => row.event_id));
    ({ complete_to: cursor, more } = page);
  }
  return [...new Set(events)];
}
"""


class Desk:
    """What one person sees. Two desks of one person in the same context are two tabs."""

    def __init__(self, site: Site, page: Page):
        self.site = site
        self.host = site.host
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text) if "Security Policy" in said.text else None)
        self.context = page.context
        self.keep_as = ""  # whose it is for a later test too; empty where a test leaves its traces

    @classmethod
    def common(cls, browser: Browser, site: Site, username: str, kept: list["Desk"]) -> "Desk":
        """Return one of theirs out of `kept`, or a new one that may be kept; it shows nothing yet."""
        for desk in kept:
            if (desk.keep_as, desk.site, desk.host) == (username, site, site.host):
                kept.remove(desk)
                if is_in_force(site, desk.context.cookies()):
                    return desk
                desk.context.close()
                break
        desk = cls(site, logged_in(browser, site, username).new_page())
        desk.keep_as = username
        return desk

    @classmethod
    def of(
        cls, browser: Browser, site: Site, username: str, prepare: Callable[[Page], None] = lambda _: None
    ) -> "Desk":
        """Open their inbox, in a browser context of one's own; `prepare` has the page before that."""
        page = logged_in(browser, site, username).new_page()
        prepare(page)
        page.goto(f"{site.url}/notificacoes/")
        return cls(site, page).watch()

    def is_as_new(self) -> bool:
        """Leave nothing of a test on its page, and no other page. False where that cannot be done."""
        if not self.keep_as or self.page.is_closed() or not self.page.url.startswith(self.site.url):
            return False
        self.context.set_offline(False)
        self.context.unroute_all(behavior="wait")
        self.page.unroute_all(behavior="wait")
        for other in self.context.pages:
            if other != self.page:
                other.close()
        self.page.evaluate("localStorage.clear()")
        self.page.goto("about:blank")
        self.errors.clear()
        return True

    def open(self, address: str = "") -> None:
        self.page.goto(f"{self.site.url}/notificacoes/{address}")

    def another_tab(self) -> "Desk":
        page = self.context.new_page()
        page.goto(f"{self.site.url}/notificacoes/")
        return Desk(self.site, page).watch()

    def watch(self) -> "Desk":
        """From now on, once the inbox is there, note what it shows."""
        expect(self.page).to_have_url(f"{self.site.url}/notificacoes/")
        self.page.wait_for_load_state("domcontentloaded")
        self.page.evaluate(_WATCH)
        self.start = self.page.evaluate("JSON.parse(document.getElementById('page').textContent).position")
        return self

    def waits_for(self, script: str, argument: object = None) -> None:
        """Until the function `script` answers true."""
        until(self.page, lambda: self.page.evaluate(script, argument))

    def is_on(self, transport: str) -> None:
        """Once the chip says `transport` (ably, sse, standby, offline)."""
        expect(self.page.locator("#status")).to_have_attribute("data-transport", transport)

    def sees(self, title: str) -> None:
        """Once exactly one notification with that title is in the list."""
        expect(self.page.locator(".item .title", has_text=title)).to_have_count(1)

    def unread_is(self, count: int) -> None:
        expect(self.page.locator("#unread")).to_have_attribute("data-unread", str(count))

    @property
    def unread(self) -> int:
        return int(self.page.get_attribute("#unread", "data-unread") or 0)

    def placed(self) -> list[str]:
        """Each event that was put into the list, as often as it was."""
        return self.page.evaluate("window.placed")

    def committed(self) -> set[str]:
        """Each event of theirs that the log holds from the opening of the page on."""
        return set(self.page.evaluate(_COMMITTED, self.start))

    def is_complete_and_each_once(self) -> int:
        """Everything that was committed is in the list, and nothing twice; how much that was."""
        committed = self.committed()
        script = "(ids) => ids.every((id) => window.placed.includes(id))"
        self.waits_for(script, list(committed))
        placed = self.placed()
        assert len(placed) == len(set(placed)), "something was put into the list twice"
        assert self.errors == []
        return len(committed)


def put_back(used: list[Desk], kept: list[Desk]) -> None:
    """Keep those of `used` for a later test that are as new: to open another costs three times the work."""
    for desk in used:
        if desk.is_as_new():
            kept.append(desk)
        else:
            desk.context.close()
    used.clear()
