"""Issue Ably tokens (`POST /api/v1/ably/token/`), and list active channels (`GET /api/v1/ably/channels/`) for staff."""

import structlog
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from notificacao import alerts, audit, metrics, presence, rollout, tokens
from notificacao.api import shapes
from notificacao.api.problems import Problem
from notificacao.api.staff import demand_staff
from notificacao.api.throttling import TokenThrottle
from notificacao.denials import Denials
from notificacao.models import AuditEvent
from notificacao.stream import authorisation
from notificacao.tokens import TooManyChannels

logger = structlog.get_logger(__name__)

CHANNELS_MAX = 1_000

_denials = Denials(AuditEvent.Action.TOKEN_REFUSED)


class TokenView(APIView):
    """Issue a token to people whom the rollout puts on Ably, and record every refusal."""

    throttle_classes = (TokenThrottle,)
    keeps_refusals = True

    @extend_schema(
        request=None,
        responses={
            200: shapes.AblyToken,
            401: shapes.ProblemDetails,
            409: shapes.ProblemDetails,
            429: shapes.ProblemDetails,
        },
        tags=["ably"],
    )
    def post(self, request: Request) -> Response:
        """Issue a JWT to subscribe to exactly this person's channels.

        People who are not on Ably get 409 `not_in_rollout`, or `too_many_channels` where theirs do not fit in a token.
        """
        if not rollout.current().includes(request.user.pk):
            raise _by_sse(rollout.NOT_IN_ROLLOUT)
        try:
            issued = tokens.generate_token(request.user, request.session.session_key or "", audit.address_of(request))
        except TooManyChannels:
            raise _by_sse(rollout.TOO_MANY_CHANNELS) from None
        if not authorisation.logins_of([request.session.session_key or ""]):
            raise exceptions.NotAuthenticated  # the login ended meanwhile, and perhaps before the token's `iat`
        answer = shapes.AblyToken(token=issued.token, expires_at=issued.expires_at, capability=issued.capability)
        return Response(answer.model_dump(mode="json"), headers={"Cache-Control": "no-store"})

    def handle_exception(self, exc: Exception) -> Response:
        """Record a refusal before it is answered; every refusal comes through here."""
        if isinstance(exc, exceptions.APIException):
            code = str(exc.get_codes())
            metrics.TOKENS_REFUSED.labels(code if code in metrics.TOKEN_REFUSALS else "other").inc()
            who = getattr(self.request.user, "public_id", "")
            _denials.record(who=who, ip=audit.address_of(self.request), reason=code)
        return super().handle_exception(exc)


def _by_sse(code: str) -> Problem:
    """Return the problem that sends a page to SSE."""
    return Problem(409, code, _("Suas notificações chegam por SSE: consulte a sessão e abra o fluxo."))


@extend_schema(
    request=shapes.Unverified,
    responses={200: shapes.Recorded, 400: shapes.ProblemDetails, 401: shapes.ProblemDetails},
    tags=["ably"],
)
@api_view(["POST"])
def unverified(request: Request) -> Response:
    """Take a page's word, once for each reason, that messages came by Ably which this server did not sign."""
    told = shapes.parse(shapes.Unverified, request.data)
    metrics.ABLY_UNVERIFIED.labels(told.reason).inc(told.count)
    logger.warning("ably_unverified", reason=told.reason, count=told.count, person=request.user.public_id)
    if told.reason != "unknown_key":  # those come with each change of SIGNING_KEYS
        alerts.open("SignaturesRefused", detail="Uma página recebeu do Ably o que este servidor não assinou.")
    return Response(shapes.Recorded(recorded=told.count).model_dump())


@extend_schema(
    parameters=[OpenApiParameter("after", str, description="The last name of the page before; pages are by name.")],
    responses={200: shapes.ActiveChannels, 401: shapes.ProblemDetails, 403: shapes.ProblemDetails},
    tags=["ably"],
)
@api_view(["GET"])
def channels(request: Request) -> Response:
    """List the channels that have subscribers, or had until CHANNEL_IDLE seconds ago; at most 1,000, by name.

    For staff with the permission `view_activechannel`.
    """
    demand_staff(request, "view_activechannel")
    found = presence.active_channels(after=request.query_params.get("after", ""))
    answer = shapes.ActiveChannels(
        results=[
            shapes.ActiveChannel(
                name=one.channel, on_sse=one.on_sse, on_ably=one.on_ably, tokens=one.tokens, since=one.since
            )
            for one in found[:CHANNELS_MAX]
        ],
        more=len(found) > CHANNELS_MAX,
    )
    return Response(answer.model_dump(mode="json"), headers={"Cache-Control": "no-store"})
