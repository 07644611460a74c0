"""The inboxes of one site, which another system fills."""

from playwright.sync_api import Browser

from tests.browser.desk import Desk, put_back
from tests.browser.logins import logged_in
from tests.browser.sending import Sender
from tests.live.site import Site


class Inboxes:
    """Each is in a browser context of one's own; `close` ends what a test did, and fails where one met an error.

    A person's page that is opened in the common way is kept for a later test.
    """

    def __init__(self, browser: Browser, site: Site, key: str):
        self.site = site
        self._browser = browser
        self._open: list[Desk] = []
        self._kept: list[Desk] = []
        self._sender = Sender(site, key)

    def open(self, username: str = "ana", address: str = "", *, script: str = "", live: bool = True, **context) -> Desk:
        """`context` is Playwright's; `script` runs before the page's own; `live`: returns once news would come."""
        if script or context:
            desk = Desk(self.site, logged_in(self._browser, self.site, username, **context).new_page())
        else:
            desk = Desk.common(self._browser, self.site, username, self._kept)
        if script:
            desk.page.add_init_script(script)
        self._open.append(desk)
        desk.open(address)
        if live:
            desk.is_on("sse")
        return desk

    def send(self, *titles: str, to: dict | None = None, **fields) -> None:
        """One notification with each of `titles`, to ana or to the `recipients` of the API."""
        self._sender(*titles, to=to or {"people": ["ana"]}, **fields)

    def close(self) -> None:
        errors = [error for desk in self._open for error in desk.errors]
        put_back(self._open, self._kept)
        assert errors == []
