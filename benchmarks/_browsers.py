"""Many browsers in a node process beside the measurement."""

import json
import subprocess
from pathlib import Path


class Browsers:
    """A node process with a browser's SDK or stream for each person."""

    def __init__(self, task: dict):
        self._process = subprocess.Popen(
            ["node", str(Path(__file__).with_name("browsers.mjs"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._say(json.dumps(task))
        assert self._hear() == "ready"

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def received(self) -> dict[str, float]:
        """`{notification id: monotonic second}`; ends the process."""
        self._say("")
        answer = json.loads(self._hear())
        self.end()
        return {key: int(at) / 1e9 for key, at in answer.items()}

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
