"""Takes the pictures of the pages that docs/ shows: `script/screenshots`."""

import tempfile
from pathlib import Path

from tests.browser.chromium import chromium
from tests.browser.desk import Desk
from tests.live.ably_server import ROOT, AblyServer
from tests.live.site import Site, environment_for, manage

DOCS = ROOT / "docs"
_SIZE = {"width": 1000, "height": 720}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, AblyServer() as ably:
        database = Path(folder) / "demo.sqlite3"
        environment = environment_for(database, ably)
        manage(environment, "migrate", "--verbosity", "0")
        manage(environment, "demo")
        with Site(database, ably) as site, chromium() as browser:
            take_inbox(Desk.of(browser, site, "ana"))


def take_inbox(ana: Desk) -> None:
    """Ana, in the rollout, with some of hers read and some that came while she looked."""
    ana.page.set_viewport_size(_SIZE)
    ana.is_on("ably")
    ana.page.locator("[data-action=read]").last.click()
    assert ana.site.simulate("--rate", "20", "--count", "30", "--seed", "7").wait(30) == 0
    ana.is_complete_and_each_once()
    ana.page.evaluate("scrollTo(0, 0)")
    ana.page.screenshot(path=DOCS / "inbox.png")


if __name__ == "__main__":
    main()
