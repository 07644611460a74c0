"""The browser: Debian's chromium, driven by Playwright, best in its build without windows: a third of the work."""

import contextlib
import shutil
from collections.abc import Iterator

from playwright.sync_api import Browser, expect, sync_playwright

from tests.waiting import PATIENCE

HOST_NAME = "notificacoes.semtas.example"  # this machine, as the browser has it: no secure context without TLS
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# Nothing leaves this machine, and nothing is asked of it that a container does not have.
_FLAGS = [
    f"--host-resolver-rules=MAP {HOST_NAME} 127.0.0.1",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Closed at the end. Fails with a sentence where the machine has none."""
    executable = next(filter(None, map(shutil.which, _NAMES)), None)
    assert executable, "chromium is missing: install it (Debian: apt-get install chromium-headless-shell)."
    expect.set_options(timeout=PATIENCE * 1_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=_FLAGS)
        yield browser
        browser.close()
