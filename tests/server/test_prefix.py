"""The site under a path of the city's portal, with several hosts, behind two proxies, and over IPv6."""

import re

import httpx
import pytest

from tests.live.nginx import Nginx, PlainNginx, documented
from tests.live.site import copy_of, environment_for, manage, migrate
from tests.server.test_nginx import (
    HOST,
    ORIGIN,
    PASSWORD,
    PRODUCTION,
    ProductionSite,
    browser,
    events,
    logged_in_from,
)
from tests.waiting import PATIENCE

pytestmark = pytest.mark.services

PREFIX = "/servicos/avisos"
OTHER = "intranet.example"


def under_prefix(blocks):
    """The document's blocks with what docs/production.md says of a prefix."""
    pattern = re.compile(r"location (= )?(/\S*) \{([^}]*)proxy_pass http://semtas;")
    moved, places = pattern.subn(rf"location \1{PREFIX}\2 {{\3proxy_pass http://semtas\2;", blocks)
    assert places == 3, "the blocks are others than this reads"
    return moved


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A database for each site to begin with; what it tells of alerts leads below the prefix."""
    database = tmp_path_factory.mktemp("demo") / "site.sqlite3"
    migrate(database)
    manage(environment_for(database, **PRODUCTION, SCRIPT_NAME=PREFIX), "demo", "--force")
    return database


@pytest.fixture(scope="module")
def site(demo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prefix")
    with ProductionSite(copy_of(demo, folder), **PRODUCTION, SCRIPT_NAME=PREFIX, VAR_DIR=str(folder)) as site:
        yield site


@pytest.fixture(scope="module")
def dual(demo, tmp_path_factory):
    """On all addresses of both kinds, under two names, without a prefix."""
    database = copy_of(demo, tmp_path_factory.mktemp("dual"))
    site = ProductionSite(database, **PRODUCTION | {"ALLOWED_HOSTS": f"{HOST},{OTHER}"})
    site.command += ["--host", "::"]
    with site:
        yield site


@pytest.fixture(scope="module")
def nginx(site, tmp_path_factory):
    with Nginx(tmp_path_factory.mktemp("proxy"), site.port, under_prefix(documented())) as nginx:
        yield nginx


@pytest.fixture
def visitor(nginx):
    with browser(nginx) as visitor:
        yield visitor


def log_in(visitor, prefix="", host=HOST, name="bia"):
    """Log in as a browser does, by the address that the form has."""
    page = visitor.get(f"{prefix}/notificacoes/", headers={"Host": host}, follow_redirects=False)
    form = visitor.get(page.headers["location"], headers={"Host": host})
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form.text)[1]
    said = {"username": name, "password": PASSWORD, "csrfmiddlewaretoken": token, "next": ""}
    return visitor.post(form.url, data=said, headers={"Host": host, "Origin": f"https://{host}"})


def addresses_in(html):
    """All that the page leads to, loads or sends to, of this site."""
    found = re.findall(r'(?:href|src|action|formaction)="(/[^"]*)"', html)
    return {address for address in found if not address.startswith("/solicitacoes/")}  # links of notifications


def test_metrics_are_for_ones_own_network_there_too(visitor):
    assert visitor.get(f"{PREFIX}/metrics").status_code == 403


def test_a_login_leads_to_the_inbox_under_the_prefix(visitor):
    answer = log_in(visitor, PREFIX)
    assert (answer.status_code, answer.headers["location"]) == (302, f"{PREFIX}/notificacoes/")
    assert visitor.get(answer.headers["location"]).status_code == 200


@pytest.mark.parametrize(
    "page", ["/notificacoes/", "/notificacoes/diagnostico/", "/admin/", "/admin/notificacao/notification/"]
)
def test_whatever_a_page_leads_to_is_under_the_prefix(visitor, page):
    log_in(visitor, PREFIX, name="admin")
    answer = visitor.get(f"{PREFIX}{page}")
    found = addresses_in(answer.text)
    assert answer.status_code == 200
    assert found
    assert {address for address in found if not address.startswith(f"{PREFIX}/")} == set()


def test_styles_and_modules_are_there(visitor):
    page = visitor.get(f"{PREFIX}/entrar/")
    static = [address for address in addresses_in(page.text) if "/static/" in address]
    assert static
    assert {visitor.get(address).status_code for address in static} == {200}


def test_cookies_are_of_the_prefix_and_none_has_a_name_that_another_site_of_the_host_may_use(visitor):
    log_in(visitor, PREFIX)
    paths = {cookie.name: cookie.path for cookie in visitor.cookies.jar}
    assert paths.pop("semtas_csrftoken") == "/", "a bell on another page of the host reads it"
    assert set(paths.values()) == {f"{PREFIX}/"}
    assert not {"sessionid", "csrftoken"} & paths.keys()


def test_the_api_answers_with_addresses_that_a_browser_can_call(visitor):
    log_in(visitor, PREFIX)
    session = visitor.get(f"{PREFIX}/api/v1/session/").json()
    assert session["stream"].startswith(f"{PREFIX}/api/v1/stream/")
    page = visitor.get(f"{PREFIX}/api/v1/notifications/?limit=1").json()
    assert page["next"] is None or page["next"].startswith(f"{ORIGIN}{PREFIX}/")


def test_what_is_sent_comes_by_the_stream_at_once(visitor, site):
    log_in(visitor, PREFIX)
    say = "from notificacao.services import notify; notify(['system:notifications'], title='Manutenção', message='…')"
    with visitor.stream("GET", f"{PREFIX}/api/v1/stream/") as stream:
        heard = events(stream)
        assert next(heard)[0] == "heads"
        site.manage("shell", "-c", say)
        assert next(data["title"] for name, data in heard if name == "notification") == "Manutenção"


def test_what_a_system_tells_its_administrators_leads_under_the_prefix(site):
    ask = "from notificacao.alerts.definitions import runbook; print(runbook('RedisAway'))"
    assert site.manage("shell", "-c", ask).strip().splitlines()[-1].startswith(f"{PREFIX}/admin/")


def test_probes_ask_the_process_itself_without_prefix_and_without_tls(site):
    answer = httpx.get(f"{site.address}/health/ready", headers={"Host": HOST}, timeout=PATIENCE)
    assert answer.status_code == 200


def test_outside_of_the_prefix_there_is_nothing_of_ours(visitor):
    assert visitor.get("/notificacoes/").status_code == 404


def test_each_of_several_hosts_is_a_site_of_its_own(dual, tmp_path):
    both = documented().replace(f"server_name {HOST};", f"server_name {HOST} {OTHER};")
    with Nginx(tmp_path, dual.port, both) as nginx:
        for host in (HOST, OTHER):
            with browser(nginx) as visitor:
                assert log_in(visitor, host=host).headers["location"] == "/notificacoes/"
        with browser(nginx) as visitor:
            assert visitor.get("/entrar/", headers={"Host": "outro.example"}).status_code == 400


def test_behind_two_proxies_the_address_is_the_browsers_and_nobody_chooses_it(dual, tmp_path):
    with (
        PlainNginx(tmp_path, dual.port) as inner,
        Nginx(tmp_path, inner.port, documented()) as outer,
        browser(outer, local_address="127.0.0.9") as visitor,
    ):
        visitor.headers["X-Forwarded-For"] = "203.0.113.9"
        assert log_in(visitor).headers["location"] == "/notificacoes/", "TLS is known of, too"
    assert logged_in_from(dual) == "127.0.0.9"


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_a_site_that_listens_on_all_addresses_is_reached_by_both_kinds(dual, host):
    assert httpx.get(f"http://{host}:{dual.port}/health/ready", headers={"Host": HOST}, timeout=PATIENCE).is_success


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_a_proxy_of_either_kind_is_trusted_by_its_plain_address(dual, host):
    headers = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": "2001:db8::7"}
    answer = httpx.get(f"http://{host}:{dual.port}/entrar/", headers=headers, timeout=PATIENCE)
    assert answer.status_code == 200, "else it is sent to https for ever"


def test_browsers_come_over_ipv6(dual, tmp_path):
    with Nginx(tmp_path, dual.port, documented()) as nginx:
        answer = httpx.get(f"http://[::1]:{nginx.plain_port}/entrar/", headers={"Host": HOST}, timeout=PATIENCE)
        assert answer.headers["location"] == f"{ORIGIN}/entrar/"
