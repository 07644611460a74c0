"""Write Grafana's dashboards as JSON into `deploy/monitoring/dashboards/`: `script/dashboards`.

Each file is imported as it is; Grafana asks which Prometheus it reads. Expressions name metrics alone, so that a
dashboard needs no rules beside it. Goals and limits are the plan's.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders.common import GraphThresholdsStyleConfig
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.common import GraphTresholdsStyleMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

FOLDER = Path(__file__).with_suffix("")
SOURCE = models.DataSourceRef(type_val="prometheus", uid="${fonte}")
RATE = "[$__rate_interval]"


@dataclass(frozen=True)
class Limits:
    """Hold where a value turns yellow and where red; below them it is green, with `falling` above them."""

    warn: float
    alarm: float
    falling: bool = False

    def steps(self) -> list[models.Threshold]:
        """Return Grafana's steps, ascending."""
        colours = ("red", "yellow", "green") if self.falling else ("green", "yellow", "red")
        at = (None, self.alarm, self.warn) if self.falling else (None, self.warn, self.alarm)
        return [models.Threshold(value=value, color=colour) for value, colour in zip(at, colours, strict=True)]


@dataclass(frozen=True)
class Panel:
    """Hold one panel: what it shows, in which of Grafana's units, and what one does when it is red.

    `queries` are pairs of a legend and an expression. `now`: the last value in large, instead of a graph.
    """

    title: str
    unit: str
    act: str
    queries: Sequence[tuple[str, str]]
    limits: Limits | None = None
    now: bool = False


@dataclass(frozen=True)
class Board:
    """Hold one dashboard."""

    file: str
    title: str
    about: str
    panels: Sequence[Panel]
    plan: bool = False  # whether the plan's table stands first


