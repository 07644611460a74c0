"""The image: what is in it, what weighs, and the first scenes against containers of it beside PostgreSQL and Redis."""

import json
import re
import subprocess

import pytest

from tests.browser import test_scenes as scenes
from tests.browser.chromium import chromium
from tests.browser.conftest import _NEW_KEY, _RATE, desk, own_ably, send  # noqa: F401 – fixtures
from tests.live.ably_server import ROOT, free_port
from tests.live.postgres import PostgresServer
from tests.live.redis import RedisServer
from tests.live.site import environment_for, manage
from tests.ship import container
from tests.ship.container import Container, ContainerSite, in_image, inspect, podman, settings_for

pytestmark = pytest.mark.ship
_MOST = 360_000_000  # bytes; docs/production.md names what weighs

staff = scenes.staff


@pytest.fixture(scope="module", autouse=True)
def bills(tmp_path_factory):
    """What script/image wrote beside the image that it built."""
    folder = tmp_path_factory.mktemp("image")
    container.run("script/image", "--debian", "--tag", container.IMAGE, "--sbom", str(folder))
    return folder


@pytest.fixture(scope="module")
def postgres():
    with PostgresServer(fsync=False) as server:
        yield server


@pytest.fixture(scope="module")
def redis():
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="module")
def database(postgres, redis):
    """An empty database that a container migrates, with the demo's people."""
    url = postgres.url(postgres._create("template0"))
    migration = container.container(
        "semtas-migration", settings_for(url, None, REDIS_URL=redis.url), ["migrate", "--noinput"]
    )
    container.run(*migration)
    manage(environment_for(url), "demo")
    return url


@pytest.fixture(scope="module")
def producer_key(database):
    return manage(environment_for(database), "shell", "--no-imports", "-c", _NEW_KEY).split()[-1]


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def dispatcher(database, redis, own_ably):  # noqa: F811
    port = free_port()
    command = ["dispatch", "--metrics-host", "127.0.0.1", "--metrics-port", str(port)]
    with Container(settings_for(database, own_ably, REDIS_URL=redis.url), command, f"http://127.0.0.1:{port}") as one:
        one.port = port
        yield one


@pytest.fixture(scope="module")
def site(database, redis, own_ably, dispatcher):  # noqa: F811
    settings = {"REDIS_URL": redis.url, "RATE_SYSTEM": _RATE, "DISPATCHER": "external"}
    with ContainerSite(database, own_ably, ALLOWED_HOSTS="127.0.0.1", **settings) as site:
        yield site


# The scenes, in the order in which they are played elsewhere. The flag's is the last: for 40 s after it what is sent
# comes by the stream first.


def test_each_page_shows_a_list_a_badge_and_its_transport(desk):  # noqa: F811
    scenes.test_each_page_shows_a_list_a_badge_and_its_transport(desk, "ably")


def test_what_staff_send_to_the_unit_reaches_both_by_their_own_transport(desk, send, staff):  # noqa: F811
    scenes.test_what_staff_send_to_the_unit_reaches_both_by_their_own_transport(desk, send, staff, "ably")


def test_marked_as_read_in_one_tab_the_badge_of_the_other_follows(desk, send):  # noqa: F811
    scenes.test_marked_as_read_in_one_tab_the_badge_of_the_other_follows(desk, send, "ably")


def test_browsers_that_were_cut_off_come_back_to_everything_once(desk, site):  # noqa: F811
    scenes.test_browsers_that_were_cut_off_come_back_to_everything_once(desk, site, "ably")


def test_the_flag_moves_the_right_people_while_a_sender_runs_and_nothing_is_lost(desk, staff, site):  # noqa: F811
    scenes.test_the_flag_moves_the_right_people_while_a_sender_runs_and_nothing_is_lost(desk, staff, site, "ably")


def test_hadolint_finds_nothing():
    container.run(container.program("hadolint"), "deploy/Dockerfile")


def test_it_is_nobodys_who_may_write_and_says_what_it_is():
    said = inspect()["config"]
    assert said["User"] == "10001:10001"
    assert said["Healthcheck"]["Test"] == ["CMD", "python", "/app/healthcheck.py"]
    assert said["StopSignal"] == "SIGTERM"
    head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=ROOT, text=True).strip()
    assert said["Labels"]["org.opencontainers.image.revision"] == head
    assert not {one.partition("=")[0] for one in said["Env"]} & {"SECRET_KEY", "PIP_CERT", "NODE_EXTRA_CA_CERTS"}
    assert (
        podman(
            "run",
            "--rm",
            "--network",
            "host",
            "--ulimit",
            "nofile=1024:1024",
            "--ulimit",
            "nproc=4096:4096",
            "--no-healthcheck",
            "--entrypoint",
            "id",
            container.IMAGE,
            "-u",
        ).strip()
        == "10001"
    )
    assert in_image("find", "/app", "/opt", "-writable", "-not", "-type", "l").strip() == ""


