"""What the signature costs: of a notification's processor time, and of a page's first paint and first notification."""

import argparse
import asyncio
import contextlib
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

from benchmarks._ably_speed import dispatcher_speed
from benchmarks.ably import commit, make_people, put_everybody_on
from tests.live.ably_server import AblyServer
from tests.live.site import Site, environment_for, manage

_PEOPLE = 100
_SETTINGS = {"LOG_LEVEL": "WARNING"}
_VERIFIES = 'if (await crypto.subtle.verify("Ed25519", await key, bytesOf(signature), signed)) return { place };'
_NEW_KEY = """
from notificacao.models import Kind
from tests.producers import make_key, make_producer
print(make_key(make_producer("medida", kinds=list(Kind.values))))
"""
# When a frame with a notification came, and when the page had put it into its list, by the page's own clock.
_WATCH = """
window.came = 0; window.placed = 0;
const { addEventListener } = WebSocket.prototype;
const note = ({ data }) => { if (String(data).includes('"signature"')) window.came ||= performance.now(); };
window.WebSocket = class extends WebSocket {
  constructor(...how) { super(...how); addEventListener.call(this, "message", note); }
};
addEventListener("DOMContentLoaded", () =>
  new MutationObserver(() => { if (window.came) window.placed ||= performance.now(); })
    .observe(document.getElementById("inbox"), { childList: true }));
"""
# One verification by the browser itself, of as much as a message has, among a hundred one after the other.
_VERIFY = """
async () => {
  const { publicKey, privateKey } = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
  const text = new Uint8Array(900);
  const signature = await crypto.subtle.sign("Ed25519", privateKey, text);
  const begun = performance.now();
  for (let n = 0; n < 100; n += 1) await crypto.subtle.verify("Ed25519", publicKey, signature, text);
  return (performance.now() - begun) / 100;
}
"""


def main() -> None:
    """Measure with the signature and without, in turns."""
    parser = argparse.ArgumentParser(prog="script/bench signature", description=__doc__)
    parser.add_argument("--rounds", type=int, default=8, help="of the dispatcher, each way (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=1_000, help="of a round (default: %(default)s)")
    parser.add_argument("--loads", type=int, default=30, help="of the page, each way (default: %(default)s)")
    asked = parser.parse_args()
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before", flush=True
    )
    with tempfile.TemporaryDirectory() as folder, AblyServer() as ably:
        if asked.loads:
            tell_pairs("page", *loads(Path(folder) / "demo.sqlite3", ably, asked.loads))
        if asked.rounds:
            database = Path(folder) / "bench.sqlite3"
            environment = environment_for(database, ably, **_SETTINGS)
            manage(environment, "migrate", "--verbosity", "0")
            os.environ.update(environment, DJANGO_SETTINGS_MODULE="semtas.settings", DJANGO_ALLOW_ASYNC_UNSAFE="true")
            tell_pairs("dispatcher", *rounds(database, ably, asked.rounds, asked.rows))


def tell_pairs(what: str, signed: list[dict[str, float]], unsigned: list[dict[str, float]]) -> None:
    """Print the medians of both ways, and the median of the pairs' differences with its interval of 95%."""
    for name in signed[0]:
        with_it, without = [one[name] for one in signed], [one[name] for one in unsigned]
        pairs = sorted(a - b for a, b in zip(with_it, without, strict=True))
        less = statistics.median(without)
        middle, count = statistics.median(pairs), len(pairs)
        low = max(0, int(count / 2 - 0.98 * count**0.5))  # by the sign test
        print(
            f"{what}, {name}: {statistics.median(with_it):.2f} signed, {less:.2f} not; {count} pairs differ by "
            f"{middle:+.2f} ({pairs[low]:+.2f} to {pairs[-1 - low]:+.2f}): {100 * middle / less:+.1f}%",
            flush=True,
        )


# --- Server


