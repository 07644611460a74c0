"""Answer health checks: does the process serve, is it ready, is Ably in use.

They need no login, ask for none, hold no secret, and their addresses have no last slash.
"""

from datetime import timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView

from notificacao import audit, presence, rollout
from notificacao.conf import conf
from notificacao.database import outage
from notificacao.eventlog import now
from notificacao.metrics import door
from notificacao.models import BreakerState, CanaryProbe
from notificacao.server import readiness
from semtas.postgresql import deadline, reserve


@require_safe
@never_cache
def live(request: HttpRequest) -> JsonResponse:
    """Answer `{"status": "ok"}` with 200 as long as the process answers at all.

    A restart cures nothing that lies elsewhere, so nothing else is checked.
    """
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """Answer what `readiness.judge` returns; 503 where a check fails."""
    body = readiness.judge()
    return JsonResponse(body, status=503 if body["failing"] else 200)


@require_safe
@never_cache
def ably(request: HttpRequest) -> JsonResponse:
    """Answer what the canary and the breaker know of Ably, the same in every process; 503 where it is out of use.

    It is not for a pod's probes: with Ably away each process is as good as before, and everybody is on SSE.
    """
    try:
        with reserve.meanwhile(), deadline.within(readiness.WITHIN):
            body = _of_ably()
    except (DatabaseError, InterfaceError) as error:
        outage.failed(error)
        body = {"status": "failing"}
    return JsonResponse(body, status=503 if body["status"] == "failing" else 200)


def _of_ably() -> dict[str, Any]:
    """Return the body of `ably`.

    `connected` where the latest probe arrived, and is younger than three intervals of the canary and the time that one
    probe may take.
    """
    if not conf.ably_configured:
        return {"status": "not_configured"}
    latest = CanaryProbe.objects.order_by("-pk").first()
    arrived = CanaryProbe.objects.filter(round_trip_ms__isnull=False).order_by("-pk").first()
    stale_after = timedelta(seconds=3 * conf.CANARY_EVERY + conf.ABLY_PUBLISH_TIMEOUT)
    connected = latest is not None and latest == arrived and now() - latest.at < stale_after
    round_trip = arrived.round_trip_ms if arrived else None
    breaker = rollout.current().breaker
    return {
        "status": "ok" if connected and breaker == BreakerState.State.CLOSED else "failing",
        "connected": connected,
        "round_trip_ms": None if round_trip is None else round(round_trip, 1),
        "last_success": arrived.at if arrived else None,
        "breaker": breaker,
        "active_channels": presence.count_on_ably(),
    }


@require_safe
@never_cache
def figures(request: HttpRequest) -> HttpResponse:
    """Answer the metrics of this process, or 403 where METRICS_ALLOW and METRICS_TOKEN let nobody like this in."""
    if not door.may_be_read_by(audit.address_of(request), request.headers.get("Authorization", "")):
        return HttpResponse(status=403)
    return ExportToDjangoView(request)


urlpatterns = [
    path("health/live", live, name="health-live"),
    path("health/ready", ready, name="health-ready"),
    path("health/ably", ably, name="health-ably"),
    path("metrics", figures, name="metrics"),
]
