"""What the signature costs: of a notification's processor time, and of a page's first paint and first notification."""

import argparse
import asyncio
import contextlib
import gc
import itertools
import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

from benchmarks.ably import commit, make_people, put_everybody_on
from tests.live.ably_server import AblyServer
from tests.live.site import Site, environment_for, manage

_PEOPLE = 100
_UNMEASURED = 10  # pairs, which fill caches
_DRAWS = 5_000  # of the bootstrap
_WITHIN = 60  # seconds for a block, unless it hangs
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
    parser.add_argument("--seconds", type=int, default=240, help="for the dispatcher's blocks (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=60, help="of a block (default: %(default)s)")
    parser.add_argument("--loads", type=int, default=30, help="of the page, each way (default: %(default)s)")
    asked = parser.parse_args()
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before", flush=True
    )
    with tempfile.TemporaryDirectory() as folder, AblyServer() as ably:
        if asked.loads:
            tell_pairs("page", *loads(Path(folder) / "demo.sqlite3", ably, asked.loads))
        if asked.seconds:
            database = Path(folder) / "bench.sqlite3"
            environment = environment_for(database, ably, **_SETTINGS)
            manage(environment, "migrate", "--verbosity", "0")
            os.environ.update(environment, DJANGO_SETTINGS_MODULE="semtas.settings", DJANGO_ALLOW_ASYNC_UNSAFE="true")
            tell_share(*blocks(database, ably, asked.seconds, asked.rows))


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


def blocks(database: Path, ably: AblyServer, seconds: int, rows: int) -> tuple[list[float], list[float]]:
    """Return the processor's microseconds for a notification in each block of `rows`, signed and not."""
    import django

    django.setup()
    from django.conf import settings

    settings.ABLY_SLOW_AFTER = 30.0
    people = [person for person, _ in make_people(_PEOPLE)]
    with Site(database, ably, **_SETTINGS) as site:
        put_everybody_on(True, site)
    return asyncio.run(alternate(people, seconds, rows))


async def alternate(people: list, seconds: int, rows: int) -> tuple[list[float], list[float]]:
    """Have one dispatcher in this process publish block after block to the same people; the way that begins changes.

    What a block costs is the processor of this whole process: commit, stamp, seal, publish and settle. The two blocks
    of a pair lie half a second apart, so what the machine does otherwise weighs on both.
    """
    from asgiref.sync import sync_to_async

    from notificacao import signing
    from notificacao.dispatcher import claims
    from notificacao.dispatcher.loop import Dispatcher
    from notificacao.rollout import current
    from notificacao.transports.ably import AblyTransport

    found: dict[bool, list[float]] = {True: [], False: []}
    switch, settled = Switch(signing.sign), Settled(claims.settle, asyncio.get_running_loop())
    with patch.object(signing, "sign", switch.sign), patch.object(claims, "settle", settled.settle):
        running = asyncio.create_task(Dispatcher(AblyTransport()).run())
        while not (await sync_to_async(current)()).ably_up:
            await asyncio.sleep(0.1)
        until = time.monotonic() + seconds
        for number in itertools.takewhile(lambda _: time.monotonic() < until, itertools.count(-_UNMEASURED)):
            for signs in (True, False) if number % 2 else (False, True):
                switch.signs = signs
                gc.collect()
                begun = time.process_time()
                await sync_to_async(commit)(people, 0, rows, {})
                await settled.come_to(rows)
                if number >= 0:
                    found[signs].append(1e6 * (time.process_time() - begun) / rows)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return found[True], found[False]


class Switch:
    """Sign, or leave it; probes are signed in either case: an unsigned one would open the breaker."""

    def __init__(self, sign: Callable):
        self._sign = sign
        self.signs = True

    def sign(self, place, text: bytes) -> dict:
        from notificacao.audiences import PROBE_CHANNEL

        return self._sign(place, text) if self.signs or place.channel == PROBE_CHANNEL else place.headers


class Settled:
    """Tell when so many rows were settled, without asking the database for it."""

    def __init__(self, settle: Callable, loop: asyncio.AbstractEventLoop):
        self._settle, self._loop = settle, loop
        self._count = 0
        self._news = asyncio.Event()

    def settle(self, outcomes: dict) -> None:
        from notificacao.dispatcher.orchestrator import PUBLISHED

        self._settle(outcomes)
        told = [outcome for rows in outcomes.values() for outcome in rows.values()]
        assert set(told) <= {PUBLISHED}, "not all were published: the breaker opened; repeat at a calmer moment"
        self._loop.call_soon_threadsafe(self._note, len(told))

    def _note(self, count: int) -> None:
        self._count += count
        self._news.set()

    async def come_to(self, count: int) -> None:
        """Wait until `count` rows more were settled."""
        while self._count < count:
            self._news.clear()
            async with asyncio.timeout(_WITHIN):
                await self._news.wait()
        self._count -= count


def tell_share(signed: list[float], unsigned: list[float]) -> None:
    """Print what signing adds, in microseconds and as a share, each with its interval of 95% by the bootstrap."""
    draw = random.Random(1)
    pairs = list(zip(signed, unsigned, strict=True))
    drawn = [added(draw.choices(pairs, k=len(pairs))) for _ in range(_DRAWS)]
    for place, (unit, digits) in enumerate((("us", 1), ("%", 2))):
        low, *_, high = statistics.quantiles([one[place] for one in drawn], n=40)
        print(
            f"dispatcher, processor of a notification, {len(pairs)} pairs: signing adds "
            f"{added(pairs)[place]:+.{digits}f} {unit} ({low:+.{digits}f} to {high:+.{digits}f})",
            flush=True,
        )
    print(f"dispatcher: {statistics.median(signed):.0f} us signed, {statistics.median(unsigned):.0f} not", flush=True)


def added(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the mean difference without the tenth at either end, and its percentage of the median unsigned block."""
    differences = sorted(a - b for a, b in pairs)
    cut = len(differences) // 10
    mean = statistics.fmean(differences[cut : len(differences) - cut])
    return mean, 100 * mean / statistics.median(b for _, b in pairs)


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