def test_no_compiler_no_package_installer_and_no_cache_is_in_it():
    pruned = ("-path", "/proc", "-prune", "-o", "-path", "*/apt/lists/partial", "-prune", "-o")  # the latter is _apt's
    found = in_image("find", "/", "-xdev", *pruned, "-type", "f", "-size", "+0", "-print", user="0:0")
    names = {path.rpartition("/")[2] for path in found.split()}
    assert not names & {
        "gcc",
        "cc",
        "cc1",
        "ld",
        "make",
        "cargo",
        "node",
        "npm",
        "pip",
        "pip3",
        "apt-get",
        "git",
        "perl5.36",
    }
    assert not re.search(r"^/(root/\.cache|var/cache/apt|var/lib/apt/lists)/.+", found, re.MULTILINE)
    assert not re.search(r"^/app/(node_modules|tests|\.env|\.git)", found, re.MULTILINE)
    assert not re.search(r"site-packages/(pytest|mypy|ruff|playwright|hypothesis)/", found)


def test_of_the_browsers_packages_is_there_only_what_a_page_loads():
    kept = in_image(
        "find", "/app/var/static/ably", "/app/var/static/eventsource-parser", "/app/var/static/uplot", "-type", "f"
    )
    plain = {
        path.removeprefix("/app/var/static/")
        for path in kept.split()
        if not re.search(r"\.[0-9a-f]{12}\.|\.(gz|br|zstd)$", path)
    }
    loaded = {path for path in plain if not path.endswith(".map")}
    assert loaded == {"ably/ably.min.js", "eventsource-parser/index.js", "uplot/uPlot.esm.js", "uplot/uPlot.min.css"}
    assert {path.removesuffix(".map") for path in plain} == loaded


def test_each_part_weighs_what_the_document_says_at_most(bills):
    weight = {
        path: int(size) for size, path in (line.split("\t") for line in (bills / "weight.tsv").read_text().splitlines())
    }
    assert weight["/"] < _MOST, sorted(weight.items(), key=lambda one: -one[1])[:20]
    assert inspect()["rootfs"]["type"] == "layers"


def test_the_bill_beside_it_names_what_is_in_it(bills):
    listed = in_image(
        "python",
        "-c",
        "from importlib import metadata as m; print(*(f'{d.name}=={d.version}' for d in m.distributions()))",
    )
    named = {(one["name"], one["version"]) for one in json.loads((bills / "python.cdx.json").read_text())["components"]}
    assert {
        (re.sub("[-_.]+", "-", name).lower(), version)
        for name, _, version in (one.partition("==") for one in listed.split())
    } == named
    browser = json.loads((bills / "browser.cdx.json").read_text())["components"]
    assert {"ably", "eventsource-parser", "uplot"} <= {one["name"] for one in browser}
    debian = dict(line.split("\t") for line in (bills / "debian.tsv").read_text().splitlines())
    assert "python3.11-minimal" in debian


def test_the_site_and_the_dispatcher_are_healthy_and_a_stranger_is_not(site, dispatcher):
    podman("exec", site.called, "python", "/app/healthcheck.py", str(site.port))
    dispatcher.execute("python", "/app/healthcheck.py", str(dispatcher.port))
    with pytest.raises(AssertionError):
        dispatcher.execute("python", "/app/healthcheck.py", str(free_port()))


def test_nothing_can_be_written_where_it_runs(site):
    for place in ("/app/var/x", "/tmp/x", "/opt/venv/x", "/x"):
        with pytest.raises(AssertionError, match=r"Read-only file system|Permission denied"):
            podman("exec", site.called, "sh", "-c", f"echo > {place}")


def test_it_ends_within_seconds_when_it_is_told(database, redis):
    site = ContainerSite(database, None, ALLOWED_HOSTS="127.0.0.1", REDIS_URL=redis.url, DISPATCHER="external").start()
    assert site.terminate() == 0
    site.close()
