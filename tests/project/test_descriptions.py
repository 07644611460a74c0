"""The descriptions for machines say what the code does: OpenAPI is made of it, AsyncAPI is held against it."""

import ast

import pytest
import yaml
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator

from notificacao import signing
from notificacao.models import Kind, Notification, Priority
from notificacao.stream import frames
from notificacao.transports import Envelope
from notificacao.transports.ably import messages
from notificacao.wire import WireNotification
from tests import described
from tests.asgi import Event
from tests.live.ably_server import ROOT

OPENAPI = yaml.safe_load((ROOT / "docs" / "api" / "openapi.yaml").read_text())


def test_the_openapi_document_is_what_the_code_makes():
    made = SchemaGenerator().get_schema(request=None, public=True)
    assert yaml.safe_load(yaml.safe_dump(_plain(made))) == OPENAPI, "run script/docs --api"


def _plain(data):
    if isinstance(data, dict):
        return {str(name): _plain(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    return data if isinstance(data, int | float | bool | type(None)) else str(data)


def test_each_call_shows_what_it_takes_and_what_it_answers():
    calls = (call for path in OPENAPI["paths"].values() for call in path.values())
    parts = [part for call in calls for part in (call.get("requestBody", {}), *call["responses"].values())]
    contents = [content for part in parts for content in part.get("content", {}).values()]
    assert len(contents) > 40
    assert all(content["examples"] for content in contents)


def test_the_asyncapi_document_names_each_event_of_the_stream_and_no_other():
    tree = ast.parse((ROOT / "notificacao" / "stream" / "frames.py").read_text())
    sent = {node.args[0].value for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_event(node)}
    named = set(described.asyncapi()["channels"]["stream"]["messages"])
    assert named == sent | {"notification", "heartbeat", "retry"}


def _is_event(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id == "_event"


def test_its_notification_is_the_wire_s():
    schema = described.asyncapi()["components"]["schemas"]["Notification"]
    assert list(schema["properties"]) == schema["required"] == list(WireNotification.model_fields)
    assert schema["properties"]["kind"]["enum"] == Kind.values
    assert schema["properties"]["priority"]["enum"] == Priority.values


def test_each_of_its_examples_is_such_a_message():
    for name, message in described.asyncapi()["components"]["messages"].items():
        for example in message["examples"]:
            described.must_fit(name, example["payload"])


@pytest.mark.parametrize("payload", ["reference", "encrypted"])
def test_what_is_published_to_ably_is_as_the_document_says(settings, payload):
    settings.ABLY_PAYLOAD = payload
    row = Notification(
        created_at=timezone.now(), channel="system:notifications", seq=7, prev_seq=3, title="Aviso", message="Texto."
    )
    sealed = messages.seal(Envelope(row, "e90c", 1))
    described.must_fit("published", yaml.safe_load(sealed.body))
    assert (
        f"{signing.ENCODING}/base64"
        == described.asyncapi()["components"]["schemas"]["Published"]["properties"]["encoding"]["const"]
    )


@pytest.mark.parametrize(
    "frame",
    [
        frames.counts(-1),
        frames.bye("tired", 0),
        frames._event("heads", {"position": "e90c.7"}),
        frames._event("ably", {"in_use": "no"}),
        frames._event("session", {"transport": "ably"}),
        b"id: seven\n: seven\n\n",
    ],
)
def test_what_is_otherwise_is_found_wherever_a_test_reads_a_stream(frame):
    with pytest.raises(AssertionError, match=r"asyncapi\.yaml"):
        Event.parse(frame.decode().strip())
