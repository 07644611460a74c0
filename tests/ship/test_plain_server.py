"""A server as most cities have: `deploy/server/install` on a bare Debian 12, an upgrade, and a second run of each."""

import contextlib
import json
import os
import re
import shutil
import ssl
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.live.process import Process
from tests.ship.plain_server import PlainServer
from tests.waiting import PATIENCE, eventually

pytestmark = pytest.mark.ship

HOST = "notificacoes.prefeitura.example"
PASSWORD = "semtas-demo"
_SAY = "from notificacao.services import notify; notify(['system:notifications'], title={!r}, message='…')"
_DANGEROUS = 2.0  # of systemd's 0 (nothing is exposed) to 10
_NOT_OURS = re.compile(r"/(proc|dev|sys|run|tmp)(/|$)|/var/(lib/(postgresql|pgbackrest|redis)|log|cache)(/|$)|\.pyc$")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server that was installed without the network, once all that comes from it was there."""
    server = PlainServer(tmp_path_factory.mktemp("plain") / "root")
    server.make()
    server.enter(network=True)
    server.install("--download")
    server.enter(network=False)
    server.install(HOST)
    yield server
    server.leave()
    shutil.rmtree(server.root, ignore_errors=True)


class Up(Process):
    """A unit's process, that is up once it answers on its port."""

    def __init__(self, server: PlainServer, unit: str):
        super().__init__(server.unit(unit).process().command)
        self.name, self._server, (self._port,) = unit, server, re.findall(r"@(\d+)\.", unit)

    def ready(self) -> bool:
        address = f"http://127.0.0.1:{self._port}/health/ready"
        try:
            return self._server.from_inside(lambda: httpx.get(address, headers={"Host": HOST}, timeout=10)).is_success
        except httpx.HTTPError:
            return False


@pytest.fixture(scope="module")
def running(server):
    """All that the target starts, in the units' order."""
    server.run("service", "redis-server", "start")
    server.unit("semtas-migrate.service").run()
    server.manage("demo", "--force")
    with ExitStack() as processes:
        for unit in sorted(server.enabled(), reverse=True):
            server.processes[unit] = processes.enter_context(Up(server, unit))
        server.run("service", "nginx", "start")
        yield server


def visitor(server):
    """Somebody who has the site's name from their name server, and trusts its certificate."""
    trusts = ssl.create_default_context(cadata=server.read("/etc/ssl/notificacoes.pem"))
    return httpx.Client(
        base_url="https://127.0.0.1",
        verify=trusts,
        headers={"Host": HOST},
        timeout=PATIENCE,
        http2=False,
        event_hooks={"request": [lambda request: request.extensions.update(sni_hostname=HOST)]},
    )


def log_in(browser, name="bia"):
    browser.get("/entrar/")
    form = {"username": name, "password": PASSWORD, "csrfmiddlewaretoken": browser.cookies["csrftoken"], "next": ""}
    return browser.post("/entrar/", data=form, headers={"Origin": f"https://{HOST}"})


def state_of(server):
    """Each file, folder and link of the server, with what a change would change."""
    found = {}
    for folder, folders, files in os.walk(server.root):
        for name in [*folders, *files]:
            path = os.path.join(folder, name)
            inside = path.removeprefix(str(server.root))
            if not _NOT_OURS.search(inside):
                about = os.lstat(path)
                size = about.st_size if name in files else 0
                found[inside] = (about.st_mode, about.st_uid, about.st_gid, size, about.st_mtime_ns)
    return found


def test_the_page_answers_over_tls_and_a_notification_arrives(running):
    def visit():
        with visitor(running) as browser:
            assert log_in(browser).headers["location"] == "/notificacoes/"
            page = browser.get("/notificacoes/")
            style = re.search(r'href="(/static/[^"]+\.css)"', page.text)[1]
            assert [page.status_code, browser.get(style).status_code] == [200, 200]
            with browser.stream("GET", "/api/v1/stream/") as stream:
                lines = stream.iter_lines()
                next(line for line in lines if line == "event: heads")
                running.manage("shell", "-c", _SAY.format("Olá"))
                data = (json.loads(line.partition(": ")[2]) for line in lines if line.startswith("data: {"))
                return next(row["title"] for row in data if "title" in row)

    assert running.from_inside(visit) == "Olá"


def asked_by_curl(server, address):
    """The HTTP version and the status of the login page, at one of the server's addresses."""
    told = ["--silent", "--show-error", "--output", "/dev/null", "--write-out", "%{http_version} %{http_code}"]
    there = ["--cacert", "/etc/ssl/notificacoes.pem", "--resolve", f"{HOST}:443:{address}"]
    return server.run("curl", *told, *there, f"https://{HOST}/entrar/")


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]"])
def test_browsers_come_by_http_2_over_both_kinds_of_addresses(running, address):
    assert asked_by_curl(running, address) == "2 200"


