"""deploy/compose.yaml: valid by the Compose specification, and each thing that it names is there."""

import ipaddress
import re
import socket
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.browser.conftest import demo, demo_database, new_site  # noqa: F401 – fixtures
from tests.documents import settings
from tests.live import tls
from tests.live.ably_server import ROOT, free_port
from tests.live.nginx import binary
from tests.live.process import Process, answers
from tests.ship.container import program

pytestmark = pytest.mark.ship

FILE = ROOT / "deploy" / "compose.yaml"
COMPOSE = yaml.safe_load(FILE.read_text())
SERVICES = COMPOSE["services"]
EXAMPLE = ROOT / "deploy" / "compose.env.example"
OURS = ("migrate", "web-1", "web-2", "dispatcher")


def valid(path: Path) -> bool:
    command = [program("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", path]
    return subprocess.run(command, capture_output=True, check=False, timeout=120).returncode == 0


def test_it_is_valid_by_the_specifications_schema_and_what_is_not_is_found(tmp_path):
    assert valid(FILE)
    spoilt = tmp_path / "compose.yaml"
    spoilt.write_text(FILE.read_text().replace("read_only: true", "readonly: true"))
    assert not valid(spoilt)


def test_everything_that_the_system_needs_is_in_it():
    assert set(SERVICES) == {"postgres", "redis", *OURS, "nginx", "prometheus", "alertmanager"}
    assert SERVICES["dispatcher"]["deploy"]["replicas"] == 2


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_has_its_bounds_and_an_image_of_an_exact_version(name):
    service = SERVICES[name]
    assert service["mem_limit"]
    assert "restart" in service
    assert name == "postgres" or (service["cap_drop"] == ["ALL"] and service["read_only"])
    if name not in OURS:
        assert re.fullmatch(r"docker\.io/[\w./-]+:v?\d+(\.\d+)*(-bookworm)?", service["image"])


def test_each_file_that_is_mounted_is_there():
    sources = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())]
    files = [source for source in sources if source.startswith("./")]
    assert len(files) == 3
    assert [source for source in files if not (FILE.parent / source).exists()] == []
    named = {source for source in sources if re.fullmatch(r"[a-z]+", source)}
    assert named == set(COMPOSE["volumes"])


def test_each_variable_is_in_the_example_and_each_of_the_example_is_asked_for():
    asked = set(re.findall(r"(?<!\$)\$\{(\w+)", FILE.read_text()))
    told = set(re.findall(r"^(\w+)=", EXAMPLE.read_text(), re.MULTILINE))
    assert asked == told


def test_each_setting_is_one_of_the_projects():
    assert [name for name in COMPOSE["x-site"]["environment"] if name not in settings.documented()] == []


def test_whoever_is_waited_for_says_when_it_is_ready():
    for service in SERVICES.values():
        for other, how in service.get("depends_on", {}).items():
            healthy = how["condition"] == "service_healthy"
            assert not healthy or other in ("web-1", "web-2") or "test" in SERVICES[other]["healthcheck"]


def test_whoever_stays_says_whether_it_is_ready_or_up_would_not_wait_for_it():
    silent = {name for name, service in SERVICES.items() if "test" not in service.get("healthcheck", {})}
    assert silent == set(OURS)  # of whose image HEALTHCHECK is


def test_nothing_is_to_be_written_into_a_container_whose_root_is_read_only():
    """Compose copies a secret or config that is no file into the container, and refuses where it may not."""
    copied = {
        name for kind in ("secrets", "configs") for name, told in COMPOSE.get(kind, {}).items() if "file" not in told
    }
    for service in SERVICES.values():
        used = {*service.get("secrets", ()), *service.get("configs", ())}
        assert not (service.get("read_only") and used & copied)


def test_nobody_is_given_an_address_that_is_anothers():
    (told,) = COMPOSE["networks"]["outside"]["ipam"]["config"]
    given_away = ipaddress.ip_network(told["ip_range"])
    assert given_away.subnet_of(ipaddress.ip_network(told["subnet"]))
    networks = (service["networks"] for service in SERVICES.values())
    fixed = [one["outside"]["ipv4_address"] for one in networks if isinstance(one, dict)]
    assert len(set(fixed)) == len(fixed) == 4
    assert [one for one in fixed if ipaddress.ip_address(one) in given_away] == []


