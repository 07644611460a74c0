"""Open the inbox in Chromium as some people do, in a process of its own; note each row that a page puts into its list.

Told as `listeners` is: `{"site", "pages": [{"name", "session", "transport"}], "out"}`.
"""

import json
import sys
import time
from collections import Counter

from playwright.sync_api import Page

from tests.browser.chromium import chromium

_WATCH = """
() => {
  const list = document.getElementById("inbox");
  window.placed = [];
  const note = (nodes) => [...nodes].map((n) => n.dataset?.eventId).filter(Boolean)
    .forEach((id) => window.placed.push([id, performance.timeOrigin + performance.now()]));
  new MutationObserver((changes) => changes.forEach((c) => note(c.addedNodes))).observe(list, { childList: true });
}
"""
_LIVE_WITHIN = 60  # seconds
_LIVE = "() => document.getElementById('status').dataset.transport"


def main() -> None:
    task = json.loads(sys.stdin.readline())
    with chromium() as browser:
        pages = {}
        for one in task["pages"]:
            context = browser.new_context()
            context.add_cookies([{"name": "sessionid", "value": one["session"], "url": task["site"]}])
            page = context.new_page()
            page.goto(f"{task['site']}/notificacoes/")
            page.evaluate(_WATCH)
            pages[one["name"]] = page
        for one in task["pages"]:
            _until_live(pages[one["name"]], one["transport"])
        print("ready", flush=True)
        _answer(pages, task["out"])


def _until_live(page: Page, transport: str) -> None:
    """Raises RuntimeError where the page is live by another transport than its person's: it fell back."""
    deadline = time.monotonic() + _LIVE_WITHIN
    while page.evaluate(_LIVE) != transport:
        if time.monotonic() > deadline:
            raise RuntimeError(f"the page is not live by {transport}: {page.evaluate(_LIVE)}")
        page.wait_for_timeout(100)


def _answer(pages: dict[str, Page], out: str) -> None:
    while sys.stdin.readline().strip() == "count":
        print(sum(page.evaluate("window.placed.length") for page in pages.values()), flush=True)
    monotonic_ms = 1_000 * (time.monotonic() - time.time())
    with open(out, "w") as file:
        for name, page in pages.items():
            for event_id, at in page.evaluate("window.placed"):
                file.write(f"{name} {event_id} {round(1e6 * (at + monotonic_ms))}\n")
    transports = Counter(page.evaluate(_LIVE) for page in pages.values())
    print(json.dumps({"reopened": 0, "refused": 0, "transports": transports}), flush=True)


if __name__ == "__main__":
    main()
