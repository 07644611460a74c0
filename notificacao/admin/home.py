"""Show operators, above the admin's lists, how the system stands now, how the last day was, and what needs attention.

Everything is read from the database. Each part is shown to whoever has the permission to see what it is made of.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst

from notificacao import alerts, eventlog, staff_scope
from notificacao.admin import runbook, tiles
from notificacao.admin.charts import Chart, Series, chart
from notificacao.admin.tiles import BAD, ERRORS_GOAL, GOOD, WARN, Tile, how_long, whole
from notificacao.admin.ways import ways_for
from notificacao.figures import day, latency
from notificacao.figures.now import WAITS_TOO_LONG, Situation, situation
from notificacao.models import Alert, AuditEvent, Producer
from notificacao.producing import api_keys

KEYS_END_WITHIN = timedelta(days=30)  # earlier than the alert, which comes when it is urgent
SHOWN = 20  # alerts, and keys
REFUSALS_COUNTED = 1_000
_REFUSALS = ("access_denied", "login_failed", "stream_refused", "producer_refused", "token_refused")


@dataclass(frozen=True)
class Seen:
    """Hold what of the page somebody may see."""

    figures: bool
    breaker: bool
    plan: bool
    alerts: bool
    keys: bool
    refusals: bool
    connections: bool
    runbook: bool

    @classmethod
    def by(cls, user) -> "Seen":
        def may(*names: str) -> bool:
            return any(user.has_perm(f"notificacao.{name}") for name in names)

        return cls(
            figures=may("view_figureminute"),
            breaker=may("view_breakerstate", "force_breaker"),
            plan=may("view_rolloutplan"),
            alerts=may("view_alert"),
            keys=may("view_producerkey"),
            refusals=may("view_auditevent"),
            connections=may("view_connection"),
            runbook=runbook.may_read(user),
        )

    @property
    def now(self) -> bool:
        return self.figures or self.breaker or self.plan

    @property
    def attention(self) -> bool:
        return self.alerts or self.keys or self.refusals


def above(site: AdminSite) -> Callable[..., HttpResponse]:
    """Return the index of `site` with the operators' page above its lists; with `part` that part of the page alone."""

    def home(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        seen = Seen.by(request.user)
        part = request.GET.get("part", "")
        if part in PARTS and request.user.is_authenticated:
            return TemplateResponse(request, f"admin/home/_{part}.html", {"seen": seen, **PARTS[part](seen)})
        context = {"seen": seen, "ways": ways_for(request.user), "may_ask": bool(staff_scope.to_see(request.user))}
        for told in PARTS.values():
            context |= told(seen)
        return site.__class__.index(site, request, {**context, **(extra_context or {})})

    return home


def now(seen: Seen) -> dict[str, Any]:
    """Return what changes from one moment to the next: the sentence, the figures, and what needs attention."""
    found: dict[str, Any] = {"alerts": _alerts() if seen.alerts else [], "now": eventlog.now()}
    if seen.now:
        how = situation()
        state, sentence = _sentence(how, seen, len(found["alerts"]))
        found |= {"state": state, "sentence": sentence, "tiles": _tiles(how, seen), "at": how.at}
    if seen.keys:
        found["keys"] = _keys_that_end(found["alerts"])
    if seen.refusals:
        found["refused"] = _refused()
    return found


def last_day(seen: Seen) -> dict[str, Any]:
    """Return the charts of the last 24 hours, and by the hour the table behind them."""
    if not seen.figures:
        return {}
    ends = eventlog.now()
    rows = day.minutes(ends)
    steps = day.spans(rows, day.STEP)
    return {"charts": _charts(steps, ends) if rows else [], "hours": day.spans(rows, day.HOUR)[::-1]}


PARTS: dict[str, Callable[[Seen], dict[str, Any]]] = {"now": now, "day": last_day}


def _sentence(how: Situation, seen: Seen, alerts: int) -> tuple[str, str]:
    """Return the state, and in a sentence or two how the system is, of what may be seen."""
    who = _people(how)
    if not how.leads:
        return BAD, "Parado: nenhum despachante está no comando, e nada é entregue até que um volte."
    if how.waits > WAITS_TOO_LONG:
        return BAD, f"Atrasado: a notificação mais antiga espera há {how_long(how.waits)}. {capfirst(who)}."
    if seen.breaker and how.is_on_sse_for_now:
        since = f"{timezone.localtime(how.breaker.changed_at):%H:%M}"
        return WARN, f"Funciona por SSE: o Ably está fora de uso desde {since}, e nada se perde. {capfirst(who)}."
    if alerts:
        many = "1 alerta aberto" if alerts == 1 else f"{alerts} alertas abertos"
        return WARN, f"Funciona, com {many}: {who}."
    return GOOD, f"Tudo funciona: {who}."


def _people(how: Situation) -> str:
    if not how.connected:
        return "ninguém conectado agora"
    many = "1 pessoa conectada" if how.connected == 1 else f"{whole(how.connected)} pessoas conectadas"
    return f"{many}, {whole(how.people.on_ably) if how.people.on_ably else 'nenhuma'} no Ably"


def _tiles(how: Situation, seen: Seen) -> list[Tile]:
    found = []
    if seen.figures:
        who = reverse("admin:notificacao_connection_changelist") if seen.connections else ""
        found += tiles.of_delivery(how, who=who)
    if seen.breaker:
        found += tiles.of_ably(how)
    if seen.plan and how.plan is not None:
        found.append(tiles.of_plan(how.plan, how))
    return found


def _alerts() -> list[dict[str, Any]]:
    """Return the open alerts, newest first, each with its title, what to do, and the place in the runbook."""
    return [_as_shown(alert) for alert in alerts.open_alerts()[:SHOWN]]


def _as_shown(alert: Alert) -> dict[str, Any]:
    known = alerts.DEFINITIONS.get(alert.name)
    return {
        "name": alert.name,
        "state": WARN if known and known.level == 1 else BAD,
        "title": known.title if known else alert.name,
        "advice": known.advice if known else "",
        "about": alert.about,
        "detail": alert.detail,
        "opened_at": alert.opened_at,
        "link": alerts.runbook(alert.name),
    }


def _keys_that_end(told: list[dict[str, Any]]) -> list[Producer]:
    """Return the producers whose last key ends soon, without those of whom one of the alerts `told` tells already."""
    names = [alert["about"] for alert in told if alert["name"] == "KeyEndsSoon"]
    ending = api_keys.ending(KEYS_END_WITHIN).exclude(slug__in=names)
    return list(ending.order_by("ends")[:SHOWN])


def _refused() -> dict[str, Any]:
    """Return how often access was refused in the last 24 hours, up to REFUSALS_COUNTED."""
    since = eventlog.now() - day.LENGTH
    rows = AuditEvent.objects.filter(at__gte=since, action__in=_REFUSALS)
    counted = rows.order_by().values("pk")[:REFUSALS_COUNTED].count()
    return {"count": whole(counted), "number": counted, "more": counted == REFUSALS_COUNTED}


def _charts(steps: list[day.Span], ends) -> list[Chart]:
    def drawn(name: str, title: str, unit: str, *series: Series, **more: Any) -> Chart:
        return chart(name, title, unit, steps, series, now=ends, length=day.LENGTH, **more)

    return [
        drawn(
            "people",
            "Pessoas conectadas",
            "pessoas",
            Series("sse", "Por SSE", lambda span: span.on_sse),
            Series("ably", "Pelo Ably", lambda span: span.on_ably),
            least=10,
        ),
        drawn("rate", "Notificações por minuto", "", Series("all", "Todas", lambda span: span.a_minute), least=10),
        drawn(
            "p95",
            "Entrega, P95",
            "ms",
            Series("all", "P95", lambda span: span.p95),
            goal=latency.GOAL,
        ),
        drawn(
            "errors",
            "Erros",
            "%",
            Series("ably", "Falharam no Ably", lambda span: span.failed),
            Series("sse", "Sem recibo", lambda span: span.missing),
            goal=ERRORS_GOAL,
        ),
    ]
