"""Print how much of each package the tests ran, branches included, and fail where one is below its limit.

The limits stand in pyproject.toml: `fail_under` of [tool.coverage.report] for all, and for each of
[tool.coverage-by-package].
"""

import io
import sys
import tomllib
from pathlib import Path

import coverage

ROOT = Path(__file__).resolve().parent.parent


def packages() -> list[Path]:
    """Return the folders of the product that hold modules of their own, as paths relative to the root."""
    folders = {path.parent for path in (ROOT / "notificacao").rglob("*.py") if path.stat().st_size}
    return sorted(folder.relative_to(ROOT) for folder in folders if folder.name != "migrations")


def measure(data: coverage.Coverage, include: str | None = None) -> float:
    """Return the percentage of lines and branches that were run, of the files that `include` matches."""
    return data.report(include=include, file=io.StringIO(), show_missing=False)


def main() -> int:
    limits = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    data = coverage.Coverage(data_file=str(ROOT / ".coverage"), config_file=str(ROOT / "pyproject.toml"))
    data.load()
    least = limits["coverage-by-package"]["fail_under"]
    rows = [(str(folder), measure(data, f"{folder}/*.py"), least) for folder in packages()]
    rows.append(("notificacao, whole", measure(data), limits["coverage"]["report"]["fail_under"]))
    for name, percent, limit in rows:
        print(f"{name:<36}{percent:6.1f}%{f'  below {limit}%' if percent < limit else ''}")
    return int(any(percent < limit for _, percent, limit in rows))


if __name__ == "__main__":
    sys.exit(main())
