"""What every endpoint has in common: who is let in, how it says no, and the document that describes it."""

import uuid

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from rest_framework import exceptions

from notificacao import eventlog
from notificacao.api import problems
from notificacao.api.parsing import BoundedJSONParser
from notificacao.api.problems import Problem, as_problem
from notificacao.api.urls import urlpatterns
from notificacao.models import LogHead, Person, ReadMark

ROOT = "/api/v1/"
MEMBERS = {"type", "title", "status", "detail", "code"}
ADDRESSES = [ROOT + str(entry.pattern).replace("<uuid:public_id>", str(uuid.UUID(int=7))) for entry in urlpatterns]
SENDING = ROOT + "notifications/"  # by POST, with a key instead of a login
READS = ["session/", "ably/channels/", "rollout/", "stream/", "notifications/", "schema/", "docs/"]
READS += [f"notifications/{uuid.UUID(int=7)}/why/"]
DOCS = ROOT + "docs/"  # a page: it leads to the login
OURS = [address for address in ADDRESSES if not address.endswith(("/schema/", "/docs/"))]
WRITES = [address for address in ADDRESSES if address.removeprefix(ROOT) not in READS]


@pytest.fixture
def strict(ana):
    """A client that Django does not spare the CSRF check."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(ana)
    return client


@pytest.fixture
def schema(db):
    """The OpenAPI document, and the warnings that its making gave."""
    GENERATOR_STATS.reset()
    document = SchemaGenerator().get_schema(public=True)
    warnings = [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]
    return document, warnings


def is_problem(response, status, code):
    body = response.json()
    return (
        response["Content-Type"].startswith("application/problem+json")
        and set(body) == MEMBERS
        and body["status"] == response.status_code == status
        and (body["type"], body["code"]) == ("about:blank", code)
        and bool(body["title"] and body["detail"])
    )


def test_these_lists_hold_every_endpoint():
    assert len(ADDRESSES) == len(READS) + len(WRITES) == len(urlpatterns)
    assert len(WRITES) == 10


@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_who_is_not_logged_in_gets_401_and_never_403(client, db, address, method):
    response = getattr(client, method)(address)
    if (method, address) == ("get", DOCS):
        assert (response.status_code, response["Location"]) == (302, f"/entrar/?next={DOCS}")
        return
    assert response.status_code == 401
    to_send = (method, address) == ("post", SENDING)
    assert response["WWW-Authenticate"] == ("Api-Key" if to_send else "Session")


@pytest.mark.parametrize("address", [address for address in OURS if address != SENDING])
def test_who_is_not_logged_in_is_told_where_to_log_in(client, db, address):
    response = client.post(address)
    assert is_problem(response, 401, "not_authenticated")
    assert response.json()["detail"] == "Entre em /entrar/ para continuar."


def test_what_is_no_json_is_not_called_so(client, db):
    for accept, content_type in (
        ("application/vnd.oai.openapi", "application/vnd.oai.openapi"),
        ("application/vnd.oai.openapi+json", "application/problem+json"),
    ):
        response = client.get(ROOT + "schema/", headers={"Accept": accept})
        assert (response.status_code, response["Content-Type"].partition(";")[0]) == (401, content_type)


@pytest.mark.parametrize("address", ADDRESSES)
def test_who_was_made_inactive_is_not_logged_in_any_more(as_ana, ana, address):
    Person.objects.filter(pk=ana.pk).update(is_active=False)
    assert as_ana.get(address).status_code == (302 if address == DOCS else 401)


@pytest.mark.parametrize("address", WRITES)
def test_nothing_is_written_without_the_csrf_token(strict, address):
    response = strict.post(address, {}, content_type="application/json")
    assert is_problem(response, 403, "permission_denied")
    assert not ReadMark.objects.exists()


@pytest.mark.parametrize("address", [ROOT + "receipts/", ROOT + "notifications/read-all/"])
def test_with_the_csrf_token_of_a_page_it_is(strict, address):
    strict.get("/notificacoes/")
    token = strict.cookies["csrftoken"].value
    body = [] if "receipts" in address else {}
    response = strict.post(address, body, content_type="application/json", headers={"X-CSRFToken": token})
    assert response.status_code == 200


def test_nothing_is_needed_but_the_session_to_read(strict):
    assert strict.get(ROOT + "session/").status_code == 200


@pytest.mark.parametrize("address", [address for address in WRITES if not address.endswith("/read-all/")])
def test_what_is_only_to_be_posted_is_405_to_get(as_ana, address):
    response = as_ana.get(address)
    assert is_problem(response, 405, "method_not_allowed")
    assert "POST" in response["Allow"]


@pytest.mark.parametrize("address", [address for address in OURS if address not in [*WRITES, SENDING]])
def test_what_is_only_to_be_read_is_405_to_post(as_ana, address):
    assert is_problem(as_ana.post(address), 405, "method_not_allowed")


def test_a_body_that_is_not_json_is_400_and_one_that_does_not_say_so_is_415(as_ana):
    broken = as_ana.generic("POST", ROOT + "receipts/", "{", content_type="application/json")
    assert is_problem(broken, 400, "parse_error")
    form = as_ana.post(ROOT + "receipts/", {"id": "1"})
    assert is_problem(form, 415, "unsupported_media_type")


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 413)])
def test_a_body_may_be_so_large_and_no_larger(as_ana, more, status):
    body = "[" + " " * (BoundedJSONParser.limit - 2 + more) + "]"
    answer = as_ana.generic("POST", ROOT + "receipts/", body, content_type="application/json")
    assert answer.status_code == status
    if status == 413:
        assert is_problem(answer, 413, "too_large")
        assert answer.json()["detail"] == "O corpo do pedido passa de 65536 bytes."


@pytest.mark.parametrize("body", [b"[" * 60_000, b'["\xff"]'])
def test_a_body_that_is_too_deep_or_no_text_is_refused_as_one_that_is_not_json(as_ana, body):
    answer = as_ana.generic("POST", ROOT + "receipts/", body, content_type="application/json")
    assert is_problem(answer, 400, "parse_error")


def test_a_stream_that_is_asked_of_a_server_without_asgi_says_so(as_ana):
    assert is_problem(as_ana.get(ROOT + "stream/"), 503, "needs_asgi")


def test_a_problem_may_say_more(as_ana, ana):
    LogHead.objects.update(seq=7)
    body = as_ana.get(ROOT + "notifications/", {"after": "0.0"}).json()
    assert set(body) == MEMBERS | {"position"}
    assert body["position"] == str(eventlog.position())


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Problem(409, "conflict", "Não agora."), 409, "conflict"),
        (Http404("secret path"), 404, "not_found"),
        (PermissionDenied("secret reason"), 403, "permission_denied"),
        (exceptions.Throttled(wait=3), 429, "throttled"),
        (exceptions.ValidationError({"a": ["wrong"]}), 400, "invalid"),
    ],
)
def test_every_foreseen_error_has_the_one_shape(error, status, code):
    answer = as_problem(error, {})
    assert set(answer.data) == MEMBERS
    assert (answer.status_code, answer.data["status"], answer.data["code"]) == (status, status, code)
    assert answer.data["title"] == problems.TITLES[status]
    assert "secret" not in answer.data["detail"]


def test_what_nobody_foresaw_is_left_to_django():
    assert as_problem(RuntimeError("secret"), {}) is None


@pytest.mark.slow
def test_the_openapi_document_is_made_without_a_warning_and_is_valid(schema):
    document, warnings = schema
    assert warnings == []
    assert document["openapi"].startswith("3.1")
    from drf_spectacular.validation import validate_schema  # it builds a grammar when it is imported: three seconds

    validate_schema(document)


def test_the_openapi_document_names_every_path_and_describes_each_call(schema):
    document, _ = schema
    described = {ROOT + str(entry.pattern).replace("<uuid:", "{").replace(">", "}") for entry in urlpatterns}
    assert set(document["paths"]) == described - {ROOT + "schema/", ROOT + "docs/"}
    for calls in document["paths"].values():
        for call in calls.values():
            assert call["description"]
            assert {"200", "201"} & set(call["responses"])


def test_the_openapi_document_says_how_each_call_can_fail(schema):
    paths = schema[0]["paths"]
    assert {"201", "400", "401", "409", "413", "429"} <= set(paths[SENDING]["post"]["responses"])
    assert {"200", "400", "410"} <= set(paths[ROOT + "notifications/"]["get"]["responses"])
    assert {"200", "401", "409"} <= set(paths[ROOT + "ably/token/"]["post"]["responses"])
    assert {"200", "404"} <= set(paths[ROOT + "notifications/{public_id}/read/"]["post"]["responses"])


def test_the_document_and_its_page_are_there_for_who_is_logged_in(as_ana):
    document = as_ana.get(ROOT + "schema/")
    assert document.status_code == 200
    assert b"/api/v1/notifications/read-all/" in document.content
    page = as_ana.get(ROOT + "docs/")
    assert page.status_code == 200
    assert page["Content-Type"].startswith("text/html")


def test_by_a_setting_the_document_is_there_to_read_for_everybody_and_nothing_else_is(client, db, settings):
    settings.API_DOCS_PUBLIC = True
    assert b"/api/v1/notifications/read-all/" in client.get(ROOT + "schema/").content
    assert client.get(DOCS).status_code == 200
    assert '"supportedSubmitMethods": []' in client.get(f"{DOCS}?script").content.decode()
    others = [address for address in OURS if client.get(address).status_code not in (401, 405)]
    assert others == []


def test_who_is_logged_in_may_try_calls_out(as_ana):
    assert "supportedSubmitMethods" not in as_ana.get(f"{DOCS}?script").content.decode()
