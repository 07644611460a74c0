"""The nginx of docs/production.md before `manage.py serve` as in production: with nothing else both work together."""

import base64
import json
import sqlite3
import ssl
from contextlib import closing

import httpx
import pytest

from tests.live.ably_server import ROOT
from tests.live.nginx import Nginx, documented
from tests.live.site import PASSWORD, Site, migrate
from tests.waiting import PATIENCE

pytestmark = pytest.mark.services

HOST = "notificacoes.example"
ORIGIN = f"https://{HOST}"
PRODUCTION = {
    "DEBUG": "false",
    "ALLOWED_HOSTS": HOST,
    "SECRET_KEY": "k" * 64,
    "ENCRYPTION_SECRET": "e" * 64,
    "SIGNING_KEYS": base64.b64encode(bytes(32)).decode(),
}


class ProductionSite(Site):
    """A site that answers to no name but its own."""

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.address}/health/ready", headers={"Host": HOST}, timeout=10).is_success
        except httpx.HTTPError:
            return False


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = ProductionSite(tmp_path_factory.mktemp("nginx") / "site.sqlite3", **PRODUCTION)
    migrate(site.database)
    site.manage("demo", "--force")
    with site:
        yield site


@pytest.fixture(scope="module")
def nginx(site, tmp_path_factory):
    with Nginx(tmp_path_factory.mktemp("proxy"), site.port, documented()) as nginx:
        yield nginx


def browser(nginx, local_address=None):
    """Somebody who has the site's name from their name server, and trusts its certificate."""
    trusts = ssl.create_default_context(cafile=nginx.certificate)
    return httpx.Client(
        base_url=f"https://127.0.0.1:{nginx.port}",
        transport=httpx.HTTPTransport(verify=trusts, local_address=local_address),
        headers={"Host": HOST},
        timeout=PATIENCE,
    )


@pytest.fixture
def visitor(nginx):
    with browser(nginx) as visitor:
        yield visitor


def log_in(visitor, name="bia", **headers):
    visitor.get("/entrar/")
    form = {"username": name, "password": PASSWORD, "csrfmiddlewaretoken": visitor.cookies["csrftoken"], "next": ""}
    return visitor.post("/entrar/", data=form, headers=headers or {"Origin": ORIGIN})


def logged_in_from(site):
    """The address of the last login."""
    query = "SELECT ip FROM notificacao_auditevent WHERE action = 'logged_in' ORDER BY id DESC LIMIT 1"
    with closing(sqlite3.connect(site.database)) as connection:
        return connection.execute(query).fetchone()[0]


def events(stream):
    """Each event's name and data."""
    name = ""
    for line in stream.iter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


def test_the_document_shows_the_file_that_a_plain_server_gets():
    assert documented() == (ROOT / "deploy/server/nginx.conf").read_text()


def test_who_comes_by_plain_http_is_sent_to_https(nginx):
    answer = httpx.get(f"http://127.0.0.1:{nginx.plain_port}/entrar/", headers={"Host": HOST}, timeout=PATIENCE)
    assert (answer.status_code, answer.headers["location"]) == (301, f"{ORIGIN}/entrar/")


@pytest.mark.parametrize("headers", [{"Origin": ORIGIN}, {"Referer": f"{ORIGIN}/entrar/"}], ids=["Origin", "Referer"])
def test_somebody_logs_in_as_the_contract_says(visitor, headers):
    answer = log_in(visitor, **headers)
    assert (answer.status_code, answer.headers["location"]) == (302, "/notificacoes/")
    assert visitor.get("/notificacoes/").status_code == 200


@pytest.mark.parametrize("headers", [{"Accept": "*/*"}, {"Origin": "https://outro.example"}], ids=["neither", "other"])
def test_a_login_from_elsewhere_is_refused(visitor, headers):
    assert log_in(visitor, **headers).status_code == 403


def test_a_call_that_changes_something_wants_todays_token(visitor):
    log_in(visitor)
    fits = {"Origin": ORIGIN, "X-CSRFToken": visitor.cookies["csrftoken"]}
    address = "/api/v1/notifications/read-all/"
    answers = [visitor.post(address, json={}, headers=headers) for headers in (fits, {"Origin": ORIGIN})]
    assert [answer.status_code for answer in answers] == [200, 403]
    assert answers[1].json()["code"] == "permission_denied"


def test_what_is_sent_comes_by_the_stream_at_once(visitor, site):
    log_in(visitor)
    say = "from notificacao.services import notify; notify(['system:notifications'], title='Manutenção', message='…')"
    with visitor.stream("GET", "/api/v1/stream/") as stream:
        assert (stream.status_code, stream.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        heard = events(stream)
        assert next(heard)[0] == "heads", "nothing is held back by a buffer"
        site.manage("shell", "-c", say)
        assert next(data["title"] for name, data in heard if name == "notification") == "Manutenção"


def test_nobody_chooses_their_address(visitor, site):
    visitor.headers["X-Forwarded-For"] = "203.0.113.9"
    log_in(visitor, "carla")
    assert logged_in_from(site) == "127.0.0.1"


def test_metrics_are_for_ones_own_network(visitor):
    assert visitor.get("/metrics").status_code == 403


def test_without_the_line_that_hands_on_the_host_everything_is_400(site, tmp_path):
    line = "proxy_set_header Host $host;"
    assert line in documented()
    with Nginx(tmp_path, site.port, documented().replace(line, "")) as nginx, browser(nginx) as visitor:
        addresses = ("/entrar/", "/api/v1/session/", "/health/ready")
        assert {address: visitor.get(address).status_code for address in addresses} == dict.fromkeys(addresses, 400)
