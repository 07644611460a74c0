"""The inboxes of one site: whose they are logs in once, and another system fills them over the API."""

import httpx
from playwright.sync_api import Browser, expect

from tests.browser.desk import Desk
from tests.live.site import PASSWORD, Site


class Inboxes:
    """Each is in a browser context of its own; `close` closes them, and fails where one of them met an error."""

    def __init__(self, browser: Browser, site: Site, key: str):
        self.site = site
        self._browser = browser
        self._logins: dict[str, dict] = {}
        self._open: list[Desk] = []
        self._system = httpx.Client(base_url=site.url, headers={"Authorization": f"Api-Key {key}"})

    def open(self, username: str = "ana", address: str = "", *, script: str = "", live: bool = True, **context) -> Desk:
        """`context` is Playwright's; `script` runs before the page's own; `live`: returns once news would come."""
        login = self._logins.get(username) or self._log_in(username)
        options = {"locale": "pt-BR", "timezone_id": "America/Sao_Paulo", "storage_state": login} | context
        page = self._browser.new_context(**options).new_page()
        if script:
            page.add_init_script(script)
        desk = Desk(self.site, page)
        self._open.append(desk)
        page.goto(f"{self.site.url}/notificacoes/{address}")
        if live:
            desk.is_on("sse", within=10)
        return desk

    def _log_in(self, username: str) -> dict:
        page = self._browser.new_context(locale="pt-BR").new_page()
        page.goto(f"{self.site.url}/entrar/?next=/notificacoes/")
        page.get_by_label("Usuário").fill(username)
        page.get_by_label("Senha").fill(PASSWORD)
        page.get_by_role("button", name="Entrar").click()
        expect(page).to_have_url(f"{self.site.url}/notificacoes/")
        self._logins[username] = page.context.storage_state()
        page.context.close()
        return self._logins[username]

    def send(self, *titles: str, to: dict | None = None, **fields) -> None:
        """One notification with each of `titles`, to ana or to the `recipients` of the API."""
        common = {"recipients": to or {"people": ["ana"]}, "message": "Texto.", "kind": "sistema", **fields}
        sent = self._system.post("/api/v1/notifications/", json=[{"title": title, **common} for title in titles])
        assert sent.is_success, sent.text

    def close(self) -> None:
        errors = [error for desk in self._open for error in desk.errors]
        for desk in self._open:
            desk.context.close()
        self._open.clear()
        assert errors == []
