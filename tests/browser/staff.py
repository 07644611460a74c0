"""What staff do in the Django admin, by hand and mouse."""

from playwright.sync_api import Browser, Page, expect

from tests.browser.logins import logged_in
from tests.live.site import Site


class Staff:
    """A staff member's browser, logged in to the admin."""

    def __init__(self, site: Site, page: Page):
        self.site = site
        self.page = page

    @classmethod
    def of(cls, browser: Browser, site: Site) -> "Staff":
        return cls(site, logged_in(browser, site, "admin").new_page())

    def send_to_unit(self, unit: str, title: str, message: str = "Texto da mensagem.") -> None:
        """Compose and send; returns once the admin says that it is sent."""
        page = self.page
        page.goto(f"{self.site.url}/admin/notificacao/notification/add/")
        page.locator("[name=unit]").select_option(label=unit)
        page.locator("[name=title]").fill(title)
        page.locator("[name=message]").fill(message)
        page.locator("[name=_save]").click()
        expect(page.locator(".messagelist .success")).to_be_visible()

    def set_flag(self, *, percent: str | None = None, everyone: str = "unknown") -> None:
        """Edit the flag: `percent` as typed, `everyone` one of true, false, unknown."""
        page = self.page
        page.goto(f"{self.site.url}/admin/notificacao/rolloutflag/")
        page.locator("#result_list th a").first.click()
        if percent is not None:
            page.locator("[name=percent]").fill(percent)
        page.locator("[name=everyone]").select_option(everyone)
        page.locator("[name=_save]").click()
        expect(page.locator(".messagelist .success")).to_be_visible()
