"""Break a site of its own, one fault after another, and tell which alert came, how soon, to whom, when it cleared."""

import contextlib
import http.cookiejar
import json
import signal
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from observe.postgres import postgres
from observe.processes import Server, free_port
from observe.slow import SlowLink
from observe.watch import Watch

HURRY = 30  # times as fast as in production
_PATIENCE = 240  # seconds for an alert to come, or to clear
_KEY = "semtas.local:segredo-de-um-dia-com-64-letras-para-que-hs512-tenha-as-que-pede"
# The demo's key ends so soon that an alert tells of it: on this day all is well between two faults.
_KEYS_LAST = """
from datetime import timedelta
from django.db.models import F
from notificacao.models import ProducerKey
ProducerKey.objects.update(expiry_date=F("expiry_date") + timedelta(days=365))
"""
_PYTHON = [sys.executable, "manage.py"]


@dataclass
class Fault:
    """Something that breaks, the alerts of which one must come, and how it is mended."""

    what: str
    alerts: tuple[str, ...]
    begin: Callable[[], object]
    mend: Callable[[], object]


class Town:
    """A site with all that it may have: PostgreSQL, Redis, a dispatcher, and Ably behind a slow link."""

    def __init__(self, folder: Path):
        self._folder = folder
        self.ports = {name: free_port() for name in ("web", "dispatcher", "redis", "ably", "postgres")}
        self.url = f"http://127.0.0.1:{self.ports['web']}"
        self._link = SlowLink(self.ports["ably"])
        self._crowd: list[Server] = []

    @property
    def targets(self) -> dict[str, list[str]]:
        return {name: [f"127.0.0.1:{self.ports[name]}"] for name in ("web", "dispatcher")}

    @contextlib.contextmanager
    def running(self) -> Iterator["Town"]:
        with contextlib.ExitStack() as ending:
            ending.enter_context(self._link)
            database, url = postgres(self._folder, self.ports["postgres"])
            ending.enter_context(database)
            self._environment = {
                "DATABASE_URL": url,
                "DEBUG": "true",
                "DISPATCHER": "external",
                "REDIS_URL": f"redis://127.0.0.1:{self.ports['redis']}/0",
                "ABLY_API_KEY": _KEY,
                "ABLY_ENDPOINT": "127.0.0.1",
                "ABLY_PORT": str(self._link.port),
                "ABLY_TLS": "false",
                "CANARY_EVERY": "1",
                "BREAKER_COOLDOWN": "1",
                "VAR_DIR": str(self._folder),
            }
            self._ably = self._server(
                "ably", ["script/ably-server", f"--port={self.ports['ably']}", f"--key={_KEY}"], "time"
            )
            redis = ["redis-server", "--port", str(self.ports["redis"]), "--bind", "127.0.0.1", "--save", ""]
            self._redis = Server(redis, "", self._folder / "redis.log")
            self._web = self._server("web", [*_PYTHON, "serve", "--port", str(self.ports["web"])], "health/live")
            self._dispatcher = self._dispatching()
            for name in ("_ably", "_redis", "_web", "_dispatcher"):
                ending.callback(lambda name=name: getattr(self, name).end())
            ending.callback(lambda: [each.end() for each in self._crowd])
            self._manage("migrate", "--verbosity", "0")
            self._manage("demo")
            self._manage("shell", "--no-imports", "-c", _KEYS_LAST)
            for server in (self._ably, self._redis, self._web, self._dispatcher):
                server.start()
            self._simulate(2)
            yield self

    def _server(self, name: str, command: list[str], path: str, **more: str) -> Server:
        address = f"http://127.0.0.1:{self.ports[name]}/{path}"
        return Server(command, address, self._folder / f"{name}.log", {**self._environment, **more})

    def _dispatching(self, **more: str) -> Server:
        command = [*_PYTHON, "dispatch", "--metrics-port", str(self.ports["dispatcher"])]
        return self._server("dispatcher", command, "health/live", **more)

    def _manage(self, *words: str) -> None:
        Server([*_PYTHON, *words], "", self._folder / "manage.log", self._environment).run()

    def _simulate(self, rate: float) -> None:
        command = [*_PYTHON, "simulate", "--rate", str(rate)]
        self._crowd.append(Server(command, "", self._folder / "simulate.log", self._environment).start())

    # --- What breaks

    def faults(self) -> list[Fault]:
        return [
            Fault("Ably slow", ("BreakerOpen",), lambda: self._delay(0.8), lambda: self._delay(0)),
            Fault("Ably dead", ("BreakerOpen", "CanarySilent"), self._ably.kill, self._ably.start),
            Fault("Redis gone", ("RedisAway",), self._redis.kill, self._redis.start),
            Fault(
                "leader frozen",
                ("NobodyLeads",),
                lambda: self._dispatcher.signal(signal.SIGSTOP),
                lambda: self._dispatcher.signal(signal.SIGCONT),
            ),
            Fault("a forger", ("SignaturesRefused",), self._forge, lambda: None),
            Fault("budget ahead", ("BudgetAhead",), lambda: self._budget("1"), lambda: self._budget("160")),
            Fault(
                "a producer gone mad",
                ("UnstampedRowsWait", "ThroughputCritical", "LatencyCritical", "ErrorsCritical"),
                self._go_mad,
                self._come_to_reason,
            ),
        ]

    def _delay(self, seconds: float) -> None:
        self._link.latency = seconds

    def _go_mad(self) -> None:
        for _ in range(2):
            self._simulate(200)

    def _come_to_reason(self) -> None:
        while len(self._crowd) > 1:
            self._crowd.pop().end()

    def _budget(self, dollars: str) -> None:
        self._dispatcher.end()
        self._dispatcher = self._dispatching(MONTHLY_BUDGET_USD=dollars).start()

    def _forge(self) -> None:
        """Tell as a page of ana's does that a message without a signature came by Ably."""
        jar = http.cookiejar.CookieJar()
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        browser.open(f"{self.url}/entrar/").read()

        def token() -> str:
            return next(cookie.value or "" for cookie in jar if cookie.name == "csrftoken")

        form = {"username": "ana", "password": "semtas-demo", "next": "", "csrfmiddlewaretoken": token()}
        browser.open(f"{self.url}/entrar/", urllib.parse.urlencode(form).encode()).read()
        told = json.dumps({"reason": "unsigned", "count": 3}).encode()
        headers = {"Content-Type": "application/json", "X-CSRFToken": token()}
        browser.open(urllib.request.Request(f"{self.url}/api/v1/ably/unverified/", told, headers)).read()