def quantile(share: float, histogram: str, by: str = "", where: str = "") -> str:
    """Return the expression of a quantile of `histogram`, for each `by`."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket{where}{RATE})))"


def rate(counter: str, by: str = "") -> str:
    """Return the expression of how often `counter` moves in a second, for each `by`."""
    return f"sum{f' by ({by})' if by else ''} (rate({counter}{RATE}))"


P = "notificacao_"
TRIED = f'sum(rate({P}settled_total{{outcome=~"published|failed"}}{RATE}))'
ERRORS = f'100 * sum(rate({P}settled_total{{outcome="failed"}}{RATE})) / {TRIED}'
P95_MS = f"1000 * {quantile(0.95, P + 'delivery_seconds')}"
AVAILABLE = '100 * avg_over_time((max(probe_success{job="site"}) or max(up{job="web"}))[30d:5m])'
CONNECTIONS = f"sum({P}open_streams)"
THROUGHPUT = rate(P + "stamped_total")
LATENCY = Limits(100, 500)
FAILING = Limits(0.5, 5)

# The plan's «Métricas técnicas»: name with unit, baseline, goal, limit that is critical, now.
PLAN = (
    ("Latência P95 (ms)", 200, 100, 500, P95_MS),
    ("Taxa de erro (%)", 2, 0.5, 5, ERRORS),
    ("Disponibilidade em 30 dias (%)", 99.5, 99.9, 99, AVAILABLE),
    ("Vazão (notificações/s)", 100, 500, 50, THROUGHPUT),
    ("Conexões simultâneas", 500, 1000, 200, CONNECTIONS),
    ("Custo do mês (US$)", 200, 160, 200, f'max({P}ably_cost_usd{{what="forecast"}})'),
)

LATE = Panel(
    "Latência P95 da entrega",
    "ms",
    "Vermelho: mais de 500 ms. Veja em «SSE ao lado de Ably» qual via atrasa; se for o Ably, reduza a transição no "
    "admin; se forem todas, veja «Despachante e banco».",
    [("P95", P95_MS), ("P50", f"1000 * {quantile(0.5, P + 'delivery_seconds')}")],
    LATENCY,
)
FAILED = Panel(
    "Taxa de erro no Ably",
    "percent",
    "Vermelho: mais de 5% falham. Quem está no Ably recebe por SSE; veja «Por que o SSE levou» e, se durar, "
    "leve a transição a 0%.",
    [("falharam", ERRORS)],
    FAILING,
)
BREAKER = Panel(
    "Disjuntor aberto",
    "short",
    "Vermelho: o Ably está fora de uso e todos recebem por SSE. Confira a chave com manage.py ably_check; fecha "
    "sozinho quando o Ably responde.",
    [("processos que o veem aberto", f'sum({P}breaker{{{P}breaker="open"}})')],
    Limits(1, 1),
    now=True,
)
CANARY_AGE = Panel(
    "Canário ouvido há",
    "s",
    "Vermelho: nada volta do Ably. Veja se o disjuntor abriu e se a rede do despachante alcança o Ably.",
    [("há", f"time() - max({P}canary_heard_timestamp_seconds)")],
    Limits(45, 120),
    now=True,
)
UNSTAMPED = Panel(
    "Mais antiga sem lugar no registro",
    "s",
    "Vermelho: notificações gravadas não saem. Veja se há um líder e reinicie os despachantes, um de cada vez.",
    [("espera", f"max({P}oldest_unstamped_seconds)")],
    Limits(1, 5),
)
ALERTS = Panel(
    "Alertas abertos do próprio sistema",
    "short",
    "Vermelho: abra o plantão no admin, no título que tem o nome do alerta, e siga o que está lá.",
    [("{{name}}", f"max by (name) ({P}open_alerts)")],
    Limits(1, 1),
)

BOARDS = (
    Board(
        "visao-geral",
        "SEMTAS notificações: visão geral",
        "A tabela do plano, ao vivo: linha de base, meta, crítico e agora.",
        [
            LATE,
            FAILED,
            Panel(
                "Notificações por segundo",
                "short",
                "A vazão só é crítica, abaixo de 50, quando há fila: veja «Mais antiga sem lugar no registro». Então, "
                "veja a CPU e o disco do banco.",
                [("com lugar no registro", THROUGHPUT), ("entregues", rate(P + "delivered_total"))],
            ),
            Panel(
                "Conexões abertas",
                "short",
                "Caiu de repente: veja o proxy e os processos web; as páginas voltam sozinhas em segundos.",
                [("{{lane}}", f"sum by (lane) ({P}open_streams)")],
            ),
            UNSTAMPED,
            ALERTS,
        ],
        plan=True,
    ),
    Board(
        "ably",
        "SEMTAS notificações: Ably",
        "O que vai ao Ably, quanto demora, o que falha e o que as páginas não aceitaram.",
        [
            BREAKER,
            CANARY_AGE,
            FAILED,
            Panel(
                "Falhas por tipo de canal",
                "short",
                "Vermelho: veja no admin o erro das notificações que falharam; um só tipo aponta para o tamanho da "
                "mensagem ou para os canais da chave.",
                [("{{kind}}", f'sum by (kind) (rate({P}settled_total{{outcome="failed"}}{RATE}))')],
                Limits(0.1, 1),
            ),
            Panel(
                "Duração de um envio",
                "s",
                "Vermelho: o Ably demora. O disjuntor abre sozinho; se repetir, veja status.ably.com e a rede.",
                [("P95", quantile(0.95, P + "publish_seconds")), ("P50", quantile(0.5, P + "publish_seconds"))],
                Limits(0.25, 0.5),
            ),
            Panel(
                "Ida e volta do canário",
                "s",
                "Vermelho: o que sai demora a chegar às páginas. Compare com «Duração de um envio»: se só esta sobe, o "
                "atraso é na entrega do Ably.",
                [("P95", quantile(0.95, P + "canary_seconds"))],
                Limits(0.5, 2),
            ),
            Panel(
                "Canário perdido",
                "short",
                "Vermelho: três seguidos abrem o disjuntor. Nada a fazer se voltar; se não, confira a chave.",
                [("{{outcome}}", rate(P + "canary_total", "outcome"))],
            ),
            Panel(
                "Por que o SSE levou",
                "short",
                "Subiu: refused é a chave, rate_limited o plano do Ably, message o tamanho, late a fila. O plantão diz "
                "o que fazer em cada caso.",
                [("{{reason}}", rate(P + "fallbacks_total", "reason"))],
            ),
            Panel(
                "Ably: rápido demais",
                "short",
                "Vermelho: o Ably recusa o ritmo. O envio desacelera sozinho; se durar, o plano contratado é pequeno.",
                [("recusas/s", rate(P + "ably_rate_limited_total"))],
                Limits(0.1, 1),
            ),
            Panel(
                "Mensagens que as páginas não aceitaram",
                "short",
                "Vermelho: alguém publica sem a nossa assinatura, ou as SIGNING_KEYS diferem entre processos. Desligue "
                "o Ably, troque a chave dele e compare as configurações.",
                [("{{reason}}", rate(P + "ably_unverified_total", "reason"))],
                Limits(0.01, 0.1),
            ),
            Panel(
                "Tokens",
                "short",
                "Recusas subiram: throttled é uma página em laço, not_in_rollout é normal numa redução da transição.",
                [
                    ("emitidos", rate(P + "tokens_issued_total")),
                    ("{{reason}}", rate(P + "tokens_refused_total", "reason")),
                ],
            ),
            Panel(
                "Fila parada para o Ably",
                "s",
                "Vermelho: há fila e nada sai. O disjuntor abre e todos recebem por SSE; reinicie o líder se durar.",
                [("parada há", f"max({P}publish_standstill_seconds)")],
                Limits(5, 10),
            ),
        ],
    ),
    Board(
        "sse-ao-lado-de-ably",
        "SEMTAS notificações: SSE ao lado de Ably",
        "A mesma notificação pelas duas vias: o que chega, com que atraso, e o que faltou.",
        [
            Panel(
                "Latência P95 por via",
                "ms",
                "Vermelho numa só via: a outra está bem, e a causa é dela. Em todas: veja «Despachante e banco».",
                [("{{transport}}", f"1000 * {quantile(0.95, P + 'delivery_seconds', 'transport')}")],
                LATENCY,
            ),
            Panel(
                "Latência média por via",
                "ms",
                "A meta é menos de 100 ms de média. Acima dela no Ably e não no SSE: não avance a transição.",
                [
                    (
                        "{{transport}}",
                        f"1000 * {rate(P + 'delivery_seconds_sum', 'transport')} / "
                        f"({rate(P + 'delivery_seconds_count', 'transport')} > 0)",
                    )
                ],
                LATENCY,
            ),
            Panel(
                "Entregas acima de 100 ms, por via",
                "percent",
                "Vermelho: mais de 5% atrasam. O guarda compara as vias pelo mesmo número e recua sozinho.",
                [
                    (
                        "{{transport}}",
                        f'100 - 100 * sum by (transport) (rate({P}delivery_seconds_bucket{{le="0.1"}}{RATE})) / '
                        f"({rate(P + 'delivery_seconds_count', 'transport')} > 0)",
                    )
                ],
                Limits(2.5, 5),
            ),
            Panel(
                "Entregas por via",
                "short",
                "rest ou unable subiram: páginas sem stream nem Ably. Veja o proxy e a política de conteúdo da página.",
                [("{{transport}}", rate(P + "delivered_total", "transport"))],
            ),
            Panel(
                "Latência P95 por tipo de canal",
                "ms",
                "Vermelho num só tipo: unit e system têm muita gente; veja se a reconexão de muitos a explica.",
                [("{{kind}}", f"1000 * {quantile(0.95, P + 'delivery_seconds', 'kind')}")],
                LATENCY,
            ),
            Panel(
                "Recibos que faltaram",
                "short",
                "Vermelho: páginas abertas não confirmaram. Pare a transição e compare as duas vias no admin.",
                [("faltaram/s", rate(P + "receipts_missing_total"))],
                Limits(0.05, 0.5),
            ),
            Panel(
                "Streams por via",
                "short",
                "A via de reserva, standby, é de quem está no Ably. Se cresce sem mudança da transição, o Ably caiu.",
                [("{{lane}}", f"sum by (lane) ({P}open_streams)")],
            ),
            Panel(
                "Streams por pessoa, P95",
                "short",
                "Vermelho: pessoas no limite; as abas de um login dividem um stream, então são muitos aparelhos.",
                [("P95", quantile(0.95, P + "person_streams"))],
                Limits(4, 5),
            ),
            Panel(
                "Buscas do que falta e recomeços",
                "short",
                "Subiram sem queda de rede: mensagens se perdem. Veja o motivo do recomeço; epoch é banco restaurado.",
                [("buscas", rate(P + "catch_ups_total")), ("{{reason}}", rate(P + "resyncs_total", "reason"))],
            ),
            Panel(
                "Eventos escritos nos streams",
                "short",
                "resync ou bye em massa: um processo web terminou, ou o registro mudou de época.",
                [("{{event}}", rate(P + "stream_events_total", "event"))],
            ),
            Panel(
                "Bytes escritos nos streams",
                "Bps",
                "Sem limite do plano. Multiplicou-se: veja se notificações a todos crescem ou se páginas repetem.",
                [("bytes", rate(P + "stream_bytes_total"))],
            ),
        ],
    ),
    Board(
        "custo",
        "SEMTAS notificações: custo",
        "O que o Ably custa no mês, o que deve custar e o que o move.",
        [
            Panel(
                "Ably neste mês",
                "currencyUSD",
                "A linha do orçamento é o limite. Previsão acima dela: reduza a transição, ou autorize mais.",
                [("{{what}}", f"max by (what) ({P}ably_cost_usd)")],
                Limits(160, 200),
            ),
            Panel(
                "Previsão sobre o orçamento",
                "percent",
                "Vermelho: o mês passa do orçamento. Veja o que cresceu abaixo e decida com a gestão a tempo.",
                [
                    (
                        "previsão",
                        f'100 * max({P}ably_cost_usd{{what="forecast"}}) / max({P}ably_cost_usd{{what="budget"}})',
                    )
                ],
                Limits(80, 100),
                now=True,
            ),
            Panel(
                "Mensagens cobradas por minuto",
                "short",
                "Cada 5 KiB é uma mensagem. Subiu: um sistema produtor manda mais, ou mensagens maiores.",
                [("cobradas", f"60 * {rate(P + 'ably_billed_total')}")],
            ),
            Panel(
                "Entregas pelo Ably por minuto",
                "short",
                "Cada entrega também é cobrada. Canais com muita gente custam mais do que muitos canais pessoais.",
                [("entregas", f'60 * sum(rate({P}delivered_total{{transport="ably"}}{RATE}))')],
            ),
            Panel(
                "Conexões no Ably",
                "short",
                "Quem está no Ably tem um stream de reserva: é a medida dos minutos de conexão que o Ably cobra.",
                [("conexões", f'sum({P}open_streams{{lane="standby"}})')],
            ),
        ],
    ),
    Board(
        "despachante-e-banco",
        "SEMTAS notificações: despachante e banco",
        "Quem lidera, o que espera, quanto demora e o que falta ao banco e ao Redis.",
        [
            Panel(
                "Líderes",
                "short",
                "Um é o certo. Zero: nada sai; reinicie um despachante. Dois: um deles usa outro banco; pare-o.",
                [("líderes", f"sum({P}leading)")],
                Limits(1, 1, falling=True),
                now=True,
            ),
            Panel(
                "Redis",
                "short",
                "Vermelho: os avisos não cruzam processos; tudo sai, até um segundo mais tarde. Reinicie o Redis.",
                [("no ar", f"min({P}redis_up)")],
                Limits(1, 1, falling=True),
                now=True,
            ),
            Panel(
                "Trocas de líder",
                "short",
                "Vermelho: trocas sem reinício são pausas da máquina ou do banco. Veja a CPU e os bloqueios do banco.",
                [("trocas/h", f"3600 * {rate(P + 'lead_changes_total')}")],
                Limits(2, 6),
            ),
            UNSTAMPED,
            Panel(
                "Mais antiga sem desfecho",
                "s",
                "Vermelho: a fila para o Ably não anda. Veja «Fila parada para o Ably» no painel do Ably.",
                [("espera", f"max({P}oldest_unsettled_seconds)")],
                Limits(5, 60),
            ),
            Panel(
                "Da gravação ao registro",
                "s",
                "Vermelho: o banco demora a confirmar, ou há uma transação longa de um produtor.",
                [("P95", quantile(0.95, P + "stamp_seconds"))],
                Limits(0.05, 0.5),
            ),
            Panel(
                "Desfechos",
                "short",
                "failed subiu: veja o painel do Ably. skipped é quem está só no SSE.",
                [("{{outcome}}", rate(P + "settled_total", "outcome"))],
            ),
            Panel(
                "Atraso dos processos web",
                "short",
                "Vermelho: um processo lê o registro devagar. Reinicie-o; as páginas vão a outro.",
                [("{{instance}}", f"max by (instance) ({P}hub_lag_rows)")],
                Limits(100, 500),
            ),
            Panel(
                "Esperam por uma conexão ao banco",
                "short",
                "Vermelho: o conjunto de conexões está cheio. Veja consultas lentas; depois, DATABASE_POOL_MAX.",
                [("{{instance}}", f"max by (instance) ({P}pool_waiting)")],
                Limits(1, 10),
            ),
            Panel(
                "Aviso pelo Redis, ida e volta",
                "s",
                "Vermelho: o Redis ou a rede até ele está lenta. Nada se perde: as consultas de rotina acham tudo.",
                [("P95", quantile(0.95, P + "wake_seconds"))],
                Limits(0.05, 0.5),
            ),
            Panel(
                "Notificações repetidas a quem voltou, P95",
                "short",
                "Subiu: muitos voltam de longe. Acima de REPLAY_LIMIT as páginas buscam a caixa inteira.",
                [("P95", quantile(0.95, P + "replay_rows"))],
            ),
            Panel(
                "Respostas a sistemas produtores",
                "short",
                "4xx subiu: um produtor manda o que não pode; a auditoria diz qual. 5xx ou 503: o banco está ocupado.",
                [("{{status}}", rate(P + "producer_answers_total", "status"))],
            ),
            Panel(
                "Recusas por limite",
                "short",
                "Vermelho: alguém insiste. login e keys são tentativas de entrar: veja acessos recusados na auditoria.",
                [("{{limit}}", rate(P + "rate_limited_total", "limit"))],
                Limits(1, 10),
            ),
            Panel(
                "Erros do site",
                "percent",
                "Vermelho: mais de 5% das respostas são 5xx. Leia os logs pelo trace_id ou pelo request_id.",
                [
                    (
                        "5xx",
                        f'100 * sum(rate(django_http_responses_total_by_status_total{{status=~"5.."}}{RATE})) / '
                        f"{rate('django_http_responses_total_by_status_total')}",
                    )
                ],
                FAILING,
            ),
            Panel(
                "Chaves que terminam",
                "d",
                "Vermelho: faltam menos de 7 dias. producer: emita outra no admin e combine a troca com o sistema; as "
                "outras: docs/operations.md diz a ordem.",
                [("{{kind}}", f"(min by (kind) ({P}key_ends_timestamp_seconds > 0) - time()) / 86400")],
                Limits(14, 7, falling=True),
            ),
        ],
    ),
    Board(
        "transicao",
        "SEMTAS notificações: transição",
        "Até onde vai a transição, o que o guarda vê de cada braço e o que ele decidiu.",
        [
            Panel(
                "Pessoas no Ably pelo plano",
                "percent",
                "Caiu sem ninguém mandar: o guarda recuou. O motivo está na linha do tempo da transição, no admin.",
                [("plano", f"max({P}rollout_percent)")],
                now=True,
            ),
            Panel(
                "O guarda olhou há",
                "s",
                "Vermelho: a transição segue sem vigia. Veja se há líder; se não voltar, leve a transição a 0%.",
                [("há", f"time() - max({P}guard_looked_timestamp_seconds)")],
                Limits(180, 600),
                now=True,
            ),
            BREAKER,
            Panel(
                "Decisões do guarda por hora",
                "short",
                "StepDown ou RollBack: não reinicie o plano antes de ler o motivo. AwaitApproval espera por alguém.",
                [("{{verdict}}", f"3600 * {rate(P + 'guard_verdicts_total', 'verdict')}")],
            ),
            Panel(
                "Acima de 100 ms por braço",
                "percent",
                "Vermelho: mais de 5%. O que conta é a diferença: ably pior do que control.",
                [
                    (
                        "{{arm}}",
                        f'100 * sum by (arm) (rate({P}rollout_counted_total{{what="over_100_ms"}}{RATE})) / '
                        f'(sum by (arm) (rate({P}rollout_counted_total{{what="shown"}}{RATE})) > 0)',
                    )
                ],
                Limits(2.5, 5),
            ),
            Panel(
                "Falhas por braço",
                "percent",
                "Vermelho: mais de 5%; a meta é 0,5%. Só em ably: o guarda recua; em todos: a causa não é o Ably.",
                [
                    (
                        "{{arm}}",
                        f'100 * sum by (arm) (rate({P}rollout_counted_total{{what="failed"}}{RATE})) / '
                        f'(sum by (arm) (rate({P}rollout_counted_total{{what="shown"}}{RATE})) > 0)',
                    )
                ],
                FAILING,
            ),
            Panel(
                "Mostradas por braço",
                "short",
                "Sem mostradas o guarda não avança: poucas notificações, ou recibos que não chegam.",
                [("{{arm}}", f'sum by (arm) (rate({P}rollout_counted_total{{what="shown"}}{RATE}))')],
            ),
            Panel(
                "Acima de 500 ms por braço",
                "percent",
                "Vermelho: mais de 5% passam do crítico. Leve a transição à etapa anterior sem esperar.",
                [
                    (
                        "{{arm}}",
                        f'100 * sum by (arm) (rate({P}rollout_counted_total{{what="over_500_ms"}}{RATE})) / '
                        f'(sum by (arm) (rate({P}rollout_counted_total{{what="shown"}}{RATE})) > 0)',
                    )
                ],
                Limits(1, 5),
            ),
        ],
    ),
)


def _query(number: int, legend: str, expression: str, *, instant: bool) -> prometheus.Dataquery:
    query = prometheus.Dataquery().datasource(SOURCE).expr(expression).ref_id(chr(ord("A") + number))
    query = query.legend_format(legend)
    return query.instant() if instant else query.range()


def _panel(panel: Panel):
    made = stat.Panel() if panel.now else timeseries.Panel().span_nulls(False).fill_opacity(8)
    made = made.title(panel.title).description(panel.act).unit(panel.unit).datasource(SOURCE)
    made = made.span(6 if panel.now else 12).height(6 if panel.now else 8)
    for number, (legend, expression) in enumerate(panel.queries):
        made = made.with_target(_query(number, legend, expression, instant=panel.now))
    if panel.limits:
        steps = dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(panel.limits.steps())
        made = made.thresholds(steps)
        if not panel.now:
            made = made.thresholds_style(GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.DASHED))
    return made


def _row_of(name: str, expression: str) -> str:
    return f'label_replace({expression}, "metrica", "{name}", "", "")'


def plan_columns() -> dict[str, str]:
    """Return `{column: expression}` of the plan's table, with one series for each of its rows, named `metrica`."""
    columns = {}
    for place, heading in enumerate(("Linha de base", "Meta", "Crítico"), start=1):
        columns[heading] = " or ".join(_row_of(row[0], f"vector({row[place]})") for row in PLAN)
    columns["Agora"] = " or ".join(_row_of(row[0], f"sum({row[4]})") for row in PLAN)
    return columns


