"""An open inbox while 2,000 notifications arrive in 80 s: tasks over 50 ms, rows, nodes, heap, order at the end."""

import argparse
import tempfile
import time
from pathlib import Path

from tests.browser.chromium import chromium
from tests.browser.desk import Desk
from tests.browser.sending import Sender
from tests.live.site import Site, environment_for, manage

_NEW_KEY = """
from notificacao.models import Kind
from tests.producers import make_key, make_producer
print(make_key(make_producer("medida", kinds=list(Kind.values))))
"""
_WATCH = """() => {
  window.tasks = [];
  const note = ({ startTime, duration }) => window.tasks.push([startTime, duration]);
  new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({ type: "longtask" });
  window.begun = performance.now();
}"""
_SEQS = "[...document.querySelectorAll('#inbox > .item')].map(({ dataset }) => Number(dataset.seq))"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--seconds", type=float, default=80)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "inbox.sqlite3"
        environment = environment_for(database)
        manage(environment, "migrate", "--verbosity", "0")
        manage(environment, "demo")
        key = manage(environment, "shell", "--no-imports", "-c", _NEW_KEY).split()[-1]
        with Site(database, RATE_SYSTEM="100000/100000") as site, chromium() as browser:
            desk = Desk.of(browser, site, "bia")
            desk.is_on("sse")
            measure(desk, Sender(site, key), asked.count, asked.seconds)


def measure(desk: Desk, send: Sender, count: int, seconds: float) -> None:
    """Send one by one, evenly, whatever one takes; weigh the page at each quarter."""
    page = desk.page
    devtools = page.context.new_cdp_session(page)
    page.evaluate(_WATCH)
    begun = time.monotonic()
    for number in range(1, count + 1):
        send(f"Chegada {number}")
        if number % (count // 4) == 0:
            weigh(devtools, number)
        page.wait_for_timeout(max(0.0, begun + number * seconds / count - time.monotonic()) * 1_000)
    took = time.monotonic() - begun
    desk.sees(f"Chegada {count}")
    seqs = page.evaluate(_SEQS)
    tasks = [(at - page.evaluate("begun"), ms) for at, ms in page.evaluate("tasks")]
    late = [ms for at, ms in tasks if at > 1_000]
    print(
        f"{count} in {took:.0f} s; tasks over 50 ms after the first second: {len(late)}, {max(late, default=0):.0f} ms"
    )
    print(f"rows {len(seqs)}, in order: {seqs == sorted(seqs, reverse=True)}, unread {desk.unread}")


def weigh(devtools, number: int) -> None:
    devtools.send("HeapProfiler.collectGarbage")
    heap, dom = devtools.send("Runtime.getHeapUsage"), devtools.send("Memory.getDOMCounters")
    print(f"after {number}: heap {heap['usedSize'] / 1e6:.1f} MB, nodes {dom['nodes']}", flush=True)


if __name__ == "__main__":
    main()
