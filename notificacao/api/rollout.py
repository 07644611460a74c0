"""Tell staff how the rollout stands (`GET /api/v1/rollout/`)."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from notificacao.api import shapes
from notificacao.api.staff import demand_staff
from notificacao.rollout import plan as rollout_plan


@extend_schema(
    responses={200: OpenApiTypes.OBJECT, 401: shapes.ProblemDetails, 403: shapes.ProblemDetails}, tags=["rollout"]
)
@api_view(["GET"])
def rollout(request: Request) -> Response:
    """Return the plan in a sentence, with its stages, charts by minute, people by transport, events, possible acts.

    What people say, by arm, is there too: it decides nothing, and names nobody. For staff with the permission
    `view_rolloutplan`.
    """
    demand_staff(request, "view_rolloutplan")
    return Response(rollout_plan.overview(), headers={"Cache-Control": "no-store"})
