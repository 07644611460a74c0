"""Tell staff why somebody received a notification, or did not (`GET /api/v1/notifications/{id}/why/`)."""

import uuid

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from notificacao import staff_scope
from notificacao import why as answers
from notificacao.api import shapes
from notificacao.api.problems import NOT_FOUND, Problem
from notificacao.api.staff import demand_second_factor
from notificacao.models import Notification, Person


@extend_schema(
    parameters=[OpenApiParameter("person", str, description="A person's id or user name.", required=True)],
    responses={
        200: shapes.Why,
        401: shapes.ProblemDetails,
        403: shapes.ProblemDetails,
        404: shapes.ProblemDetails,
    },
    tags=["notifications"],
)
@api_view(["GET"])
def why(request: Request, public_id: uuid.UUID) -> Response:
    """Return a verdict in a sentence, with what is on record of the notification and the person.

    For staff who may see the notification in the admin; what they may not see, and who does not exist, is 404.
    """
    scope = staff_scope.to_see(request.user)
    if not (request.user.is_staff and scope):
        raise PermissionDenied
    demand_second_factor(request)
    row = scope.narrow(Notification.objects.filter(public_id=public_id)).first()
    asked = request.query_params.get("person", "")
    person = scope.people().filter(Q(public_id=asked) | Q(username=Person.normalize_username(asked))).first()
    if row is None or person is None:
        raise Problem(404, *NOT_FOUND)
    facts = answers.gather(row, person)
    verdict = answers.judge(facts)
    steps = [shapes.Step(at=step.at, text=step.text) for step in answers.timeline_of(facts)]
    answer = shapes.Why(code=verdict.code, sentence=verdict.sentence, advice=verdict.advice, timeline=steps)
    return Response(answer.model_dump(mode="json"), headers={"Cache-Control": "no-store"})
