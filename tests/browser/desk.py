"""A desk: one person's browser, logged in, with the inbox open."""

import time

from playwright.sync_api import Browser, Page, expect

from tests.live.site import PASSWORD, Site

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


def tell_everybody(site: Site, title: str, priority: str = "normal") -> None:
    """A notification on the system's channel, from a process of its own."""
    notify = f"services.notify([audiences.SYSTEM_CHANNEL], title={title!r}, message='m', priority={priority!r})"
    site.manage("shell", "--no-imports", "-c", f"from notificacao import audiences, services\n{notify}")


class Desk:
    """What one person sees. Two desks of one person in the same context are two tabs."""

    def __init__(self, site: Site, page: Page):
        self.site = site
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text) if "Security Policy" in said.text else None)
        self.context = page.context

    @classmethod
    def of(cls, browser: Browser, site: Site, username: str) -> "Desk":
        """Log in and open the inbox, in a browser context of one's own."""
        page = browser.new_context(locale="pt-BR", timezone_id="America/Sao_Paulo").new_page()
        page.goto(f"{site.url}/entrar/?next=/notificacoes/")
        page.get_by_label("Usuário").fill(username)
        page.get_by_label("Senha").fill(PASSWORD)
        page.get_by_role("button", name="Entrar").click()
        return cls(site, page)._watch()

    def another_tab(self) -> "Desk":
        page = self.context.new_page()
        page.goto(f"{self.site.url}/notificacoes/")
        return Desk(self.site, page)._watch()

    def _watch(self) -> "Desk":
        expect(self.page).to_have_url(f"{self.site.url}/notificacoes/")
        self.page.wait_for_load_state("domcontentloaded")
        self.page.evaluate(_WATCH)
        self.start = self.page.evaluate("JSON.parse(document.getElementById('page').textContent).position")
        return self

    def waits_for(self, script: str, argument: object = None, within: float = 10) -> None:
        """Until the function `script` answers true. Playwright's own wait evals in the page: its policy refuses."""
        deadline = time.monotonic() + within
        while not self.page.evaluate(script, argument):
            assert time.monotonic() < deadline, f"within {within} s it did not come true: {script}"
            self.page.wait_for_timeout(20)

    def is_on(self, transport: str, within: float = 5) -> None:
        """The chip says `transport` (ably, sse, standby, offline) within that many seconds."""
        expect(self.page.locator("#status")).to_have_attribute("data-transport", transport, timeout=within * 1000)

    def sees(self, title: str, within: float = 5) -> None:
        """Exactly one notification with that title is in the list."""
        expect(self.page.locator(".item .title", has_text=title)).to_have_count(1, timeout=within * 1000)

    def unread_is(self, count: int, within: float = 5) -> None:
        expect(self.page.locator("#unread")).to_have_attribute("data-unread", str(count), timeout=within * 1000)

    @property
    def unread(self) -> int:
        return int(self.page.get_attribute("#unread", "data-unread") or 0)

    def placed(self) -> list[str]:
        """Each event that was put into the list, as often as it was."""
        return self.page.evaluate("window.placed")

    def committed(self) -> set[str]:
        """Each event of theirs that the log holds from the opening of the page on."""
        return set(self.page.evaluate(_COMMITTED, self.start))

    def is_complete_and_each_once(self, within: float = 10) -> int:
        """Everything that was committed is in the list, and nothing twice; how much that was."""
        committed = self.committed()
        script = "(ids) => ids.every((id) => window.placed.includes(id))"
        self.waits_for(script, list(committed), within)
        placed = self.placed()
        assert len(placed) == len(set(placed)), "something was put into the list twice"
        assert self.errors == []
        return len(committed)
