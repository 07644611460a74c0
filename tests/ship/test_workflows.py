"""The pipelines: clean by actionlint and zizmor, pinned by commit, with no more rights than they use."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.live.ably_server import ROOT
from tests.ship.container import program

pytestmark = pytest.mark.ship

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
_PINNED = re.compile(r"uses: ([\w./-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$", re.MULTILINE)


def actionlint(*paths: Path) -> subprocess.CompletedProcess:
    brought = subprocess.run([ROOT / "script/kube-apiserver", "--go"], capture_output=True, text=True, check=True)
    return subprocess.run(
        [brought.stdout.strip(), "-C", ROOT / ".github" / "tools", "tool", "actionlint", *paths],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def zizmor(path: Path) -> subprocess.CompletedProcess:
    command = [program("zizmor"), "--offline", "--pedantic", "--no-progress", "--quiet", path]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_actionlint_finds_nothing():
    told = actionlint(*WORKFLOWS)
    assert (told.returncode, told.stdout) == (0, ""), told.stderr


def test_zizmor_finds_nothing():
    told = zizmor(ROOT / ".github")
    assert told.returncode == 0, told.stdout


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("needs: [image, staging]", "needs: [image, stagings]"),
        ("${{ needs.image.outputs.image }}", "${{ needs.image.outputs.picture }}"),
        ("runs-on: ubuntu-24.04", "runs-on: ubuntu-24.4"),
    ],
)
def test_a_workflow_that_cannot_run_is_found(tmp_path, right, wrong):
    workflow = ROOT / ".github" / "workflows" / "deploy.yml"
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (folder / "image.yml").write_text((workflow.parent / "image.yml").read_text())
    (folder / "deploy.yml").write_text(workflow.read_text().replace(right, wrong))
    assert actionlint(folder / "deploy.yml").returncode == 1


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("permissions: {}\n", ""),
        ("          persist-credentials: false\n", ""),
        ("@de0fac2e4500dabe0009e67214ff5f5447ce83dd", "@v6"),
        ("      contents: write # makes the release", "      contents: write # makes it\n      actions: write"),
        ('script/release-notes "${TAG#v}"', "script/release-notes ${{ github.ref_name }}"),
    ],
)
def test_a_workflow_that_gives_away_too_much_is_found(tmp_path, right, wrong):
    said = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    assert right in said
    spoilt = tmp_path / "release.yml"
    spoilt.write_text(said.replace(right, wrong))
    assert zizmor(spoilt).returncode > 0


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_each_action_of_others_is_pinned_by_its_commit_and_says_which_version_that_is(workflow):
    lines = [line.strip().removeprefix("- ") for line in workflow.read_text().splitlines() if "uses:" in line]
    assert [line for line in lines if "uses: ./" not in line and not _PINNED.search(line)] == []


def test_one_commit_is_one_version_in_all_of_them():
    pins = {found for path in WORKFLOWS for found in _PINNED.findall(path.read_text())}
    assert len({name for name, *_ in pins}) == len(pins)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_each_script_that_a_workflow_runs_is_there(workflow):
    named = set(re.findall(r"\b((?:script|\.ci)/[a-z-]+)", workflow.read_text()))
    assert [name for name in named if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize(
    ("changelog", "code"),
    [
        ("## 1.2.0 – 2026-12-01\n\nSomething.\n", 0),
        ("## Unreleased\n\n## 1.2.0 – 2026-12-01\n\nSomething.\n", 0),
        ("## Unreleased\n\nMore.\n\n## 1.2.0 – 2026-12-01\n\nSomething.\n", 1),
        ("## 1.3.0 – 2026-12-02\n\nMore.\n\n## 1.2.0 – 2026-12-01\n\nSomething.\n", 1),
        ("## Unreleased\n\nSomething.\n", 1),
    ],
)
def test_a_tag_that_is_not_the_version_of_the_changelog_stops_before_an_image_is_pushed(tmp_path, changelog, code):
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"]
    assert (jobs["image"]["needs"], jobs["release"]["needs"]) == ("notes", "image")
    for name in ("script/release-notes", "semtas/__init__.py"):
        (tmp_path / name).parent.mkdir()
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{changelog}")
    shell = ["bash", "-e", "-o", "pipefail", "-c", jobs["notes"]["steps"][-1]["run"]]
    environment = {"PATH": os.environ["PATH"], "TAG": "v1.2.0"}
    assert subprocess.run(shell, cwd=tmp_path, env=environment, capture_output=True, check=False).returncode == code


def test_production_waits_for_staging_and_for_its_own_environment():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text())["jobs"]
    assert "staging" in jobs["production"]["needs"]
    assert jobs["production"]["environment"]["name"] == "production"
    for job in (jobs["staging"], jobs["production"]):
        assert job["steps"][-1]["run"].startswith(".venv/bin/python manage.py smoke ")
        assert job["permissions"] == {"contents": "read"}


def test_the_matrix_has_each_python_and_django_that_the_project_supports():
    matrix = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())["jobs"]["quick"]["strategy"][
        "matrix"
    ]
    assert matrix["python"] == ["3.11", "3.12", "3.13", "3.14"]
    assert matrix["django"] == ["5.2", "6.0"]


def test_every_place_with_pins_has_its_updates():
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]
    places = {(one["package-ecosystem"], one["directory"]) for one in updates}
    files = {
        ("pip", "/"): "requirements.txt",
        ("npm", "/"): "package-lock.json",
        ("github-actions", "/"): ".github/workflows/test.yml",
        ("docker", "/deploy"): "deploy/Dockerfile",
        ("docker-compose", "/deploy"): "deploy/compose.yaml",
        ("gomod", "/.github/tools"): ".github/tools/go.mod",
        ("gomod", "/.github/tools/api"): ".github/tools/api/go.mod",
    }
    assert places == set(files)
    assert all((ROOT / path).is_file() for path in files.values())


def test_a_call_that_is_gone_since_the_last_tag_is_found(tmp_path):
    document = (ROOT / "docs/api/openapi.yaml").read_text()
    (tmp_path / "before.yaml").write_text(document.replace("/api/v1/receipts/:", "/api/v1/deliveries/:"))
    (tmp_path / "same.yaml").write_text(document)
    go = subprocess.run([ROOT / "script/kube-apiserver", "--go"], capture_output=True, text=True, check=True)
    path = f"{Path(go.stdout.strip()).parent}{os.pathsep}{os.environ['PATH']}"
    gone, same = (
        subprocess.run(
            [ROOT / "script/api-diff", tmp_path / name],
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        for name in ("before.yaml", "same.yaml")
    )
    assert (gone.returncode, same.returncode) == (1, 0), gone.stderr + same.stderr
    assert "/api/v1/deliveries/" in gone.stdout
