"""Tell a page whose it is, by which transport, from which position, on which channels (`GET /api/v1/session/`)."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from notificacao import audiences, eventlog, keys, places, reading, rollout
from notificacao.api import shapes
from notificacao.api.problems import Problem
from notificacao.conf import conf
from notificacao.login_word import login_word
from notificacao.models import Channel, Person
from notificacao.stream.request import is_secure


def describe(person: Person, session_key: str, *, secure: bool = True) -> shapes.Session:
    """Return what a page of `person`, under the login of `session_key`, needs to begin.

    The position is read first: what is stamped after it is news to whoever starts from it. A page that is not in a
    secure context (`secure`) is kept on SSE.
    """
    position = eventlog.position()
    channels = audiences.channels_of([person.pk]).get(person.pk, {})
    why_sse = rollout.current().why_sse(person.pk, channels, secure=secure)
    on_ably = not why_sse
    return shapes.Session(
        person=person.public_id,
        login=login_word(session_key),
        transport="ably" if on_ably else "sse",
        reason=why_sse or None,
        position=str(position),
        channels=_channels(channels, on_ably),
        unread=reading.unread({person.pk: channels})[person.pk],
        ably=_address(person) if on_ably else None,
        stream=reverse("stream"),
    )


def _channels(channels, with_keys: bool) -> list[shapes.ChannelState]:
    known = {channel.name: channel for channel in Channel.objects.filter(places.is_one_of("pk", channels))}
    found = ((known.get(name) or Channel(name=name), since) for name, since in channels.items())
    return [
        shapes.ChannelState(head=channel.head, since=since, **_keys_of(channel, with_keys)) for channel, since in found
    ]


def _keys_of(channel: Channel, with_keys: bool) -> dict[str, Any]:
    if not with_keys:
        return {"name": channel.name, "key": None, "key_epoch": None, "old_keys": []}
    return keys.told(channel)


def _address(person: Person) -> shapes.AblyAddress:
    return shapes.AblyAddress(
        endpoint=conf.ABLY_ENDPOINT or None,
        port=conf.ABLY_PORT,
        tls=conf.ABLY_TLS,
        client_id=audiences.client_id_for(person),
    )


@extend_schema(
    parameters=[OpenApiParameter("secure", bool, description="false: the page is in no secure context, and on SSE.")],
    responses={200: shapes.Session, 400: shapes.ProblemDetails, 401: shapes.ProblemDetails},
    tags=["session"],
)
@api_view(["GET"])
def session(request: Request) -> Response:
    """Return what a page needs to begin; the server alone decides `transport`."""
    try:
        secure = is_secure(request.query_params.get("secure", ""))
    except ValueError as error:
        raise Problem(400, "invalid", str(error)) from None
    described = describe(request.user, request.session.session_key or "", secure=secure)
    return Response(described.model_dump(mode="json"), headers={"Cache-Control": "no-store"})
