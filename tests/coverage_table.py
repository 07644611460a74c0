"""Print how much of each package the tests ran, branches included, and fail where one is below its limit.

It puts together what `tests.measured` wrote. The limits stand in pyproject.toml, [tool.coverage-limits].
"""

import json
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import slipcover

ROOT = Path(__file__).resolve().parent.parent
WHOLE = "notificacao, whole"


def together(files: Iterable[Path]) -> dict[str, Any]:
    """Return what ran in any of the processes, of each file of the product."""
    first, *others = (json.loads(path.read_text()) for path in files)
    for other in others:
        slipcover.merge_coverage(first, other)
    return first["files"]


def percents(files: dict[str, Any]) -> dict[str, float]:
    """Return the percentage of lines and branches that were run, of each folder, and last of all of them."""
    ran: Counter[str] = Counter()
    there: Counter[str] = Counter()
    for path, found in files.items():
        executed, missing = (
            len(found[f"{which}_lines"]) + len(found[f"{which}_branches"]) for which in ("executed", "missing")
        )
        for name in (str(Path(path).parent), WHOLE):
            ran[name] += executed
            there[name] += executed + missing
    return {name: 100 * ran[name] / there[name] for name in (*sorted(there.keys() - {WHOLE}), WHOLE) if there[name]}


def main() -> int:
    limits = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage-limits"]
    below = 0
    for name, percent in percents(together(ROOT.glob(".coverage.*.*"))).items():
        limit = limits["whole" if name == WHOLE else "package"]
        below += percent < limit
        print(f"{name:<36}{percent:6.1f}%{f'  below {limit}%' if percent < limit else ''}")
    return int(below > 0)


if __name__ == "__main__":
    sys.exit(main())
