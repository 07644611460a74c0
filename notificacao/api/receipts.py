"""Take a browser's receipts for what was delivered to it (`POST /api/v1/receipts/`)."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from notificacao import receipts as receipts_of
from notificacao.api import shapes
from notificacao.receipts import Delivery


@extend_schema(
    request=shapes.Deliveries,
    responses={200: shapes.Recorded, 400: shapes.ProblemDetails},
    tags=["receipts"],
)
@api_view(["POST"])
def receipts(request: Request) -> Response:
    """Record at most 200 receipts; only a notification's first counts, and those for other people's are passed over."""
    deliveries = shapes.parse(shapes.Deliveries, request.data)
    new = receipts_of.record(request.user, (Delivery(d.id, d.transport, d.held_ms) for d in deliveries.root))
    return Response({"recorded": new})
