"""The image: what is in it, what weighs, and the first scenes against containers of it beside PostgreSQL and Redis."""

import asyncio
import contextlib
import json
import re
import secrets
import subprocess
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from notificacao.smoke.visitor import Access, Visitor
from tests.browser import test_scenes as scenes
from tests.browser.chromium import chromium
from tests.browser.conftest import NEW_KEY, RATE, desk, kept_desks, own_ably, send  # noqa: F401 – fixtures
from tests.live.ably_server import ROOT, free_port
from tests.live.postgres import PostgresServer
from tests.live.redis import RedisServer
from tests.live.site import PASSWORD, environment_for, manage
from tests.ship import container, manifests, pods
from tests.ship.container import Container, ContainerSite, in_image, inspect, podman, settings_for
from tests.ship.test_compose import Nginx
from tests.ship.test_kubernetes import render
from tests.waiting import eventually

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
    with PostgresServer(fsync=False, network=str(pods.network()[0])) as server:
        yield server


@pytest.fixture(scope="module")
def redis():
    with RedisServer(password=secrets.token_hex(16)) as server:
        yield server


@pytest.fixture(scope="module")
def database(postgres, redis):
    """An empty database that a container migrates, with the demo's people."""
    url = postgres.copy_of("template0")
    migration = container.container(
        "semtas-migration", settings_for(url, None, REDIS_URL=redis.url), ["migrate", "--noinput"]
    )
    container.run(*migration)
    manage(environment_for(url), "demo")
    return url


@pytest.fixture(scope="module")
def producer_key(database):
    return manage(environment_for(database), "shell", "--no-imports", "-c", NEW_KEY).split()[-1]


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
    settings = {"REDIS_URL": redis.url, "RATE_SYSTEM": RATE, "DISPATCHER": "external"}
    with ContainerSite(database, own_ably, ALLOWED_HOSTS="127.0.0.1", **settings) as site:
        yield site


# The scenes, in the order in which they are played elsewhere. The flag's is the last: for 40 s after it what is sent
# comes by the stream first.


def test_each_page_shows_a_list_a_badge_and_its_transport(desk):  # noqa: F811
    scenes.test_each_page_shows_a_list_a_badge_and_its_transport(desk, "ably")


def test_what_staff_send_to_the_unit_reaches_both_by_their_own_transport(desk, send, staff, site):  # noqa: F811
    scenes.test_what_staff_send_to_the_unit_reaches_both_by_their_own_transport(desk, send, staff, site, "ably")


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


# The pods of Kubernetes, as the overlay of staging has them. This machine is the Ingress: nginx on their network.


class Staging:
    """The workloads of the overlay on a database of their own. Its host is this machine."""

    def __init__(self, postgres: PostgresServer, redis: RedisServer):
        self.database = postgres.copy_of("template0")
        objects = render("staging")
        self._made = {made.name: made for made in manifests.workloads(objects)}
        (settings,) = (one["data"] for one in objects if one["kind"] == "ConfigMap")
        self._settings = settings | {"SITE_HOST": "127.0.0.1"}
        here = pods.network()[1]
        self._secret = container.SECRETS | {
            "DATABASE_URL": self.database.replace("127.0.0.1", here),
            "REDIS_URL": redis.url.replace("127.0.0.1", here),
            "ABLY_API_KEY": "",
            "METRICS_TOKEN": secrets.token_hex(16),
        }

    def pod(self, name: str) -> pods.Pod:
        return pods.Pod(self._made[name], self._settings, self._secret)


@pytest.fixture
def staging(postgres, redis):
    staging = Staging(postgres, redis)
    with contextlib.closing(staging.pod("migrate")) as migration:
        assert migration.run() == 0, migration.log()
    manage(environment_for(staging.database), "demo")
    return staging


def test_pods_of_kubernetes_are_ready_and_end_within_their_grace_with_nothing_lost(staging, tmp_path, monkeypatch):
    key = manage(environment_for(staging.database), "shell", "--no-imports", "-c", NEW_KEY).split()[-1]
    with contextlib.ExitStack() as all_of_them:
        started = [staging.pod(name) for name in ("web", "web", "dispatcher", "dispatcher")]
        for pod in started:
            all_of_them.callback(pod.close)
            pod.launch()
        for pod in started:
            pod.wait_until_ready()
            assert pod.healthy
        web, other, *dispatchers = started
        nginx = all_of_them.enter_context(Nginx(tmp_path, f"{web.address}:8000", f"{other.address}:8000"))
        monkeypatch.setenv("SSL_CERT_FILE", str(nginx.certificate))
        visitor = Visitor(Access(f"https://127.0.0.1:{nginx.port}", "bia", PASSWORD, key))
        with ThreadPoolExecutor(1) as another:  # the browser's loop runs in this thread
            another.submit(lambda: asyncio.run(_stays_with(visitor, [web, *dispatchers[:1]]))).result()


async def _stays_with(visitor: Visitor, ending: list[pods.Pod]) -> None:
    """Hold four streams while one pod after the other ends, and something is sent before, meanwhile and after."""
    assert (await visitor.log_in()).status_code == 302
    position = (await visitor.get("api/v1/session/")).json()["position"]
    came: list[set[str]] = [set() for _ in range(4)]
    async with asyncio.TaskGroup() as group:
        reading = [group.create_task(_read(visitor, position, one)) for one in came]
        sent = await _sent_to_all(visitor, came, set(), "antes")
        for number, pod in enumerate(ending):
            end = group.create_task(asyncio.to_thread(pod.terminate))
            sent = await _sent_to_all(visitor, came, sent, f"durante {number}")
            await end
        await _sent_to_all(visitor, came, sent, "depois")
        for one in reading:
            one.cancel()
    await visitor.close()


async def _read(visitor: Visitor, position: str, came: set[str]) -> None:
    """Be a page: come back whenever the stream ends."""
    while True:
        with contextlib.suppress(httpx.HTTPError):
            async with visitor.stream(position) as events:
                async for _, told in events:
                    came |= {told["title"]} if "title" in told else set()


async def _sent_to_all(visitor: Visitor, came: list[set[str]], sent: set[str], title: str) -> set[str]:
    asked = {"recipients": {"people": ["bia"]}, "title": title, "message": "Prova.", "kind": "sistema"}
    await eventually(lambda: _accepted(visitor, asked))
    await eventually(lambda: all(one >= sent | {title} for one in came))
    return sent | {title}


async def _accepted(visitor: Visitor, asked: dict) -> bool:
    """Send as a producer that tries again: nginx here is not told which pod ends, as the Ingress is."""
    with contextlib.suppress(httpx.HTTPError):
        return (await visitor.send(asked)).status_code == 201
    return False
