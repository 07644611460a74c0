"""The scripts: each says what it does, and what it was told wrong."""

import os
import subprocess

import pytest

from tests.live.ably_server import ROOT

NAMES = ("bootstrap", "server", "test", "bench", "lock", "messages", "mutants", "sbom", "screenshots")
SCRIPTS = [*(f"script/{name}" for name in NAMES), ".ci/run"]


def run(*command: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(ROOT / command[0]), *command[1:]] if command[0].startswith("script") else ["bash", *command],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_each_script_tells_how_it_is_used(script):
    told = run(script, "--help")
    assert told.returncode == 0
    assert f"Usage: {script.removeprefix('.ci/run') or 'bash .ci/run'}" in told.stdout
    assert "set -euo pipefail" not in told.stdout


def test_the_ably_server_tells_how_it_is_used():
    told = run("script/ably-server", "--help")
    assert told.returncode == 0
    assert "SOCKUDO" in told.stdout


def test_a_path_to_no_ably_server_is_refused_by_name(tmp_path):
    told = run("script/ably-server", "--path", SOCKUDO=str(tmp_path / "none"))
    assert told.returncode != 0
    assert str(tmp_path / "none") in told.stderr


def test_a_malformed_key_is_refused():
    told = run("script/ably-server", "--key", "none")
    assert told.returncode == 2
    assert "appId.keyId:secret" in told.stderr


def test_where_the_server_cannot_be_built_each_missing_tool_is_named(tmp_path):
    (tmp_path / "env").symlink_to("/usr/bin/env")
    (tmp_path / "python3").symlink_to("/usr/bin/python3")
    told = run("script/ably-server", "--can-build", PATH=str(tmp_path))
    assert told.returncode == 1
    for tool in ("cargo", "protoc", "cmake"):
        assert f"{tool} is missing" in told.stdout


def test_a_protoc_without_its_types_is_named_before_the_build_stumbles_over_it(tmp_path):
    protoc = tmp_path / "protoc"
    protoc.write_text("#!/bin/sh\nexit 1\n")
    protoc.chmod(0o755)
    told = run("script/ably-server", "--can-build", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert told.returncode == 1
    assert "libprotobuf-dev" in told.stdout


def test_an_unknown_benchmark_gets_the_list_of_those_there_are():
    told = run("script/bench", "nonesuch")
    assert told.returncode == 1
    assert "there is no benchmark 'nonesuch'" in told.stderr
    assert "dispatch" in told.stderr


def test_an_unknown_argument_of_bootstrap_is_refused():
    told = run("script/bootstrap", "--everything")
    assert told.returncode == 1
    assert "--everything" in told.stderr