def test_prometheus_is_let_in_by_the_address_from_which_it_asks_and_names_the_site():
    prometheus = SERVICES["prometheus"]
    assert list(prometheus["networks"]) == ["outside"]  # on another it would have another address
    assert COMPOSE["x-site"]["environment"]["METRICS_ALLOW"] == prometheus["networks"]["outside"]["ipv4_address"]
    said = yaml.safe_load((FILE.parent / "compose" / "prometheus.yml").read_text())
    assert said["global"]["external_labels"] == {"site": "${SITE_URL}"}
    assert prometheus["environment"]["SITE_URL"] == "${SITE_URL:?}"
    assert set(prometheus["depends_on"]) == {"web-1", "web-2"}  # or it begins with an alert that the site is away


def test_nginx_and_prometheus_ask_whom_compose_has():
    addresses = {SERVICES[name]["networks"]["outside"]["ipv4_address"] for name in ("web-1", "web-2")}
    conf = (FILE.parent / "compose" / "nginx.conf").read_text()
    assert set(re.findall(r"server (\S+):8000;", conf)) == addresses
    trusted = COMPOSE["x-site"]["environment"]["FORWARDED_ALLOW_IPS"]
    assert trusted == SERVICES["nginx"]["networks"]["outside"]["ipv4_address"]
    prometheus = yaml.safe_load((FILE.parent / "compose" / "prometheus.yml").read_text())
    web, dispatcher = prometheus["scrape_configs"]
    assert {target.partition(":")[0] for target in web["static_configs"][0]["targets"]} == {"web-1", "web-2"}
    assert dispatcher["dns_sd_configs"][0]["names"] == ["dispatcher"]
    assert set(COMPOSE["x-site"]["environment"]["ALLOWED_HOSTS"].split(",")[1:]) == {"web-1", "web-2"}


class Nginx(Process):
    """nginx as Compose has it; of its file only addresses, ports and paths are others."""

    name = "nginx"

    def __init__(self, folder: Path, *sites: str):
        """Stand before `sites`, two addresses."""
        self.plain_port, self.port, self.certificate = free_port(), free_port(), folder / "site.pem"
        tls.self_signed(self.certificate)
        conf = (FILE.parent / "compose" / "nginx.conf").read_text()
        here = {
            "user nginx;": "daemon off; master_process off;",
            "/run/nginx.pid": f"{folder}/pid",
            "/dev/stderr": "stderr",
            "listen 80;": f"listen 127.0.0.1:{self.plain_port};",
            "listen 443 ssl": f"listen 127.0.0.1:{self.port} ssl",
            "/etc/ssl/notificacoes.pem": str(self.certificate),
            "/etc/ssl/notificacoes.key": str(self.certificate),
            **dict(zip(("172.30.0.11:8000", "172.30.0.12:8000"), sites, strict=True)),
        }
        for theirs, ours in here.items():
            assert theirs in conf, theirs
            conf = conf.replace(theirs, ours)
        (folder / "nginx.conf").write_text(conf)
        super().__init__([binary(), "-p", folder, "-e", "stderr", "-c", folder / "nginx.conf"])

    def ready(self) -> bool:
        return answers(f"http://127.0.0.1:{self.plain_port}/nginx-lives", within=5)


@pytest.fixture
def nginx(tmp_path, new_site):  # noqa: F811
    with (
        new_site(BEHIND_TLS="true", ALLOWED_HOSTS="127.0.0.1") as site,
        Nginx(tmp_path, f"127.0.0.1:{free_port()}", f"127.0.0.1:{site.port}") as nginx,
    ):  # nobody is at the first
        yield nginx


def test_nginx_serves_the_site_where_one_of_the_two_is_away(nginx):
    for _ in range(4):
        status = subprocess.check_output(
            ["curl", "--silent", "--insecure", "--include", f"https://127.0.0.1:{nginx.port}/entrar/"], text=True
        ).splitlines()[0]
        assert status.startswith("HTTP/2 200")
    with socket.create_connection(("127.0.0.1", nginx.plain_port), timeout=10) as one:
        one.sendall(b"GET /entrar/ HTTP/1.0\r\nHost: notificacoes.example\r\n\r\n")
        assert b"301" in one.recv(1024)
