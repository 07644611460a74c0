"""Health, for those who watch from outside: does the process serve, is it ready. No login, no secret, no last slash."""

import structlog
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView

from notificacao.conf import conf
from notificacao.runtime import runtime

log = structlog.get_logger(__name__)


@require_safe
@never_cache
def live(request: HttpRequest) -> JsonResponse:
    """`{"status": "ok"}`, 200 as long as the process answers at all: a restart cures nothing that lies elsewhere."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """`{"status": "ok" | "failing", "checks": {name: bool}, "failing": [name]}`; 503 where a check fails."""
    checks = {"database": database_answers(), **tasks_of_this_process()}
    failing = [name for name, passed in checks.items() if not passed]
    body = {"status": "failing" if failing else "ok", "checks": checks, "failing": failing}
    return JsonResponse(body, status=503 if failing else 200)


def tasks_of_this_process() -> dict[str, bool]:
    """Whether each of them is alive; one that was never started is not."""
    expected = ["hub", "dispatcher"] if conf.DISPATCHER == "embedded" else ["hub"]
    return {**dict.fromkeys(expected, False), **runtime.status()}


def database_answers() -> bool:
    """Whether the database answers the smallest of questions. The log tells why not; the answer never does."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except (DatabaseError, InterfaceError) as error:
        log.warning("database_does_not_answer", error=type(error).__name__)
        return False
    return True


urlpatterns = [
    path("health/live", live, name="health-live"),
    path("health/ready", ready, name="health-ready"),
    path("metrics", ExportToDjangoView, name="metrics"),
]
