"""Describe `GET /api/v1/stream/` in the OpenAPI document."""

import structlog
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request

from notificacao.api import shapes
from notificacao.api.problems import Problem
from notificacao.outages import Repeats

logger = structlog.get_logger(__name__)

_told = Repeats()


@extend_schema(
    parameters=[
        OpenApiParameter("lane", str, enum=["live", "standby"], description="standby: for people on Ably."),
        OpenApiParameter("cursor", str, description="epoch.seq: replay from there (live). Last-Event-ID beats it."),
        OpenApiParameter("browser", str, description="22 characters that the page makes; one stream each."),
    ],
    responses={
        (200, "text/event-stream"): OpenApiResponse(OpenApiTypes.STR, "docs/contract.md, Stream"),
        (401, "application/problem+json"): shapes.ProblemDetails,
        (403, "application/problem+json"): shapes.ProblemDetails,
        (429, "application/problem+json"): shapes.ProblemDetails,
        (503, "application/problem+json"): shapes.ProblemDetails,
    },
    tags=["stream"],
)
@api_view(["GET"])
def stream(request: Request) -> None:
    """Send server-sent events; `semtas/asgi.py` routes requests to the stream's ASGI application, past this view."""
    if times := _told.due("needs_asgi"):
        logger.error("needs_asgi", times=times)
    raise Problem(503, "needs_asgi", "O fluxo precisa de um servidor ASGI: inicie com manage.py serve.")
