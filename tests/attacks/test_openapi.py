"""Each call of the OpenAPI document, with what its schema allows or not: answered as documented, never by a 500."""

import json
from collections import Counter

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from notificacao.services import notify
from tests.asgi import log_in
from tests.producers import make_key, make_producer
from tests.stamping import stamp_all

pytestmark = pytest.mark.slow

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
STREAM = "/api/v1/stream/"  # by ASGI alone: `test_parsers.py` and `test_floods.py` try it
SEND = ("POST", "/api/v1/notifications/")
CSRF = "a" * 32
HARD = settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture
def cookies(ana):
    return {"sessionid": log_in(ana), "csrftoken": CSRF}


@pytest.fixture
def api(settings, as_ana, of_ana):
    """The document, for a WSGI application in this very process; nobody is too fast."""
    settings.RATE_STAFF = settings.RATE_SYSTEM = (999_999, 999_999)
    notify([of_ana], title="Para ana", message="m")
    stamp_all()
    schema = schemathesis.openapi.from_dict(json.loads(as_ana.get("/api/v1/schema/?format=json").content))
    schema.app = get_wsgi_application()
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)  # the test's own transaction lives on it
    yield schema
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.endurance
def test_no_call_is_answered_by_a_fault(api, cookies):
    """By a person who is logged in; where systems send, by one with a key."""
    key = {"Authorization": f"Api-Key {make_key(make_producer())}"}
    tried: Counter[int] = Counter()

    def try_it(case) -> None:
        headers = {"X-CSRFToken": CSRF} | (key if (case.method.upper(), case.path) == SEND else {})
        answer = case.call(headers=headers, cookies=cookies)
        case.validate_response(answer, checks=CHECKS)
        tried[answer.status_code] += 1

    operations = [found.ok() for found in api.get_all_operations() if found.ok().path != STREAM]
    assert len(operations) > 12
    for operation in operations:
        HARD(given(case=operation.as_strategy())(try_it))()
    assert tried[200] > 20
    assert tried[401] == 0
