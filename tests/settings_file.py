"""Run semtas/settings.py as a process that starts does, without changing what this process has set up."""

import runpy
from pathlib import Path
from typing import Any

import structlog

from tests.live.ably_server import ROOT

SETTINGS = ROOT / "semtas" / "settings.py"


def run_settings(settings: Path = SETTINGS) -> dict[str, Any]:
    """Return the names that the file `settings` defines in the present environment.

    The settings configure structlog, whose loggers of this process would otherwise miss what `capture_logs` changes.

    Raises:
        ImproperlyConfigured: the environment has a wrong value.
    """
    before = structlog.get_config()
    try:
        return runpy.run_path(str(settings))
    finally:
        structlog.configure(**before)
