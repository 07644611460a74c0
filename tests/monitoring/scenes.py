"""What each alert must tell of, and what comes near to it and must not: series in promtool's notation."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Scene:
    """`alert` is silent at `before`, and at `at` that many of it fire: none in a scene that is well enough.

    At `over`, where there is one, it has ended.
    """

    alert: str
    what: str
    series: Mapping[str, str]
    at: str
    before: str = "0s"
    number: int = 1
    over: str = ""
    every: str = "15s"

    @property
    def fires(self) -> bool:
        return self.number > 0


DELIVERED = 'notificacao_delivery_seconds_bucket{kind="unit",transport="%s",le="%s"}'
HTTP = 'django_http_responses_total_by_status_view_method_total{status="%s",view="%s",method="GET"}'
CANARY = 'notificacao_canary_total{outcome="%s"}'
BREAKER = 'notificacao_breaker{notificacao_breaker="%s"}'
SETTLED = 'notificacao_settled_total{outcome="%s",kind="user"}'
UNVERIFIED = 'notificacao_ably_unverified_total{reason="%s"}'
COST = 'notificacao_ably_cost_usd{what="%s"}'
AVAILABLE, SIZE = (
    f'node_filesystem_{word}_bytes{{instance="a",fstype="ext4",mountpoint="/"}}' for word in ("avail", "size")
)
DAY, MB = 86_400, 1_048_576


def delivered(
    a_step: float, late: float, very_late: float, asleep: float = 0, transport: str = "sse"
) -> dict[str, str]:
    """So many deliveries a step without end, and the share of them over 100 ms, 500 ms and a minute."""
    edges = {"0.1": 1 - late - asleep, "0.5": 1 - very_late - asleep, "60.0": 1 - asleep, "+Inf": 1.0}
    return {DELIVERED % (transport, edge): f"0+{a_step * share:.4f}x2000" for edge, share in edges.items()}


def settled(published: float, failed: float) -> dict[str, str]:
    return {SETTLED % "published": f"0+{published}x2000", SETTLED % "failed": f"0+{failed}x2000"}


def answered(well: float, wrong: float, view: str = "inbox") -> dict[str, str]:
    return {HTTP % ("200", view): f"0+{well}x2000", HTTP % ("503", view): f"0+{wrong}x2000"}


def pages(last_week: int, today: int, hours: int = 8 * 24) -> dict[str, str]:
    """Streams, one sample each five minutes: `hours` from Thursday, 1 January 1970, and the last day is today."""
    return {'notificacao_open_streams{lane="live"}': f"{last_week}+0x{(hours - 24) * 12} {today}+0x{24 * 12}"}


PROBE = 'probe_success{job="site",instance="https://notificacoes.example/health/ready"}'
UP = 'up{job="web",instance="a"}'

FIRE = [
    Scene("SiteAway", "the probe from outside fails", {PROBE: "1+0x8 0+0x20", UP: "1+0x40"}, "3m30s", "3m"),
    Scene("SiteAway", "without a probe no process answers", {UP: "1+0x8 0+0x20"}, "3m30s", "3m"),
    Scene("SiteAway", "nothing is known of it", {}, "1m15s", "45s"),
    Scene("AvailabilityBurnFast", "two minutes of an hour", {PROBE: "1x200 0x8 1x200"}, "52m15s", "50m", over="84m"),
    Scene("AvailabilityBurnFast", "now and then for six hours", {PROBE: "1x239 " + "0 1x138 " * 10}, "6h20m", "1h"),
    Scene(
        "AvailabilityBurnSlow",
        "for some minutes of a day",
        {PROBE: "1x1199 0x4 1x239 0x2 1x30"},
        "24h10m",
        "19h",
        every="1m",
    ),
    Scene(
        "AvailabilityBurnSlow",
        "seldom for three days",
        {PROBE: "1x719 0 1x99 " + "0 1x499 " * 8},
        "70h",
        "59h",
        every="5m",
    ),
    Scene("LatencyBurnFast", "most are late for an hour", delivered(60, 0.8, 0), "1h", "0s"),
    Scene("LatencyBurnFast", "a third is late for six hours", delivered(60, 0.35, 0), "6h", "0s", every="1m"),
    Scene("LatencyBurnSlow", "a fifth is late for a day", delivered(60, 0.2, 0), "24h", "4m", every="5m"),
    Scene("LatencyBurnSlow", "a twelfth is late for three days", delivered(60, 0.08, 0), "72h", "4m", every="5m"),
    Scene("LatencyCritical", "six of a hundred take a second", delivered(60, 0.06, 0.06), "2m30s", "30s"),
    Scene("ErrorsBurnFast", "a twelfth fails at Ably", settled(92, 8), "1h", "0s"),
    Scene("ErrorsBurnFast", "of 25 answers one is ours, for six hours", answered(96, 4), "6h", "1m", every="1m"),
    Scene("ErrorsBurnSlow", "of 50 one fails, for a day", settled(98, 2), "24h", "4m", every="5m"),
    Scene("ErrorsBurnSlow", "of 125 one fails, for three days", settled(99.2, 0.8), "72h", "4m", every="5m"),
    Scene("ErrorsCritical", "of 16 one fails at Ably", settled(94, 6), "2m", "45s"),
    Scene("ErrorsCritical", "of ten answers one is ours", answered(90, 10), "2m", "45s"),
    Scene("ErrorsCritical", "both", settled(90, 10) | answered(90, 10), "2m", "45s", number=2),
    Scene(
        "ThroughputCritical",
        "rows wait for their stamp",
        {"notificacao_stamped_total": "0+150x40", "notificacao_oldest_unstamped_seconds": "0+0x8 4+0x40"},
        "3m15s",
        "3m",
    ),
    *(
        Scene(
            "ThroughputCritical",
            name,
            {"notificacao_stamped_total": "0+150x40", f"notificacao_{name}": f"0+0x8 {value}+0x40"},
            "3m15s",
            "3m",
        )
        for name, value in (("oldest_unsettled_seconds", 90), ("publish_standstill_seconds", 20), ("hub_lag_rows", 900))
    ),
    Scene(  # Thursday a week later, from midnight: 12:00 in UTC is 9:00 in Brasília
        "ConnectionsCritical", "a third of last week's pages", pages(500, 150), "180h15m", "180h5m", every="5m"
    ),
    Scene("NobodyLeads", "the leader is gone", {'notificacao_leading{instance="a"}': "1+0x8 0+0x20"}, "2m45s", "2m30s"),
    Scene("NobodyLeads", "none of its metrics are to be had", {UP: "1+0x20"}, "45s", "15s"),
    Scene(
        "TwoLead",
        "an ex-leader does not let go",
        {'notificacao_leading{instance="a"}': "1+0x40", 'notificacao_leading{instance="b"}': "0+0x8 1+0x20"},
        "2m45s",
        "2m30s",
    ),
    Scene("UnstampedRowsWait", "for 6 s", {"notificacao_oldest_unstamped_seconds": "0+0x8 6+0x20"}, "2m30s", "2m15s"),
    Scene(
        "GuardSilent",
        "it stands still while a plan is under way",
        {
            "notificacao_rollout_percent": "25+0x200",
            'notificacao_guard_verdicts_total{verdict="Hold"}': "0+0.25x40 10+0x120",
        },
        "25m",
        "12m",
    ),
    Scene(
        "BreakerOpen",
        "it opens, and is tried now and then",
        {
            BREAKER % "open": "0+0x40 1 1 0 1 1 0 1 1 0 1",
            BREAKER % "half_open": "0+0x40 0 0 1 0 0 1 0 0 1 0",
            CANARY % "heard": "0+1x40 40+0x10",
        },
        "11m",
        "10m15s",
    ),
    Scene(
        "CanarySilent",
        "no probe is heard",
        {CANARY % "heard": "0+1x40 40+0x40", CANARY % "missed": "0+0x40 1+1x40"},
        "13m",
        "11m",
    ),
    Scene(
        "CanarySilent",
        "no probe is sent",
        {
            CANARY % "heard": "0+1x8 8+0x100",
            CANARY % "missed": "0+0x108",
            "notificacao_canary_heard_timestamp_seconds": "1+15x8 121+0x100",
            BREAKER % "closed": "1+0x108",
        },
        "14m",
        "10m",
    ),
    Scene("SignaturesRefused", "one message", {UNVERIFIED % "unsigned": "0+0x8 1+0x20"}, "2m15s", "2m"),
    Scene(
        "SignaturesRefused",
        "of both kinds",
        {UNVERIFIED % "unsigned": "0+0x8 1+0x20", UNVERIFIED % "wrong": "0+0x8 7+0x20"},
        "2m15s",
        "2m",
        number=2,
    ),
    Scene(
        "BudgetAhead",
        "for an hour",
        {COST % "forecast": "161+0x100", COST % "budget": "160+0x100"},
        "62m",
        "58m",
        every="1m",
    ),
    Scene(
        "RedisAway",
        "one process has lost it",
        {'notificacao_redis_up{instance="a"}': "1+0x40", 'notificacao_redis_up{instance="b"}': "1+0x8 0+0x20"},
        "3m15s",
        "3m",
    ),
    Scene("RedisAway", "its exporter finds none", {"redis_up": "1+0x8 0+0x20"}, "3m15s", "3m"),
    Scene("DiskFills", "a tenth is left", {AVAILABLE: "9+0x60", SIZE: "100+0x60"}, "10m", "9m", every="1m"),
    Scene(
        "DiskFills", "it is full by tomorrow", {AVAILABLE: "40-0.1x380", SIZE: "100+0x380"}, "175m", "155m", every="1m"
    ),
    Scene(
        "ReplicationLags",
        "by 65 MB",
        {'pg_stat_replication_pg_wal_lsn_diff{application_name="b"}': f"{65 * MB}+0x40"},
        "5m",
        "4m45s",
    ),
    Scene(
        "CertificateEnds",
        "in 13 days",
        {'probe_ssl_earliest_cert_expiry{instance="x"}': f"{13 * DAY}+0x90"},
        "60m",
        "59m",
        every="1m",
    ),
    Scene(
        "KeyEndsSoon",
        "in 13 days",
        {'notificacao_key_ends_timestamp_seconds{kind="producer"}': f"{13 * DAY}+0x40"},
        "5m",
        "4m",
    ),
    Scene(
        "KeyEndsSoon",
        "it has ended",
        {'notificacao_key_ends_timestamp_seconds{kind="encryption"}': "60+0x40"},
        "8m",
        "4m",
    ),
]

WELL = [
    Scene(
        "SiteAway",
        "one of two processes is away",
        {UP: "0+0x40", 'up{job="web",instance="b"}': "1+0x40"},
        "8m",
        number=0,
    ),
    Scene("SiteAway", "away for 45 s", {PROBE: "1+0x8 0+0x2 1+0x20"}, "3m", number=0),
    Scene("AvailabilityBurnFast", "two probes of an hour fail", {PROBE: "1x240 0 1x100 0 1x40"}, "95m", number=0),
    Scene(
        "AvailabilityBurnSlow",
        "one probe of 3,000 fails",
        {PROBE: "1x2999 0 1x1499"},
        "72h",
        number=0,
        every="1m",
    ),
    Scene("LatencyBurnFast", "a quarter is late", delivered(60, 0.25, 0), "6h", number=0, every="1m"),
    Scene("LatencyBurnFast", "nineteen at night", delivered(0.05, 0.8, 0), "1h", number=0),
    Scene("LatencyBurnSlow", "the goal is just met", delivered(60, 0.049, 0), "72h", number=0, every="5m"),
    Scene("LatencyCritical", "four of a hundred", delivered(60, 0.2, 0.04), "10m", number=0),
    Scene("LatencyCritical", "nine at night", delivered(0.4, 1, 1), "10m", number=0),
    Scene("LatencyCritical", "laptops wake in the morning", delivered(60, 0, 0, asleep=0.6), "10m", number=0),
    Scene("LatencyCritical", "people catch up", delivered(60, 1, 1, transport="rest"), "10m", number=0),
    Scene("ErrorsBurnFast", "of 50 one fails", settled(98, 2), "6h", number=0, every="1m"),
    Scene("ErrorsBurnFast", "both at night", settled(0, 0.005), "6h", number=0, every="1m"),
    Scene("ErrorsBurnSlow", "the goal is just met", settled(99.55, 0.45), "72h", number=0, every="5m"),
    Scene("ErrorsCritical", "of 25 one fails", settled(96, 4), "10m", number=0),
    Scene("ErrorsCritical", "Ably is ill, says its health", answered(0, 20, view="health-ably"), "10m", number=0),
    Scene(
        "ThroughputCritical",
        "a quiet night",
        {"notificacao_stamped_total": "0+0x60", "notificacao_oldest_unstamped_seconds": "0+0x60"},
        "10m",
        number=0,
    ),
    Scene(
        "ThroughputCritical",
        "a storm is taken at 400 a second",
        {"notificacao_stamped_total": "0+6000x60", "notificacao_oldest_unstamped_seconds": "3+0x60"},
        "10m",
        number=0,
    ),
    Scene("ConnectionsCritical", "more than half of last week's", pages(300, 151), "182h", number=0, every="5m"),
    Scene("ConnectionsCritical", "a small city", pages(190, 10), "182h", number=0, every="5m"),
    Scene("ConnectionsCritical", "8:50 in Brasília", pages(500, 10), "179h50m", number=0, every="5m"),
    Scene("ConnectionsCritical", "Saturday at ten", pages(500, 10, hours=10 * 24), "229h", number=0, every="5m"),
    Scene(
        "NobodyLeads",
        "another leads after 15 s",
        {'notificacao_leading{instance="a"}': "1+0x8 0+0x20", 'notificacao_leading{instance="b"}': "0+0x9 1+0x20"},
        "2m45s",
        number=0,
    ),
    Scene(
        "TwoLead",
        "one was asked a moment later",
        {'notificacao_leading{instance="a"}': "1+0x9 0+0x20", 'notificacao_leading{instance="b"}': "0+0x8 1+0x20"},
        "2m45s",
        number=0,
    ),
    Scene(
        "UnstampedRowsWait",
        "one long transaction holds others up for 4 s",
        {"notificacao_oldest_unstamped_seconds": "4+0x20"},
        "3m",
        number=0,
    ),
    Scene(
        "GuardSilent",
        "no plan is under way",
        {"notificacao_rollout_percent": "0+0x200", 'notificacao_guard_verdicts_total{verdict="Hold"}': "0+0x200"},
        "30m",
        number=0,
    ),
    Scene(
        "GuardSilent",
        "another leader goes on",
        {
            "notificacao_rollout_percent": "25+0x200",
            'notificacao_guard_verdicts_total{instance="a"}': "9+0x200",
            'notificacao_guard_verdicts_total{instance="b"}': "0+0.25x200",
        },
        "30m",
        number=0,
    ),
    Scene(
        "BreakerOpen",
        "there is no Ably",
        {BREAKER % "open": "1+0x60", CANARY % "heard": "0+0x60", CANARY % "missed": "0+0x60"},
        "10m",
        number=0,
    ),
    Scene(
        "CanarySilent",
        "two probes are missed",
        {CANARY % "heard": "0+1x40 40+0x2 41+1x40", CANARY % "missed": "0+0x40 1+1x1 2+0x40"},
        "11m",
        number=0,
    ),
    Scene(
        "CanarySilent",
        "staff have suspended Ably",
        {
            CANARY % "heard": "9+0x80",
            CANARY % "missed": "0+0x80",
            "notificacao_canary_heard_timestamp_seconds": "1+0x80",
            BREAKER % "closed": "0+0x80",
        },
        "20m",
        number=0,
    ),
    Scene(
        "SignaturesRefused",
        "our own key was changed",
        {UNVERIFIED % "unknown_key": "0+0x8 9+0x20", UNVERIFIED % "wrong": "5+0x20"},
        "3m",
        number=0,
    ),
    Scene(
        "BudgetAhead",
        "just below",
        {COST % "forecast": "159+0x100", COST % "budget": "160+0x100"},
        "90m",
        number=0,
        every="1m",
    ),
    Scene(
        "BudgetAhead",
        "no budget is set",
        {COST % "forecast": "159+0x100", COST % "budget": "0+0x100"},
        "90m",
        number=0,
        every="1m",
    ),
    Scene("RedisAway", "it is there", {"notificacao_redis_up": "1+0x20", "redis_up": "1+0x20"}, "3m", number=0),
    Scene("DiskFills", "it grows slowly", {AVAILABLE: "24-0.001x380", SIZE: "100+0x380"}, "6h", number=0, every="1m"),
    Scene(
        "DiskFills",
        "half a memory disk is taken",
        {AVAILABLE.replace("ext4", "tmpfs"): "5+0x380", SIZE.replace("ext4", "tmpfs"): "100+0x380"},
        "6h",
        number=0,
        every="1m",
    ),
    Scene(
        "ReplicationLags",
        "a vacuum makes it lag for 4 minutes",
        {'pg_stat_replication_pg_wal_lsn_diff{application_name="b"}': f"0+0x8 {99 * MB}+0x16 0+0x20"},
        "6m45s",
        number=0,
    ),
    Scene(
        "CertificateEnds",
        "it was renewed in time",
        {'probe_ssl_earliest_cert_expiry{instance="x"}': f"{30 * DAY}+0x90"},
        "80m",
        number=0,
        every="1m",
    ),
    Scene(
        "KeyEndsSoon",
        "none ends",
        {
            'notificacao_key_ends_timestamp_seconds{kind="producer"}': f"{40 * DAY}+0x40",
            'notificacao_key_ends_timestamp_seconds{kind="signing"}': "0+0x40",
        },
        "9m",
        number=0,
    ),
]
