"""The pages of the fault tests judge completeness as the browser does: the same steps, the same states."""

import json
import random
import subprocess
from pathlib import Path

from tests.faults.completeness import Completeness

NAMES = ["a", "b", "c"]
SCRIPT = Path(__file__).with_name("completeness.mjs")


def random_step(draw: random.Random) -> list:
    seq = draw.randint(0, 12)
    names = draw.sample(NAMES, draw.randint(0, 3))
    return draw.choice(
        [
            ["hear", [{"name": name, "since": draw.randint(0, 6), "head": draw.randint(0, 12)} for name in names]],
            ["open_live", seq, names],
            ["close_live"],
            ["sent_to", seq],
            ["shown", {"channel": draw.choice(NAMES), "seq": seq, "prev_seq": draw.randint(0, seq)}],
            ["shown", {"channel": draw.choice(NAMES), "seq": seq, "prev_seq": max(0, seq - 1)}],
            ["reach", seq, {name: draw.randint(0, 12) for name in names}],
            ["caught_up", seq, draw.choice([None, *NAMES])],
        ]
    )


def random_run(draw: random.Random) -> list:
    channels = [{"name": name, "since": draw.randint(0, 6)} for name in draw.sample(NAMES, draw.randint(0, 3))]
    return [f"e.{draw.randint(0, 6)}", channels, [random_step(draw) for _ in range(draw.randint(1, 25))]]


def summaries(position, channels, script):
    state = Completeness(position, channels)
    for step, *given in script:
        getattr(state, step)(*given)
        yield {
            "cursor": state.safe_cursor(),
            "lacking": sorted(state.lacking()),
            "uncovered": state.uncovered(),
            "channels": {name: [c.complete, c.head, c.covered] for name, c in state.channels.items()},
        }


def test_the_browsers_module_and_its_model_agree_after_every_step():
    draw = random.Random(20261124)
    runs = [random_run(draw) for _ in range(500)]
    done = subprocess.run(["node", SCRIPT], input=json.dumps(runs), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for run, theirs in zip(runs, json.loads(done.stdout), strict=True):
        assert list(summaries(*run)) == theirs, run
