"""The scripts: each says what it does, and what it was told wrong."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.live.ably_server import ROOT
from tests.waiting import PATIENCE

NAMES = (
    *("bootstrap", "server", "test", "bench", "lock", "messages", "mutants", "observe", "proof", "sbom", "screenshots"),
    *("image", "deploy", "release-notes", "docs", "api-diff"),
)
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


def functions_of(script: str) -> dict[str, str]:
    """Return `{name: its text}` of each function that stands by itself in a script."""
    return {
        name: text
        for text, name in re.findall(r"^((\w+)\(\) \{(?:\n.*?^| .*?)\}$)", (ROOT / script).read_text(), re.M | re.S)
    }


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


def test_the_api_server_tells_how_it_is_used():
    told = run("script/kube-apiserver", "--help")
    assert told.returncode == 0
    assert "KUBERNETES_TOOLS" in told.stdout


def test_a_folder_without_the_tools_of_kubernetes_is_refused_by_name(tmp_path):
    told = run("script/kube-apiserver", "--path", KUBERNETES_TOOLS=str(tmp_path))
    assert told.returncode != 0
    assert str(tmp_path) in told.stderr
    assert "bin/kubectl" in told.stderr


def test_a_malformed_key_is_refused():
    told = run("script/ably-server", "--key", "none")
    assert told.returncode == 2
    assert "appId.keyId:secret" in told.stderr


@pytest.fixture
def bare_path(tmp_path):
    """A PATH with the commands that each Unix has, and Python: neither node nor compiler nor server nor apt-get."""
    for name in ("bash", "cat", "dirname", "env", "id", "sed", "sha256sum", "true"):
        (tmp_path / name).symlink_to(shutil.which(name))
    (tmp_path / "python3").symlink_to(Path(sys.executable).resolve())
    return str(tmp_path)


def test_where_the_server_cannot_be_built_each_missing_tool_is_named(bare_path):
    told = run("script/ably-server", "--can-build", PATH=bare_path)
    assert told.returncode == 1
    for tool in ("cargo", "cc", "make"):
        assert f"{tool} is missing" in told.stdout


def test_bootstrap_names_all_that_is_missing_at_once(bare_path):
    told = run("script/bootstrap", "--dev", PATH=bare_path, SOCKUDO="", XDG_CACHE_HOME=bare_path)
    assert told.returncode == 1
    command, *sentences = told.stderr.splitlines()[1:]
    assert set(command.split()) >= {"git", "gettext", "redis-server", "chromium-headless-shell", "build-essential"}
    assert [sentence.split()[0] for sentence in sentences] == ["Node", "Cargo"]


def test_what_ships_needs_etcd_and_no_go_on_a_machine_for_which_the_proxy_has_one(bare_path):
    told = run("script/bootstrap", "--dev", "--ship", PATH=bare_path, KUBERNETES_TOOLS="", XDG_CACHE_HOME=bare_path)
    assert told.returncode == 1
    command, *sentences = told.stderr.splitlines()[1:]
    assert set(command.split()) >= {"mmdebstrap", "etcd-server"}
    assert not any("Go" in sentence for sentence in sentences)


def test_without_servers_bootstrap_asks_for_none(bare_path):
    told = run("script/bootstrap", "--dev", "--no-servers", PATH=bare_path, XDG_CACHE_HOME=bare_path)
    assert told.returncode == 1
    assert "redis-server" not in told.stderr
    assert "Cargo" not in told.stderr


def test_an_unknown_benchmark_gets_the_list_of_those_there_are():
    told = run("script/bench", "nonesuch")
    assert told.returncode == 1
    assert "there is no benchmark 'nonesuch'" in told.stderr
    assert "dispatch" in told.stderr


def test_an_unknown_argument_of_bootstrap_is_refused():
    told = run("script/bootstrap", "--everything")
    assert told.returncode == 1
    assert "--everything" in told.stderr


def test_a_django_that_is_not_supported_is_refused_by_name():
    told = run("script/bootstrap", DJANGO="4.2")
    assert told.returncode == 1
    assert told.stderr == "script/bootstrap: DJANGO=4.2 is not supported: 5.2 or 6.0.\n"


def test_a_python_that_is_none_is_refused_by_name(bare_path):
    told = run("script/bootstrap", PATH=bare_path, PYTHON="/nonesuch", DJANGO="5.2")
    assert told.returncode == 1
    assert "PYTHON=/nonesuch is no Python 3.11 or newer" in told.stderr


@pytest.mark.parametrize(
    ("here", "chosen"),
    [
        ({"usr/python3.11": True, "path/python3.11": True}, "usr/python3.11"),
        ({"usr/python3.11": False, "path/python3.11": True}, "path/python3.11"),
        ({"usr/python3.12": True, "path/python3.11": True}, "path/python3.11"),
        ({"path/python3": False}, "path/python3"),
    ],
)
def test_the_python_of_the_distribution_comes_first_where_it_can_make_a_virtual_environment(here, chosen, tmp_path):
    for name, makes_venv in here.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f'#!/bin/sh\ncase "$2" in *ensurepip*) exit {0 if makes_venv else 1}; esac\n')
        (tmp_path / name).chmod(0o755)
    wanted = ("fits", "candidates", "makes_venv", "find_python")
    found = functions_of("script/bootstrap")
    lines = [*(found[name].replace("/usr/bin/", f"{tmp_path}/usr/") for name in wanted), 'command -v "$(find_python)"']
    environment = {"minor": "11", "PATH": str(tmp_path / "path")}
    told = subprocess.run(
        ["/bin/bash", "-c", "\n".join(lines)], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.strip() == str(tmp_path / chosen)


# --- As git has them


def git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout


def told_by_shebang(tracked: list[str], root: Path = ROOT) -> list[str]:
    """Return those of the `tracked` files that the system starts by their first line."""
    return [name for name in tracked if (root / name).is_file() and (root / name).read_bytes().startswith(b"#!")]


@pytest.fixture(scope="module")
def in_index() -> dict[str, str]:
    """`{path: mode}` of what git knows, `100755` where a file may be run."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout of git.")
    return {line.split("\t")[1]: line.split()[0] for line in git("ls-files", "--stage").splitlines()}


