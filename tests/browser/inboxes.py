"""The inboxes of one site, which another system fills."""

from playwright.sync_api import Browser

from tests.browser.desk import Desk
from tests.browser.logins import logged_in
from tests.browser.sending import Sender
from tests.live.site import Site


class Inboxes:
    """Each is in a browser context of its own; `close` closes them, and fails where one of them met an error."""

    def __init__(self, browser: Browser, site: Site, key: str):
        self.site = site
        self._browser = browser
        self._open: list[Desk] = []
        self._sender = Sender(site, key)

    def open(self, username: str = "ana", address: str = "", *, script: str = "", live: bool = True, **context) -> Desk:
        """`context` is Playwright's; `script` runs before the page's own; `live`: returns once news would come."""
        page = logged_in(self._browser, self.site, username, **context).new_page()
        if script:
            page.add_init_script(script)
        desk = Desk(self.site, page)
        self._open.append(desk)
        page.goto(f"{self.site.url}/notificacoes/{address}")
        if live:
            desk.is_on("sse")
        return desk

    def send(self, *titles: str, to: dict | None = None, **fields) -> None:
        """One notification with each of `titles`, to ana or to the `recipients` of the API."""
        self._sender(*titles, to=to or {"people": ["ana"]}, **fields)

    def close(self) -> None:
        errors = [error for desk in self._open for error in desk.errors]
        for desk in self._open:
            desk.context.close()
        self._open.clear()
        assert errors == []
