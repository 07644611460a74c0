"""Watch the site of `script/server`, or a day of faults: what `script/observe` runs."""

import argparse
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import NoReturn

from observe.day import HURRY, Town, go_through
from observe.processes import Server, answers, free_port
from observe.receiver import Message
from observe.watch import Watch, watching


def tell(message: Message) -> None:
    word = "ALERTA " if message.status == "firing" else "passou "
    print(f"{word} {message.to:<20} {message.alert}: {message.summary}  {message.runbook}", flush=True)


def announce(watch: Watch, site: str) -> None:
    print(f"Site          {site}\nPrometheus    {watch.prometheus}\nAlertmanager  {watch.alertmanager}", flush=True)
    print("Alerts come here; Ctrl-C ends all that this script started.", flush=True)


def watch_a_day(folder: Path) -> int:
    """Return 0 where each fault's alert came, and cleared."""
    with Town(folder).running() as town, watching(folder, town.targets, town.url, HURRY, tell) as watch:
        announce(watch, town.url)
        print(f"Windows and pauses of the rules are {HURRY} times shorter than in production.", flush=True)
        return 0 if go_through(town, watch) else 1


def watch_the_site(folder: Path, url: str) -> int:
    """Watch the site at `url`, or one that is started here where none answers, while people work in it."""
    if not answers(f"{url}/health/live"):
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        print(f"No site answers: starting script/server on {url}", flush=True)
        site = Server(["script/server", "--port", str(port)], f"{url}/health/live", folder / "server.log")
        with site:
            return _with_work(folder, url)
    return _with_work(folder, url)


def _with_work(folder: Path, url: str) -> int:
    work = Server([sys.executable, "manage.py", "simulate", "--rate", "2"], "", folder / "simulate.log")
    with work, watching(folder, {"web": [url.partition("//")[2]]}, url, 1, tell) as watch:
        announce(watch, url)
        threading.Event().wait()
    return 0


def leave(number: int, _frame: object) -> NoReturn:
    """End everything once: who presses Ctrl-C again must not break off what ends the servers."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/observe")
    parser.add_argument("--day", action="store_true")
    parser.add_argument("--site", default="http://127.0.0.1:8000", metavar="URL")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)
    with tempfile.TemporaryDirectory(prefix="semtas-observe-") as name:
        folder = Path(name)
        return watch_a_day(folder) if options.day else watch_the_site(folder, options.site.rstrip("/"))


if __name__ == "__main__":
    sys.exit(main())
