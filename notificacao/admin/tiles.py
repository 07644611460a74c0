"""Make of the situation the figures of «Agora» that operators see above the admin's lists."""

from dataclasses import dataclass

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format

from notificacao.figures import latency
from notificacao.figures.now import WAITS_TOO_LONG, Situation
from notificacao.models import RolloutPlan

ERRORS_GOAL = 0.5  # percent
GOOD, WARN, BAD, NEUTRAL = "good", "warn", "bad", "neutral"
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


def of_delivery(how: Situation, *, who: str) -> list[Tile]:
    """Return how many are connected, how fast what is sent comes, and what fails; `who` links to who is connected."""
    late = how.waits > WAITS_TOO_LONG
    return [
        Tile("sse", "Por SSE", whole(how.people.on_sse), "pessoas conectadas", link=who),
        Tile("ably", "Pelo Ably", whole(how.people.on_ably), "pessoas conectadas", link=who),
        Tile("rate", "Notificações", "–" if how.a_minute is None else whole(how.a_minute), "no último minuto"),
        _p95(how),
        _errors(how),
        Tile(
            "waiting",
            "Mais antiga à espera",
            how_long(how.waits) if how.waits else "nenhuma",
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
    return Tile("p95", "Entrega, P95", f"{whole(round(how.p95))} ms", note, WARN if slow else GOOD)


def _errors(how: Situation) -> Tile:
    hour = how.last_hour
    tried = hour.published + hour.failed if hour else 0
    lost = hour.missing if hour else 0
    if hour is None or not (tried or hour.expected):
        return Tile("errors", "Erros", "–", "sem envios na última hora")
    worst = max(100 * hour.failed / tried if tried else 0, 100 * lost / hour.expected if hour.expected else 0)
    many = worst > ERRORS_GOAL
    goal = f"{_ABOVE if many else ''}meta de {number_format(ERRORS_GOAL, 1)}%"
    note = f"em 1 h; {goal}: {whole(hour.failed)} falharam no Ably, {whole(lost)} sem recibo"
    return Tile("errors", "Erros", f"{number_format(worst, 1)}%", note, WARN if many else GOOD)


def of_ably(how: Situation) -> list[Tile]:
    """Return the latest probe, and whether the breaker lets anybody use Ably."""
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
    ago = f"há {how_long((how.at - probe.at).total_seconds())}"
    if probe.round_trip_ms is None:
        return Tile("probe", "Sonda do Ably", "sem retorno", ago, BAD)
    return Tile("probe", "Sonda do Ably", f"{whole(round(probe.round_trip_ms))} ms", ago, GOOD)


def of_plan(plan: RolloutPlan, how: Situation) -> Tile:
    """Return how the plan stands, and whom the flag puts on Ably."""
    link = reverse("admin:notificacao_rolloutplan_changelist")
    return Tile("plan", "Transição", plan.get_state_display(), _reach(how), link=link)


def _reach(how: Situation) -> str:
    flag = how.rollout.flag
    if how.rollout.off:
        return "todos por SSE"
    if flag.everyone:
        return "todas as pessoas no Ably"
    return f"{number_format(flag.percent.normalize())}% das pessoas no Ably"


def whole(number: float) -> str:
    """Say a number as it is read here, without decimals."""
    return number_format(number, 0, force_grouping=True)


def how_long(seconds: float) -> str:
    """Say a time in the unit that fits."""
    if seconds < 1:
        return "menos de 1 s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.0f} h"
