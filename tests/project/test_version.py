"""One version everywhere: the newest that the changelog names."""

import tomllib

import pytest

from semtas import __version__, version_of
from tests.live.ably_server import ROOT


@pytest.mark.parametrize(
    ("changelog", "version"),
    [
        ("# Changelog\n\n## 1.2.0 – 2026-12-01\n\n## 1.1.9 – 2026-11-30\n", "1.2.0"),
        ("# Changelog\n\n## Unreleased\n\nSomething.\n\n## 1.1.9 – 2026-11-30\n", "1.1.9+dev"),
        ("# Changelog\n\n## Unreleased\n\n## 1.2.0 – 2026-12-01\n\nSomething.\n", "1.2.0"),
        ("# Changelog\n\n## Unreleased\n\nSomething.\n", "0.0.0+dev"),
        ("# Changelog\n\n## Unreleased\n", "0.0.0"),
        ("# Changelog\n", "0.0.0"),
    ],
)
def test_the_newest_heading_is_the_version(changelog, version):
    assert version_of(changelog) == version


def test_the_package_says_the_same():
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert __version__ in (package, f"{package}+dev")


def test_the_admin_says_which_version_it_is_to_whoever_is_let_in(admin_client, client):
    assert f"SEMTAS {__version__}" in admin_client.get("/admin/").text
    assert __version__ not in client.get("/admin/login/").text