def rounds(database: Path, ably: AblyServer, count: int, rows: int) -> tuple[list[dict], list[dict]]:
    """Have a dispatcher in this process publish `rows`, `count` times each way; the way that begins changes."""
    import django

    django.setup()
    from django.conf import settings

    from notificacao import signing

    settings.ABLY_SLOW_AFTER = 30.0
    people = make_people(_PEOPLE)
    signed: list[dict] = []
    unsigned: list[dict] = []
    with Site(database, ably, **_SETTINGS) as site:
        put_everybody_on(True, site)
    persons = [person for person, _ in people]
    round_of(persons, rows)  # a first one, unmeasured
    for number in range(count):
        ways: list[Callable] = [lambda: signed.append(round_of(persons, rows)), lambda: unsigned.append(without())]

        def without() -> dict:
            with patch.object(signing, "sign", unless_a_probe(signing.sign)):
                return round_of(persons, rows)

        for way in ways if number % 2 else reversed(ways):
            way()
    return signed, unsigned


def unless_a_probe(sign: Callable) -> Callable:
    """Return what signs probes alone: an unsigned one would open the breaker."""
    from notificacao.audiences import PROBE_CHANNEL

    return lambda place, text: sign(place, text) if place.channel == PROBE_CHANNEL else place.headers


def round_of(people: list, rows: int) -> dict[str, float]:
    """Return the microseconds of processor and of time for each row: commit, stamp, seal, publish and settle."""
    busy = time.process_time()
    speed = asyncio.run(dispatcher_speed(people, rows, commit))
    return {"us of processor each": 1e6 * (time.process_time() - busy) / rows, "us each": 1e6 / speed}


# --- Browser


def loads(database: Path, ably: AblyServer, count: int) -> tuple[list[dict], list[dict]]:
    """Load the inbox and have a notification come by Ably, `count` times each way."""
    from tests.browser.chromium import chromium
    from tests.browser.sending import Sender

    environment = environment_for(database)
    manage(environment, "migrate", "--verbosity", "0")
    manage(environment, "demo")
    key = manage(environment, "shell", "--no-imports", "-c", _NEW_KEY).split()[-1]
    signed: list[dict] = []
    unsigned: list[dict] = []
    with Site(database, ably, RATE_SYSTEM="10000/10000") as site, chromium() as browser:
        sender = Sender(site, key)
        with page_of(browser, site, verifies=True) as yes, page_of(browser, site, verifies=False) as no:
            for number in range(-2, count):  # the first ones fill caches
                ways = [(yes, signed), (no, unsigned)]
                for page, found in ways if number % 2 else reversed(ways):
                    measured = load_once(page, site, sender)
                    if number >= 0:
                        found.append(measured)
        sender.close()
    return signed, unsigned


@contextlib.contextmanager
def page_of(browser, site: Site, *, verifies: bool) -> Iterator:
    """A page of ana's; where it does not verify, it believes what Ably brings."""
    from tests.browser.logins import logged_in

    page = logged_in(browser, site, "ana").new_page()
    page.add_init_script(_WATCH)

    def believe(route) -> None:
        answer = route.fetch()
        assert _VERIFIES in answer.text(), "signature.js verifies otherwise: mend this benchmark"
        route.fulfill(response=answer, body=answer.text().replace(_VERIFIES, "return { place };"))

    def pass_on(route) -> None:
        route.fulfill(response=route.fetch())  # the detour is the same

    page.route("**/signature*.js", pass_on if verifies else believe)
    yield page
    page.context.close()


def load_once(page, site: Site, sender) -> dict[str, float]:
    """Return the milliseconds until the first paint, until Ably is attached, and from a frame to its place."""
    from playwright.sync_api import expect

    from tests.browser.rest import until

    page.goto(f"{site.url}/notificacoes/")
    expect(page.locator("#status")).to_have_attribute("data-transport", "ably")
    attached = page.evaluate("performance.now()")
    sender("Medida")
    until(page, lambda: page.evaluate("window.placed"))
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0")
    shown = page.evaluate("window.placed - window.came")
    return {
        "ms to first paint": paint,
        "ms to Ably": attached,
        "ms from its frame to the list": shown,
        "ms of one verification": page.evaluate(_VERIFY),
    }


if __name__ == "__main__":
    main()
