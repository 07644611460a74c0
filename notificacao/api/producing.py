"""Serve `/api/v1/notifications/`: people read there, and other systems of SEMTAS send, each with a key of its own."""

import re
from typing import Any

from drf_spectacular.authentication import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed, Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_api_key.permissions import KeyParser

from notificacao import audit, idempotency, metrics, rates
from notificacao.api import examples, notifications, shapes
from notificacao.api.parsing import BulkJSONParser
from notificacao.api.problems import Problem
from notificacao.api.throttling import ProducerThrottle
from notificacao.conf import conf
from notificacao.content import InvalidNotification
from notificacao.database import is_busy
from notificacao.denials import Denials
from notificacao.models import AuditEvent, Producer, ProducerKey
from notificacao.producing import api_keys, sending
from notificacao.producing.faults import Faulty
from notificacao.producing.orders import ORDERS_MAX, EventOrder, Order, Orders
from notificacao.rates import Rate

_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")
_TRY_AGAIN = 1  # seconds

_denials = Denials(AuditEvent.Action.PRODUCER_REFUSED)


class ProducersKey(BaseAuthentication):
    """Authenticate a producer by `Authorization: Api-Key …`; it becomes the request's user, and the key its `auth`.

    Refused keys are limited by address (RATE_KEYS); a good one is let in whatever came from its address before.
    """

    def authenticate(self, request: Request) -> tuple[Producer, ProducerKey]:
        text = KeyParser().get(request)
        if text is None:
            raise AuthenticationFailed("Envie a chave do sistema no cabeçalho Authorization: Api-Key …", "key_required")
        try:
            key = api_keys.recognise(text)
        except api_keys.KeyRefused as refused:
            address = audit.address_of(request)
            _denials.record(who=refused.who, ip=address, reason=f"key {refused.reason}")
            if wait := rates.take(f"keys:{address}", Rate(*conf.RATE_KEYS)):
                raise Throttled(wait) from None
            detail = "Esta chave não vale: confira se expirou ou foi revogada."
            raise AuthenticationFailed(detail, "key_invalid") from None
        return key.producer, key

    def authenticate_header(self, request: Request) -> str:
        return "Api-Key"


class ProducersKeyScheme(OpenApiAuthenticationExtension):
    """Name this authentication in the OpenAPI document."""

    target_class = ProducersKey
    name = "producerKey"

    def get_security_definition(self, auto_schema) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`Api-Key PREFIX.SECRET`"}


class NotificationsView(APIView):
    """Answer GET to people, by the site's login, and POST to other systems, by their keys.

    What lets one in means nothing to the other.
    """

    http_method_names = ["get", "post", "options"]

    keeps_refusals = False

    def initialize_request(self, request, *args, **kwargs) -> Request:
        """Choose what a POST is judged by, on this view alone: DRF makes a view for each request."""
        if request.method == "POST":
            self.authentication_classes = [ProducersKey]
            self.permission_classes = []  # ProducersKey has already refused whoever has no key
            self.throttle_classes = [ProducerThrottle]
            self.parser_classes = [BulkJSONParser]
            self.keeps_refusals = True
        return super().initialize_request(request, *args, **kwargs)

    def dispatch(self, request, *args, **kwargs):
        """Answer, and count the answers to other systems; those that a middleware makes of an error too."""
        try:
            response = super().dispatch(request, *args, **kwargs)
        except Exception as error:
            _count(request, 503 if is_busy(error) else 500)
            raise
        _count(request, response.status_code)
        return response

    @notifications.described
    def get(self, request: Request) -> Response:
        """With `after`: what lies after that cursor, ascending. Without: the inbox, newest first, each event once."""
        return notifications.look(request)

    @extend_schema(
        operation_id="notifications_create",
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                str,
                OpenApiParameter.HEADER,
                description="1 to 255 visible ASCII characters: the same again within 24 hours does nothing.",
            )
        ],
        request=PolymorphicProxySerializer("OneOrMany", [Order, EventOrder, Orders], None),
        responses={
            201: shapes.Sent,
            400: shapes.FaultyProblem,
            **dict.fromkeys((401, 409, 413, 415, 429), shapes.ProblemDetails),
        },
        examples=examples.PRODUCING,
        tags=["producers"],
    )
    def post(self, request: Request) -> Response:
        """Send one notification, or a list of up to 1,000: all of them or none. docs/producers.md explains it."""
        one_or_many = request.data
        asked = one_or_many if isinstance(one_or_many, list) else [one_or_many]
        if not 1 <= len(asked) <= ORDERS_MAX:
            raise Problem(400, "invalid", f"Envie de 1 a {ORDERS_MAX} notificações.")
        results, again = _send(request, asked)
        headers = {"Cache-Control": "no-store"} | ({"Idempotency-Replayed": "true"} if again else {})
        sent = shapes.Sent(results=results).model_dump(mode="json")  # the database keeps no order of members
        return Response(sent, status=201, headers=headers)

    def handle_exception(self, exc: Exception) -> Response:
        """Record the refusal of a producer before it is answered; every refusal comes through here."""
        if self.keeps_refusals and isinstance(exc, APIException) and isinstance(self.request.auth, ProducerKey):
            _denials.record(who=self.request.user.who, ip=audit.address_of(self.request), reason=_code_of(exc))
        return super().handle_exception(exc)


def _count(request, status: int) -> None:
    """Count one answer to another system."""
    if request.method == "POST":
        known = str(status) in metrics.PRODUCER_STATUSES
        metrics.PRODUCER_ANSWERS.labels(str(status) if known else "other").inc()


def _send(request: Request, asked: list[Any]) -> tuple[list[dict], bool]:
    try:
        return sending.send(
            request.auth, asked, ip=audit.address_of(request), idempotency_key=_idempotency_key(request)
        )
    except Faulty as faulty:
        raise Problem(
            400,
            "invalid",
            "Nada foi enviado: veja o que está errado em errors, pelo índice de cada notificação.",
            errors=[vars(fault) for fault in faulty.faults],
        ) from None
    except InvalidNotification as invalid:
        sentence = "; ".join(invalid.errors.values())
        conflict = Problem(409, "recipients_changed", f"Nada foi enviado, os destinatários mudam agora: {sentence}.")
        conflict.wait = _TRY_AGAIN
        raise conflict from None
    except idempotency.OtherRequest:
        raise Problem(
            409, "idempotency_conflict", "Esta Idempotency-Key já foi usada com outro corpo: use outra."
        ) from None
    except idempotency.UnderWay:
        conflict = Problem(409, "idempotency_under_way", "Um pedido com esta Idempotency-Key ainda está em andamento.")
        conflict.wait = _TRY_AGAIN  # DRF's handler makes it a Retry-After
        raise conflict from None


def _idempotency_key(request: Request) -> str:
    """Return the header's key, or nothing where there is no such header. Raises Problem 400."""
    key = request.headers.get("Idempotency-Key", "")
    if "Idempotency-Key" in request.headers and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise Problem(400, "invalid_idempotency_key", "Idempotency-Key: use de 1 a 255 caracteres ASCII visíveis.")
    return key


def _code_of(error: APIException) -> str:
    return str(getattr(error.detail, "code", None) or error.default_code)
