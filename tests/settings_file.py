"""Run semtas/settings.py as a process that starts does, without changing what this process has set up."""

import runpy
from typing import Any

import structlog

from tests.live.ably_server import ROOT

SETTINGS = ROOT / "semtas" / "settings.py"


def run_settings() -> dict[str, Any]:
    """Return the names that the settings define in the present environment.

    The settings configure structlog, whose loggers of this process would otherwise miss what `capture_logs` changes.

    Raises:
        ImproperlyConfigured: the environment has a wrong value.
    """
    before = structlog.get_config()
    try:
        return runpy.run_path(str(SETTINGS))
    finally:
        structlog.configure(**before)
