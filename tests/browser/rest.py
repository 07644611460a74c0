"""Rest: what is measured in a browser is measured while nothing moves on the page, and waited for without a clock."""

import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from tests.waiting import PATIENCE

_LOOK_EVERY = 20  # ms
# What moves, or is still to come. To ask for animations applies the styles that were changed a moment ago.
_RESTLESS = """() => [
  ...document.getAnimations().map((one) => one.transitionProperty ?? one.animationName ?? "an animation"),
  ...(document.fonts.status === "loaded" ? [] : ["fonts"]),
  ...(document.readyState === "complete" ? [] : ["the page itself"]),
]"""


def new_context(browser: Browser, **how) -> BrowserContext:
    """Open a browser context of one's own, in which pages are asked from their first moment on not to move anything.

    `how` is Playwright's, and goes before. This is the one place that opens them.
    """
    common = {"locale": "pt-BR", "timezone_id": "America/Sao_Paulo", "reduced_motion": "reduce"}
    context = browser.new_context(**common | how)
    context.set_default_timeout(PATIENCE * 1_000)
    return context


def at_rest(page: Page) -> Page:
    """The page, once it and its fonts are loaded and nothing on it moves. Raises AssertionError with what does."""
    deadline = time.monotonic() + PATIENCE
    while moving := page.evaluate(_RESTLESS):
        assert time.monotonic() < deadline, f"it does not come to rest: {moving}"
        page.wait_for_timeout(_LOOK_EVERY)
    return page


def until(page: Page, condition: Callable[[], Any], within: float = PATIENCE) -> Any:
    """What `condition` answers as soon as that is true; what the browser tells meanwhile is heard.

    Playwright's own wait evals in the page, which our policy refuses. Raises AssertionError after `within` seconds.
    """
    deadline = time.monotonic() + within
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"it did not come true within {within} s; the last answer was {answer!r}"
        page.wait_for_timeout(_LOOK_EVERY)
    return answer
