"""What is left behind, or open to be misread, in answers: copies in caches, missing headers, files that others read."""

import os
import stat
import uuid
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client

from notificacao import database
from tests.asgi import in_database
from tests.staff import make_staff

PAGES = ["/notificacoes/", "/notificacoes/diagnostico/", "/entrar/", "/admin/", "/admin/notificacao/person/", "/nada/"]
CALLS = ["session/", "notifications/", "rollout/", "ably/channels/", "schema/", "docs/", "nada/"]
CALLS += [f"notifications/{uuid.UUID(int=7)}/why/"]


@pytest.mark.parametrize("address", [*PAGES, *(f"/api/v1/{call}" for call in CALLS)])
@pytest.mark.parametrize("logged_in", [True, False])
def test_no_answer_with_peoples_data_is_stored(client, db, address, logged_in):
    if logged_in:
        client.force_login(make_staff("dora", "view_person", "view_activechannel", "view_rolloutplan"))
    assert "no-store" in client.get(address)["Cache-Control"]


def test_nor_one_of_an_act_and_of_a_notification(as_ana, of_ana):
    for call in ("notifications/read-all/", "receipts/", "ably/token/"):
        answer = as_ana.post(f"/api/v1/{call}", "{}", content_type="application/json")
        assert "no-store" in answer["Cache-Control"]
    assert "no-store" in as_ana.post("/notificacoes/todas-lidas/")["Cache-Control"]


@pytest.fixture(params=[True, False])
def tls(request, settings):
    settings.SECURE_HSTS_SECONDS = 31_536_000 if request.param else 0
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = request.param


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("asked", [{}, {"lane": "x"}, {"method": "POST"}])
async def test_a_stream_is_refused_and_given_with_the_headers_of_all_else(tls, site, ana, asked):
    page = await in_database(lambda: Client().get("/entrar/", secure=True))
    cookie = await site.cookie(ana)
    for stream in (await site.request(**asked), await site.request(cookie)):
        headers = {name.decode(): value.decode() for name, value in stream.headers.items()}
        for name in ("x-content-type-options", "x-frame-options", "referrer-policy", "cross-origin-opener-policy"):
            assert headers[name] == page[name]
        assert headers.get("strict-transport-security") == page.get("strict-transport-security")


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
@pytest.mark.parametrize(
    "address", ["/api/v1/notifications/read-all", "/api/v1/session", "/api/v1/nada/", "/api/v2/x", "/api/"]
)
@pytest.mark.parametrize("debug", [True, False])  # with it on, Django's own answer is a RuntimeError
def test_what_is_no_address_of_the_api_is_a_404_for_programs(db, settings, method, address, debug):
    settings.DEBUG = debug
    answer = getattr(Client(), method)(address, "{}" if method != "get" else None, content_type="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "not_found"


@pytest.mark.sqlite
def test_nobody_else_reads_the_sqlite_file_nor_what_is_beside_it(db):
    name = connection.settings_dict["NAME"]
    files = [Path(f"{name}{end}") for end in ("", "-wal", "-shm") if Path(f"{name}{end}").exists()]
    assert len(files) == 3
    for file in files:
        file.chmod(0o644)
    database.keep_private(connection)
    assert {stat.S_IMODE(os.stat(file).st_mode) for file in files} == {0o600}
