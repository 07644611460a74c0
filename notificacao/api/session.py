"""Tell a page whose it is, by which transport, from which position, on which channels (`GET /api/v1/session/`)."""

from collections.abc import Container

from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from notificacao import audiences, changes, eventlog, keys, places, reading, rollout, signing
from notificacao.api import shapes
from notificacao.conf import conf
from notificacao.login_word import login_word
from notificacao.models import Channel, Person
from notificacao.stream import authorisation


def describe(person: Person, session_key: str, *, can_verify: bool = False) -> shapes.Session:
    """Return what a page of `person`, under the login of `session_key`, needs to begin.

    `can_verify`: its browser verifies Ed25519 signatures; without that nobody is on Ably.
    The position is read first: what is stamped after it is news to whoever starts from it. Keys are read before it is
    asked for good what is theirs: a key that is renewed because somebody leaves is renewed after they have left. A
    newcomer gets no key under which something was sent before: it is renewed, and their stream brings it.
    """
    position = eventlog.position()
    channels = audiences.channels_of([person.pk]).get(person.pk, {})
    why_sse = rollout.current().why_sse(person.pk, channels, can_verify=can_verify)
    on_ably = not why_sse
    known = {channel.name: channel for channel in Channel.objects.filter(places.is_one_of("pk", channels))}
    if on_ably:
        channels = _permitted(person, session_key, channels)
    states = [
        _state(known.get(name) or Channel(name=name, key_since=position.seq), since, on_ably)
        for name, since in channels.items()
    ]
    if on_ably:
        changes.of_missing_keys({state.name: state.since for state in states if state.key is None})
    return shapes.Session(
        person=person.public_id,
        login=login_word(session_key),
        transport="ably" if on_ably else "sse",
        reason=why_sse or None,
        position=str(position),
        channels=states,
        unread=reading.unread({person.pk: channels})[person.pk],
        ably=_address(person) if on_ably else None,
        stream=reverse("stream"),
    )


def _permitted(person: Person, session_key: str, channels: Container[str]) -> dict[str, int]:
    """Return `{channel: since}` of those of `channels` that are theirs still; none once the login has ended."""
    if not authorisation.logins_of([session_key]):
        return {}
    now = audiences.channels_of([person.pk]).get(person.pk, {})
    return {name: since for name, since in now.items() if name in channels}


def _state(channel: Channel, since: int, with_keys: bool) -> shapes.ChannelState:
    no_keys = {"name": channel.name, "key": None, "key_epoch": None, "old_keys": []}
    told = keys.told(channel, since) if with_keys else no_keys
    return shapes.ChannelState(head=channel.head, since=since, **told)


def _address(person: Person) -> shapes.AblyAddress:
    return shapes.AblyAddress(
        endpoint=conf.ABLY_ENDPOINT or None,
        port=conf.ABLY_PORT,
        tls=conf.ABLY_TLS,
        client_id=audiences.client_id_for(person),
        signing_keys=[shapes.SigningKey(**key) for key in signing.public_keys()],
    )


@extend_schema(
    parameters=[OpenApiParameter("ed25519", bool, description="true: the page verifies what is signed. Else: SSE.")],
    responses={200: shapes.Session, 401: shapes.ProblemDetails},
    tags=["session"],
)
@api_view(["GET"])
def session(request: Request) -> Response:
    """Return what a page needs to begin; the server alone decides `transport`."""
    can_verify = request.query_params.get("ed25519") == "true"
    described = describe(request.user, request.session.session_key or "", can_verify=can_verify)
    return Response(described.model_dump(mode="json"), headers={"Cache-Control": "no-store"})
