"""Count and time what the app does, for `/metrics`, beside django-prometheus's figures; none holds personal data."""

import hmac
import ipaddress

from prometheus_client import Counter, Enum, Gauge, Histogram

from notificacao.conf import conf

# The goals are 100 ms and 500 ms, so both are edges: the share beyond each is exact.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)

STAMPED = Counter(
    "notificacao_stamped",
    "Notifications that were given their place in the log (rows).",
)
STAMP_SECONDS = Histogram(
    "notificacao_stamp_seconds",
    "From a notification's creation to its stamp, by the database's clock (seconds).",
    buckets=SECONDS,
)
SETTLED = Counter(
    "notificacao_settled",
    "Notifications settled, by outcome at Ably: published, failed or skipped (rows).",
    ["outcome"],
)
FALLBACK_REASONS = ("breaker_open", "ably_failed", "rate_limited", "refused", "message", "late", "budget")
FALLBACKS = Counter(
    "notificacao_fallbacks",
    "Notifications that Ably was to carry and SSE carries, by reason (rows).",
    ["reason"],
)
ABLY_BILLED = Counter(
    "notificacao_ably_billed",
    "Messages published to Ably as Ably bills them: one for each 5 KiB (messages).",
)
ABLY_RATE_LIMITED = Counter(
    "notificacao_ably_rate_limited",
    "Requests that Ably answered with: too fast (requests).",
)
UNVERIFIED_REASONS = ("unsigned", "unknown_key", "wrong")
ABLY_UNVERIFIED = Counter(
    "notificacao_ably_unverified",
    "Messages from Ably that pages did not believe, as each page tells once, by reason (messages).",
    ["reason"],
)
BREAKER = Enum(
    "notificacao_breaker",
    "The circuit breaker before Ably, as this process last read it: closed, open or half_open (state).",
    states=["closed", "open", "half_open"],
)
CANARY = Counter(
    "notificacao_canary",
    "Probes that the leading dispatcher sent itself by way of Ably, by outcome: heard or missed (probes).",
    ["outcome"],
)
CANARY_SECONDS = Histogram(
    "notificacao_canary_seconds",
    "From a probe's publishing to its arrival over Realtime, of those that were heard (seconds).",
    buckets=SECONDS,
)
ROLLOUT_PERCENT = Gauge(
    "notificacao_rollout_percent",
    "Of the people on Ably by the plan that is under way, as the guard last read it; 0 where none is (percent).",
)
ALERTS = (
    "BreakerOpen",
    "BudgetAhead",
    "CanarySilent",
    "GuardSilent",
    "KeyEndsSoon",
    "NobodyLeads",
    "RedisAway",
    "SignaturesRefused",
    "UnstampedRowsWait",
)
OPEN_ALERTS = Gauge(
    "notificacao_open_alerts",
    "Alerts that the system itself holds open, by name; told by the leading dispatcher (alerts).",
    ["name"],
)
ROLLOUT_COUNTS = ("shown", "over_100_ms", "over_500_ms", "failed")
ROLLOUT_COUNTED = Counter(
    "notificacao_rollout_counted",
    "What the guard counted by assigned arm (ably, control, canary): shown, over_100_ms, over_500_ms, failed (rows).",
    ["arm", "what"],
)
GUARD_VERDICTS = Counter(
    "notificacao_guard_verdicts",
    "Looks of the rollout's guard, by verdict: Hold, Advance, AwaitApproval, StepDown or RollBack (looks).",
    ["verdict"],
)
ABLY_COST = Gauge(
    "notificacao_ably_cost_usd",
    "This month, in the leader: month (so far), forecast (to its end) and budget, fixed costs included (US dollars).",
    ["what"],
)
COST_GOVERNOR_LEVEL = Gauge(
    "notificacao_cost_governor_level",
    "Of the cost's governor, in the leader, by mode: 0 moves nothing, 1 low priority to SSE, 2 normal too (level).",
    ["mode"],
)
PUBLISH_SECONDS = Histogram(
    "notificacao_publish_seconds",
    "One request that publishes to Ably, successful or not (seconds).",
    buckets=SECONDS,
)
PUBLISH_STANDSTILL_SECONDS = Gauge(
    "notificacao_publish_standstill_seconds",
    "How long notifications wait for Ably since a request last left; 0 where none waits (seconds).",
)
DELIVERED = Counter(
    "notificacao_delivered",
    "Receipts of browsers, by transport: ably, sse, standby, rest or unable (receipts).",
    ["transport"],
)
DELIVERY_SECONDS = Histogram(
    "notificacao_delivery_seconds",
    "From the stamp to the receipt, less what the browser held it back, by transport; an upper bound (seconds).",
    ["transport"],
    buckets=SECONDS,
)
OPEN_STREAMS = Gauge(
    "notificacao_open_streams",
    "Streams open in this process, by lane: live or standby (streams).",
    ["lane"],
)
STREAM_EVENTS = Counter(
    "notificacao_stream_events",
    "Events written to streams, by event: notification, heads, counts, session, resync or bye (events).",
    ["event"],
)
STREAM_BYTES = Counter(
    "notificacao_stream_bytes",
    "Bytes written to streams (bytes).",
)


def expect_labels() -> None:
    """Create the series of all known labels at 0, since a rate cannot be computed of a series that begins later."""
    for outcome in ("published", "failed", "skipped"):
        SETTLED.labels(outcome)
    for reason in FALLBACK_REASONS:
        FALLBACKS.labels(reason)
    for reason in UNVERIFIED_REASONS:
        ABLY_UNVERIFIED.labels(reason)
    for outcome in ("heard", "missed"):
        CANARY.labels(outcome)
    for arm in ("ably", "control", "canary"):
        for what in ROLLOUT_COUNTS:
            ROLLOUT_COUNTED.labels(arm, what)
    for verdict in ("Hold", "Advance", "AwaitApproval", "StepDown", "RollBack"):
        GUARD_VERDICTS.labels(verdict)
    for name in ALERTS:
        OPEN_ALERTS.labels(name)
    BREAKER.state("open")
    for transport in ("ably", "sse", "standby", "rest", "unable"):
        DELIVERED.labels(transport)
        DELIVERY_SECONDS.labels(transport)
    for lane in ("live", "standby"):
        OPEN_STREAMS.labels(lane)


expect_labels()


def may_be_read_by(address: str | None, authorization: str) -> bool:
    """Tell whether who comes from `address`, with that header Authorization, may read metrics.

    METRICS_ALLOW names addresses, METRICS_TOKEN is the token of a Bearer; without either nobody may.
    """
    given = authorization.encode(errors="replace")
    if conf.METRICS_TOKEN and hmac.compare_digest(given, f"Bearer {conf.METRICS_TOKEN}".encode()):
        return True
    try:
        here = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    here = getattr(here, "ipv4_mapped", None) or here
    return any(here in network for network in conf.METRICS_NETWORKS)
