"""`POST /api/v1/ably/token/`: a token for the people whom the rollout puts on Ably."""

import structlog
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from notificacao import rollout, tokens
from notificacao.api import shapes
from notificacao.api.problems import Problem

log = structlog.get_logger(__name__)


@extend_schema(
    request=None,
    responses={200: shapes.AblyToken, 401: shapes.ProblemDetails, 409: shapes.ProblemDetails},
    tags=["ably"],
)
@api_view(["POST"])
def token(request: Request) -> Response:
    """A JWT to subscribe to exactly this person's channels; 409 `not_in_rollout` for people who are not on Ably."""
    if not rollout.current().assigned(request.user.pk):
        log.info("ably_token_refused", person=request.user.public_id, reason="not_in_rollout")
        raise Problem(409, "not_in_rollout", "Suas notificações chegam por SSE: consulte a sessão e abra o fluxo.")
    issued = tokens.generate_token(request.user, request.session.session_key or "")
    answer = shapes.AblyToken(token=issued.token, expires_at=issued.expires_at, capability=issued.capability)
    return Response(answer.model_dump(mode="json"), headers={"Cache-Control": "no-store"})