@pytest.mark.parametrize("port", [8000, 8001])
def test_one_of_two_web_processes_is_enough(running, port):
    process = running.processes[f"semtas-web@{port}.service"]
    process.kill()
    try:
        assert {asked_by_curl(running, "127.0.0.1") for _ in range(4)} == {"2 200"}
    finally:
        process.start()


def test_a_second_run_changes_nothing(running):
    before = state_of(running)
    assert running.install().splitlines() == ["install: nothing has changed"]
    assert state_of(running) == before


def test_an_upgrade_is_the_same_command(running):
    secrets = running.read("/etc/semtas/semtas.env")
    site = running.read("/etc/nginx/sites-available/semtas")
    running.write("/etc/nginx/sites-available/semtas", site.replace("10.0.0.0/8", "10.20.0.0/16"))
    unit = running.read("/opt/semtas/deploy/server/systemd/semtas-web@.service")
    running.write("/opt/semtas/deploy/server/systemd/semtas-web@.service", unit.replace("65536", "131072"))
    nginx = running.read("/opt/semtas/deploy/server/nginx.conf")
    running.write("/opt/semtas/deploy/server/nginx.conf", nginx.replace("60s", "90s"))
    said = running.install()
    assert "131072" in running.read("/etc/systemd/system/semtas-web@.service")
    assert "10.20.0.0/16" in running.read("/etc/nginx/sites-available/semtas"), "what the operator wrote is kept"
    assert "90s" in running.read("/etc/nginx/sites-available/semtas.new")
    assert "was edited and is kept" in said
    assert running.read("/etc/semtas/semtas.env") == secrets
    assert running.install().splitlines() == ["install: nothing has changed"]


@pytest.fixture
def asked_of_systemd(running):
    """What the installer asks of systemd, which does not run there: each command, in order."""
    asked = running.write("/root/asked", "")
    stand_in = running.write("/usr/local/bin/systemctl", '#!/bin/sh\necho "$*" >>/root/asked\n')
    stand_in.chmod(0o755)
    (running.root / "run/systemd/system").mkdir(parents=True)
    yield lambda: [line for line in asked.read_text().splitlines() if line.startswith("re")]
    shutil.rmtree(running.root / "run/systemd/system")
    stand_in.unlink()


def test_each_process_is_restarted_and_a_new_certificate_is_for_nginx_alone(running, asked_of_systemd):
    running.run("/bin/systemctl", "enable", "--quiet", "semtas-web@8002.service")
    settings = running.read("/etc/semtas/semtas.env")
    Path(f"{running.root}/etc/semtas/semtas.env").write_text(f"{settings}# changed\n")
    with Up(running, "semtas-web@8002.service"):
        running.install()
    web = [f"restart semtas-web@{port}.service" for port in (8000, 8001, 8002)]
    dispatchers = [f"restart semtas-dispatcher@{port}.service" for port in (9101, 9102)]
    assert asked_of_systemd() == ["restart semtas-migrate.service", *web, *dispatchers]
    certificate = running.read("/etc/ssl/notificacoes.pem")
    running.write("/root/chain.pem", f"# renewed\n{certificate}")
    running.install("--certificate", "/root/chain.pem", "--key", "/etc/ssl/notificacoes.key")
    assert asked_of_systemd()[6:] == ["reload-or-restart nginx.service"]
    running.run("/bin/systemctl", "disable", "--quiet", "semtas-web@8002.service")


def test_a_migration_may_have_an_autovacuum_end_sooner(server):
    asked = (
        "from django.db import connection; from semtas.postgresql import locks\n"
        "with locks.bounded(connection), connection.cursor() as cursor:\n"
        "    print(cursor.execute('SHOW lock_timeout').fetchone())"
    )
    assert server.manage("shell", "--verbosity=0", "-c", asked).strip() == "('900ms',)"


def test_a_command_has_the_home_of_the_processes(server):
    told = server.manage("shell", "--verbosity=0", "-c", "import os; print(os.environ['HOME'])")
    assert told.strip() == "/var/lib/semtas"


def test_nobody_else_reads_the_logs_or_the_password_of_a_repository(server):
    for name in ("/etc/pgbackrest.conf", "/var/log/semtas/access.log", "/var/log/semtas/error.log"):
        assert os.stat(f"{server.root}{name}").st_mode & 0o007 == 0, name


def test_nothing_else_answers_at_port_80(server):
    assert os.listdir(f"{server.root}/etc/nginx/sites-enabled") == ["semtas"]


def test_the_settings_are_for_root_and_the_user_alone(server):
    about = os.stat(f"{server.root}/etc/semtas/semtas.env")
    group = re.search(r"^semtas:x:(\d+):", server.read("/etc/group"), re.MULTILINE)[1]
    assert (about.st_mode & 0o777, about.st_uid, about.st_gid) == (0o640, 0, int(group))
    assert not re.search(r"^(SECRET_KEY|ENCRYPTION_SECRET|SIGNING_KEYS)=$", server.read("/etc/semtas/semtas.env"), re.M)


