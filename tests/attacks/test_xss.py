"""What somebody stores to run in another one's page: it is shown, and nothing of it runs, in a real browser."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import browser, demo_database, desk, own_ably, site  # noqa: F401

pytestmark = pytest.mark.browser
PAYLOADS = [
    "<script>window.ran = 1</script>",
    "<img src=x onerror='window.ran = 2'>",
    "\"'><svg onload=alert(3)>",
    "</script><script>alert(4)</script>",
    "{{ 7*7 }}${7*7}<!--",
    "javascript:alert(5)",
]
_STORE = """
from notificacao import audiences
from notificacao.models import Notification, Person
for text in {payloads}:
    Notification.objects.create(channel=audiences.channel_for_user(Person.objects.get(username="bia")), title=text,
        message=text, link="/notificacoes/?q=" + text[:80], data={{"event": text, text: text}})
"""


def test_what_is_stored_is_shown_as_text_and_nothing_of_it_runs(desk, site):  # noqa: F811
    bia = desk("bia")
    dialogs: list[str] = []
    bia.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    site.manage("shell", "--no-imports", "-c", _STORE.format(payloads=json.dumps(PAYLOADS)))
    for payload in PAYLOADS:
        bia.sees(payload)
    bia.page.reload()
    for payload in PAYLOADS:
        bia.sees(payload)
    for number in range(len(PAYLOADS)):
        bia.page.locator(".item a.title").nth(number).click()
        expect(bia.page.locator("h1")).to_be_visible()
        bia.page.go_back()
    assert bia.page.evaluate("window.ran") is None
    assert (
        bia.page.locator("main img, main svg[onload], main script:not([src]):not([type='application/json'])").count()
        == 0
    )
    assert dialogs == []