ROW = "{:<20} {:<20} {:>6}  {:<30} {:>8}  {}"


def go_through(town: Town, watch: Watch) -> bool:
    """Print a row for each fault, then all of them; return whether each one's alert came, and cleared."""
    _until(lambda: _is_well(watch), "all is well before the day begins")
    rows = []
    for fault in town.faults():
        rows.append(_go_through(fault, watch))
        print(ROW.format(*rows[-1]), flush=True)
    print("\n" + ROW.format("fault", "alert", "after", "to", "cleared", "also told"))
    for row in rows:
        print(ROW.format(*row), flush=True)
    return not any("never" in row for row in rows)


def _go_through(fault: Fault, watch: Watch) -> tuple[str, ...]:
    began, before = time.monotonic(), len(watch.receiver.messages)
    fault.begin()
    came = _until(lambda: _heard(watch, before, fault.alerts, "firing"), fault.what)
    mended = time.monotonic()
    fault.mend()
    cleared = came and _until(lambda: _heard(watch, before, (came.alert,), "resolved"), f"{fault.what}, mended")
    _until(lambda: _is_well(watch), f"all is well after {fault.what}")
    news = watch.receiver.messages[before:]
    return (
        fault.what,
        came.alert if came else "-",
        f"{came.at - began:.0f} s" if came else "never",
        ", ".join(sorted({each.to for each in news if came and each.alert == came.alert})),
        f"{cleared.at - mended:.0f} s" if cleared else "never",
        ", ".join(sorted({each.alert for each in news} - {came.alert if came else ""})),
    )


def _is_well(watch: Watch) -> bool:
    """Tell whether nothing fires but burn rates, which remember for hours what has ended."""
    return not [each for each in watch.firing() if "Burn" not in each]


def _heard(watch: Watch, before: int, alerts: tuple[str, ...], status: str):
    news = watch.receiver.messages[before:]
    return next((each for each in news if each.alert in alerts and each.status == status), None)


def _until(condition: Callable, what: str):
    """Return what `condition` answers once it is true, or its last answer after a time in which it never was."""
    deadline = time.monotonic() + _PATIENCE
    while not (answer := condition()) and time.monotonic() < deadline:
        time.sleep(0.2)
    if not answer:
        print(f"It did not come: {what}.", flush=True)
    return answer