def test_django_finds_nothing_wrong_with_them(server):
    server.manage("check", "--deploy", "--fail-level", "WARNING")


def test_systemd_understands_every_unit(server):
    units = [f"/etc/systemd/system/{name}" for name in ("semtas.target", "semtas-migrate.service")]
    assert server.run("systemd-analyze", "verify", "--man=no", *units) == ""
    for name in server.enabled():
        assert server.run("systemd-analyze", "verify", "--man=no", name) == ""


def test_no_process_of_the_site_is_exposed(server):
    for unit in ("semtas-migrate.service", "pgbackrest@full.service", *server.enabled()):
        server.run("systemd-analyze", "security", "--offline=yes", f"--threshold={_DANGEROUS * 10:.0f}", unit)


async def test_the_logs_are_rotated_and_nginx_goes_on_in_new_ones(running):
    asked_by_curl(running, "127.0.0.1")
    running.run("logrotate", "--force", "/etc/logrotate.d/semtas")
    assert "/entrar/" in running.read("/var/log/semtas/access.log.1")

    def goes_on():
        asked_by_curl(running, "127.0.0.1")
        return "/entrar/" in running.read("/var/log/semtas/access.log")

    await eventually(goes_on)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["outro.example"], "the name is"),
        (["--certificate", "/etc/hosts"], "go together"),
        (["--database", "postgres://x@y/z"], "change DATABASE_URL"),
        (["--what"], "unknown argument"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(server, words, told):
    done = server.try_run("/opt/semtas/deploy/server/install", *words)
    assert (done.returncode, told in done.stdout) == (1, True), done.stdout


class Page:
    """One person's page, that returns with the last position that it was given, for as long as it is open."""

    def __init__(self, server: PlainServer):
        self._server, self.heard, self._position, self._over = server, [], "", False
        self._thread = threading.Thread(target=lambda: server.from_inside(self._stay), daemon=True)
        self._thread.start()

    def _stay(self) -> None:
        with visitor(self._server) as browser:
            log_in(browser)
            while not self._over:
                with contextlib.suppress(httpx.HTTPError):
                    headers = {"Last-Event-ID": self._position} if self._position else {}
                    with browser.stream("GET", "/api/v1/stream/", headers=headers) as answer:
                        self._read(answer.iter_lines())

    def _read(self, lines) -> None:
        name = ""
        for line in lines:
            field, _, value = line.partition(": ")
            name = value if field == "event" else name
            self._position = value if field == "id" else self._position
            if field == "data":
                self.heard.append(json.loads(value).get("title") if name == "notification" else name)
            if self._over:
                return

    async def hears(self, what: str) -> None:
        await eventually(lambda: what in self.heard)

    def close(self) -> None:
        self._over = True


@pytest.fixture
def page(running):
    page = Page(running)
    yield page
    page.close()


def query(server, question):
    return server.run("psql", "-tAc", question, "semtas", user="postgres").strip()


async def test_a_restore_to_a_moment_brings_back_that_moment_and_pages_fetch_anew(running, page, capsys):
    def send(title):
        running.manage("shell", "-c", _SAY.format(title))

    await page.hears("heads")
    send("Antes da cópia")
    await page.hears("Antes da cópia")
    running.unit("pgbackrest@full.service").run()
    send("Antes do momento")
    await page.hears("Antes do momento")
    moment = query(running, "SELECT clock_timestamp()")
    send("Depois do momento")
    await page.hears("Depois do momento")
    epoch = query(running, "SELECT epoch FROM notificacao_loghead")
    dispatchers = [process for unit, process in running.processes.items() if "dispatcher" in unit]
    began = time.monotonic()
    for dispatcher in dispatchers:
        dispatcher.terminate()
    running.run("service", "postgresql", "stop")
    to = ["--delta", "--type=time", f"--target={moment}", "--target-action=promote"]
    running.run("pgbackrest", "--stanza=semtas", *to, "restore", user="postgres")
    running.run("service", "postgresql", "start")
    await eventually(lambda: query(running, "SELECT pg_is_in_recovery()") == "f")
    running.manage("log_epoch", "--renew", "--reason", f"restored to {moment}")
    for dispatcher in dispatchers:
        dispatcher.start()
    await page.hears("resync")
    took = time.monotonic() - began
    send("De novo")
    await page.hears("De novo")
    titles = query(running, "SELECT title FROM notificacao_notification ORDER BY id DESC LIMIT 3").splitlines()
    assert titles == ["De novo", "Antes do momento", "Antes da cópia"]
    assert query(running, "SELECT epoch FROM notificacao_loghead") != epoch
    running.unit("pgbackrest@diff.service").run()
    with capsys.disabled():
        print(f"\nFrom the word to restore until pages fetched anew: {took:.1f} s")
