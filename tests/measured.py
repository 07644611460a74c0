"""`pytest -p tests.measured`: which lines and branches of notificacao/ ran, as JSON in COVERAGE_FILE.<process>.

A plugin, since modules are instrumented as they are imported, and Django's settings import the first.
"""

import json
import os
import tomllib
from pathlib import Path

import pytest
import slipcover

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / os.environ["COVERAGE_FILE"]

_asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["slipcover"]
_sources = [str(ROOT / source) for source in _asked["source"]]
_measured = slipcover.Slipcover(branch=_asked["branch"], source=_sources, omit=_asked["omit"])
_imports = slipcover.ImportManager(_measured, slipcover.FileMatcher(sources=_sources, omit=_asked["omit"]))
_imports.__enter__()


def pytest_sessionstart(session):
    """Remove what an earlier run left, in the process that starts the others."""
    if not hasattr(session.config, "workerinput"):
        for left in FILE.parent.glob(f"{FILE.name}.*"):
            left.unlink()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish():
    """Write what ran in this process; `tests.coverage_table` puts the files of all processes together."""
    process = os.environ.get("PYTEST_XDIST_WORKER", "main")
    FILE.with_name(f"{FILE.name}.{process}").write_text(json.dumps(_measured.get_coverage()))