def _plan_table() -> table.Panel:
    """Return the plan's table: a row for each metric, a column for each of baseline, goal, critical and now."""
    made = table.Panel().title("O plano, ao vivo").datasource(SOURCE).span(24).height(9).decimals(1)
    made = made.description(
        "Crítico é acima do limite na latência, na taxa de erro e no custo, e abaixo dele nas outras linhas. Além do "
        "limite: abra o painel da linha, abaixo, e faça o que a descrição dele diz."
    )
    names = {}
    for number, (heading, expression) in enumerate(plan_columns().items()):
        query = _query(number, heading, expression, instant=True).format(PromQueryFormat.TABLE)
        made = made.with_target(query)
        names[f"Value #{chr(ord('A') + number)}"] = heading
    merge = models.DataTransformerConfig(id_val="merge", options={})
    tidy = models.DataTransformerConfig(
        id_val="organize", options={"excludeByName": {"Time": True}, "renameByName": {"metrica": "Métrica", **names}}
    )
    return made.with_transformation(merge).with_transformation(tidy)


def build(board: Board) -> str:
    """Return the dashboard as JSON."""
    made = dashboard.Dashboard(board.title).uid(f"semtas-{board.file}").description(board.about)
    made = (
        made.tags(["semtas"])
        .timezone("America/Sao_Paulo")
        .refresh("30s")
        .time("now-24h", "now")
        .annotations([])
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
    )
    made = made.with_variable(dashboard.DatasourceVariable("fonte").label("Prometheus").type("prometheus"))
    if board.plan:
        made = made.with_panel(_plan_table().id(1))
    for number, panel in enumerate(board.panels, start=2):
        made = made.with_panel(_panel(panel).id(number))
    said = json.loads(JSONEncoder().encode(made.build()))
    return json.dumps(_without_what_is_not_said(said), sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def _without_what_is_not_said(part: Any) -> Any:
    """Leave out nulls, which Grafana takes for values, but for the first step of limits, which begins at none."""
    if isinstance(part, list):
        return [_without_what_is_not_said(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {key: _without_what_is_not_said(value) for key, value in part.items() if value is not None or key == "value"}


def write(folder: Path) -> None:
    """Write each dashboard into `folder`."""
    folder.mkdir(exist_ok=True)
    for board in BOARDS:
        (folder / f"{board.file}.json").write_text(build(board))


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
