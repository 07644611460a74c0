"""Say what a report was made on: machine, versions, commit."""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.proof.charts import number_of
from benchmarks.proof.meter import Neighbours
from tests.live.ably_server import ROOT

LIBRARIES = ("django", "uvicorn", "uvloop", "psycopg", "redis", "ably")


def describe(load_before: float) -> dict[str, str]:
    """Return `{what: said}` of the machine that serves and asks, in the order in which the report has it."""
    servers = ", ".join(filter(None, (_postgres(), _redis(), _nginx(), "servidor local compatível com o Ably")))
    return {**of_the_asker(load_before), "Servidores": servers, "Navegador": _chromium()}


def of_the_asker(load_before: float) -> dict[str, str]:
    """Return the same of a machine that asks a site elsewhere."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    cores = len(os.sched_getaffinity(0))
    busy = ": outra coisa a ocupava" if load_before > cores / 2 else ""
    return {
        "Quando": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "Versão": f"{_said('git', 'rev-parse', '--short=12', 'HEAD') or 'desconhecida: sem git'}{_dirty()}",
        "Máquina": ", ".join([_processor(), f"{cores} núcleos", _memory(), platform.platform(terse=True)]),
        "Carga antes de começar": f"{load_before:.1f}".replace(".", ",") + busy,
        "Python e bibliotecas": f"Python {platform.python_version()}, {libraries}",
    }


def beside(neighbours: Neighbours) -> dict[str, str]:
    """Return the line on who else was at work on this machine, once all is measured."""
    return {"Outros processos, durante a prova": f"cerca de {number_of(100 * neighbours.share())}% dos núcleos"}


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout or done.stderr).strip().partition("\n")[0] if done.returncode == 0 else ""


def _dirty() -> str:
    return " (com alterações)" if _said("git", "status", "--porcelain", "--untracked-files=no") else ""


def _chromium() -> str:
    return _said("chromium-headless-shell", "--version") or _said("chromium", "--version")


def _postgres() -> str:
    from tests.live.postgres import binaries

    return _said(str(binaries() / "postgres"), "--version")


def _redis() -> str:
    found = re.search(r"v=(\S+)", _said("redis-server", "--version"))
    return f"Redis {found[1]}" if found else ""


def _nginx() -> str:
    from tests.live.nginx import binary

    return _said(binary(), "-v").removeprefix("nginx version: ")


def _processor() -> str:
    found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def _memory() -> str:
    found = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    return f"{int(found[1]) / 1_048_576:.1f} GB".replace(".", ",") if found else ""