def test_each_script_may_be_run_and_ends_its_lines_as_unix_does(in_index):
    scripts = told_by_shebang(list(in_index))
    assert {"manage.py", ".ci/run", *(name for name in in_index if name.startswith("script/"))} <= set(scripts)
    assert [name for name in scripts if in_index[name] != "100755" or not os.access(ROOT / name, os.X_OK)] == []
    assert [name for name in scripts if b"\r" in (ROOT / name).read_bytes()] == []
    assert {line.split()[0] for line in git("ls-files", "--eol", "--", *scripts).splitlines()} == {"i/lf"}


def test_a_git_that_prefers_windows_line_ends_checks_out_those_of_unix(in_index, tmp_path):
    git("clone", "--quiet", "--config", "core.autocrlf=true", str(ROOT), str(tmp_path / "clone"))
    scripts = told_by_shebang(list(in_index), tmp_path / "clone")
    assert len(scripts) >= len(SCRIPTS)
    assert [name for name in scripts if b"\r" in (tmp_path / "clone" / name).read_bytes()] == []


# --- In GitHub's workflows

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


WRITES = {
    ("image.yml", "image"): {"packages", "id-token", "attestations"},
    ("deploy.yml", "image"): {"packages", "id-token", "attestations"},
    ("release.yml", "image"): {"packages", "id-token", "attestations"},
    ("release.yml", "release"): {"contents"},
}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_job_may_only_read_but_for_what_it_publishes(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] in ({}, {"contents": "read"})
    for name, job in workflow["jobs"].items():
        granted = job.get("permissions", workflow["permissions"])
        assert {right for right, how in granted.items() if how != "read"} == WRITES.get((path.name, name), set())
        assert granted["contents"] in ("read", "write")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_uses_actions_that_nobody_can_move(path):
    jobs = yaml.safe_load(path.read_text())["jobs"].values()
    used = [step["uses"] for job in jobs for step in job.get("steps", ()) if "uses" in step]
    assert [action for action in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action)] == []
    assert [job["uses"] for job in jobs if not job.get("uses", "./").startswith("./")] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "which overlay"),
        (("staging", "ghcr.io/x/y:latest"), "is not by its digest"),
        (("elsewhere", f"ghcr.io/x/y@sha256:{'0' * 64}"), "no overlay 'elsewhere'"),
    ],
)
def test_what_is_deployed_is_named_by_its_overlay_and_its_digest(words, said):
    told = run("script/deploy", *words)
    assert told.returncode == 2
    assert said in told.stderr


def test_the_notes_of_a_release_are_its_own_section_of_the_changelog():
    told = run("script/release-notes", "Unreleased")
    assert told.returncode == 0
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert told.stdout.strip() in changelog.partition("## Unreleased")[2]
    assert "\n## " not in told.stdout


def test_a_release_that_the_changelog_does_not_know_has_no_notes():
    told = run("script/release-notes", "99.0.0")
    assert told.returncode == 1
    assert "'## 99.0.0'" in told.stderr


def test_what_a_server_started_is_ended_even_where_it_is_told_twice():
    script = (ROOT / "script" / "server").read_text()
    functions = [functions_of("script/server")[name] for name in ("end", "stop")]
    traps = re.findall(r"^trap .*", script, re.M)
    site = "trap 'echo ending; sleep 0.5; exit' TERM; echo ready; while :; do sleep 0.1; done"
    lines = [*functions, *traps, f'sh -c "{site}" & site=$!', "sleep 60 & ably=$!", "echo $ably", "wait"]
    with subprocess.Popen(["bash", "-c", "\n".join(lines)], stdout=subprocess.PIPE, text=True) as server:
        told = {server.stdout.readline().strip() for _ in range(2)}
        (ably,) = map(int, told - {"ready"})
        server.terminate()
        assert server.stdout.readline() == "ending\n"
        server.terminate()
        server.wait(PATIENCE)
    assert not Path(f"/proc/{ably}").exists()
