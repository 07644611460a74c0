"""`script/proof` as a whole at its smallest: every scene comes to its end, and nothing is lost."""

import json
import subprocess
import sys

import pytest

from notificacao import plan_goals as plan
from tests.live.ably_server import ROOT

pytestmark = pytest.mark.ship


def test_the_smallest_proof_comes_to_its_end_and_loses_nothing(tmp_path):
    command = [sys.executable, "-m", "benchmarks.proof", "--scale", "tiny", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    lines = {line["what"]: line for line in [*report["technical"], *report["business"]]}
    assert not report["red"]
    assert not [section["title"] for section in report["sections"] if section["error"]]
    for goal in (plan.LATENCY_P95, plan.ERRORS, plan.AVAILABILITY, plan.THROUGHPUT, plan.CONNECTIONS, plan.COST):
        assert lines[goal.name]["measured"] is not None
        assert lines[goal.name]["samples"] > 0
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
