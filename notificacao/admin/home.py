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
from django.utils.formats import number_format
from django.utils.text import capfirst

from notificacao import alerts, eventlog, staff_scope
from notificacao.admin import runbook
from notificacao.admin.charts import Chart, Series, chart
from notificacao.admin.ways import ways_for
from notificacao.figures import day, latency
from notificacao.figures.now import WAITS_TOO_LONG, Situation, situation
from notificacao.models import Alert, AuditEvent, Producer
from notificacao.producing import api_keys

KEYS_END_WITHIN = timedelta(days=30)  # earlier than the alert, which comes when it is urgent
SHOWN = 20  # alerts, and keys
REFUSALS_COUNTED = 1_000
ERRORS_GOAL = 0.5  # percent
GOOD, WARN, BAD, NEUTRAL = "good", "warn", "bad", "neutral"
_REFUSALS = ("access_denied", "login_failed", "stream_refused", "producer_refused", "token_refused")
_ABOVE = "acima da "
_STATES = {"closed": "fechado: Ably em uso", "open": "aberto: todos por SSE", "half_open": "em prova: todos por SSE"}


@dataclass(frozen=True)
class Tile:
    """Hold one figure of «Agora»: `state` is good, warn, bad or neutral, and is said in `note` where it is not good."""

    name: str
    label: str
    value: str
    note: str = ""
    state: str = NEUTRAL
    link: str = ""


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
        return BAD, f"Atrasado: a notificação mais antiga espera há {_seconds(how.waits)}. {capfirst(who)}."
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
    many = "1 pessoa conectada" if how.connected == 1 else f"{_whole(how.connected)} pessoas conectadas"
    return f"{many}, {_whole(how.people.on_ably) if how.people.on_ably else 'nenhuma'} no Ably"


def _tiles(how: Situation, seen: Seen) -> list[Tile]:
    tiles = []
    if seen.figures:
        tiles += _figures(how, seen)
    if seen.breaker:
        tiles += _of_ably(how)
    if seen.plan and how.plan is not None:
        link = reverse("admin:notificacao_rolloutplan_changelist")
        tiles.append(Tile("plan", "Transição", how.plan.get_state_display(), _reach(how), link=link))
    return tiles


def _reach(how: Situation) -> str:
    """Say whom the flag puts on Ably."""
    flag = how.rollout.flag
    if how.rollout.off:
        return "todos por SSE"
    if flag.everyone:
        return "todas as pessoas no Ably"
    return f"{number_format(flag.percent.normalize())}% das pessoas no Ably"


def _figures(how: Situation, seen: Seen) -> list[Tile]:
    who = reverse("admin:notificacao_connection_changelist") if seen.connections else ""
    late = how.waits > WAITS_TOO_LONG
    return [
        Tile("sse", "Por SSE", _whole(how.people.on_sse), "pessoas conectadas", link=who),
        Tile("ably", "Pelo Ably", _whole(how.people.on_ably), "pessoas conectadas", link=who),
        Tile("rate", "Notificações", "–" if how.a_minute is None else _whole(how.a_minute), "no último minuto"),
        _p95(how),
        _errors(how),
        Tile(
            "waiting",
            "Mais antiga à espera",
            _seconds(how.waits) if how.waits else "nenhuma",
            "demora demais" if late else "",
            BAD if late else GOOD,
        ),
        Tile(
            "leader",
            "Despachante",
            "no comando" if how.leads else "ausente",
            "" if how.leads else "ninguém numera nem envia",
            GOOD if how.leads else BAD,
        ),
    ]


def _p95(how: Situation) -> Tile:
    if how.p95 is None:
        return Tile("p95", "Entrega, P95", "–", "sem entregas em 15 min")
    slow = how.p95 > latency.GOAL
    note = f"em 15 min; {_ABOVE if slow else ''}meta de {latency.GOAL} ms"
    return Tile("p95", "Entrega, P95", f"{_whole(round(how.p95))} ms", note, WARN if slow else GOOD)


def _errors(how: Situation) -> Tile:
    hour = how.last_hour
    tried = hour.published + hour.failed if hour else 0
    lost = hour.missing if hour else 0
    if hour is None or not (tried or hour.expected):
        return Tile("errors", "Erros", "–", "sem envios na última hora")
    worst = max(100 * hour.failed / tried if tried else 0, 100 * lost / hour.expected if hour.expected else 0)
    many = worst > ERRORS_GOAL
    goal = f"{_ABOVE if many else ''}meta de {number_format(ERRORS_GOAL, 1)}%"
    note = f"em 1 h; {goal}: {_whole(hour.failed)} falharam no Ably, {_whole(lost)} sem recibo"
    return Tile("errors", "Erros", f"{number_format(worst, 1)}%", note, WARN if many else GOOD)


def _of_ably(how: Situation) -> list[Tile]:
    link = reverse("admin:notificacao_breakerstate_changelist")
    if not how.rollout.configured:
        return [Tile("breaker", "Ably", "sem chave", "não configurado: todos por SSE", link=link)]
    forced = "por comando; " if how.breaker.forced else ""
    state = GOOD if how.rollout.ably_up else WARN
    since = f"{forced}desde {timezone.localtime(how.breaker.changed_at):%d/%m %H:%M}"
    return [
        _probe(how),
        Tile("breaker", "Disjuntor", _STATES[how.rollout.breaker], since, state, link),
    ]


def _probe(how: Situation) -> Tile:
    probe = how.probe
    if probe is None:
        return Tile("probe", "Sonda do Ably", "–", "nenhuma ainda")
    ago = f"há {_seconds((how.at - probe.at).total_seconds())}"
    if probe.round_trip_ms is None:
        return Tile("probe", "Sonda do Ably", "sem retorno", ago, BAD)
    return Tile("probe", "Sonda do Ably", f"{_whole(round(probe.round_trip_ms))} ms", ago, GOOD)


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
    return {"count": _whole(counted), "number": counted, "more": counted == REFUSALS_COUNTED}


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


def _whole(number: float) -> str:
    return number_format(number, 0, force_grouping=True)


def _seconds(seconds: float) -> str:
    """Say a time in the unit that fits."""
    if seconds < 1:
        return "menos de 1 s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.0f} h"
