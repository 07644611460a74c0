"""Count and time what the app does, for `/metrics`, beside django-prometheus's figures; none holds personal data.

Labels are words of ours, never ids: the number of series is bounded. docs/metrics.md is made of these definitions, by
`python -m notificacao.metrics`.
"""

import math
import threading
import time

from notificacao.metrics.families import FAMILIES, clear_the_leaders, counter, gauge, histogram, states

__all__ = ["FAMILIES"]

KINDS = ("user", "unit", "benefit", "system")  # of channels, as `audiences.kind_of` tells them
TRANSPORTS = ("ably", "sse", "standby", "rest", "unable")  # as receipts tell them

# --- From the producer to the log

STAMPED = counter("stamped", "rows", "Notifications that were given their place in the log")
STAMP_SECONDS = histogram(
    "stamp_seconds", "seconds", "From a notification's creation to its stamp, by the database's clock"
)
OLDEST_UNSTAMPED_SECONDS = gauge(
    "oldest_unstamped_seconds",
    "seconds",
    "How long the oldest notification without a place in the log waits for it, as the leader looked last; "
    "0 where none waits",
    of_the_leader=True,
)
PRODUCER_STATUSES = ("201", "400", "401", "409", "413", "415", "429", "500", "503", "other")
PRODUCER_ANSWERS = counter(
    "producer_answers", "requests", "Answers to other systems that send notifications", status=PRODUCER_STATUSES
)

# --- From the log to Ably

SETTLED = counter(
    "settled",
    "rows",
    "Notifications settled, by outcome at Ably: published, failed or skipped, and by kind of channel",
    outcome=("published", "failed", "skipped"),
    kind=KINDS,
)
OLDEST_UNSETTLED_SECONDS = gauge(
    "oldest_unsettled_seconds",
    "seconds",
    "How long ago the oldest notification that is to be settled was stamped, as the leader looked last; "
    "0 where none waits",
    of_the_leader=True,
)
FALLBACK_REASONS = ("breaker_open", "ably_failed", "rate_limited", "refused", "message", "late", "budget")
FALLBACKS = counter(
    "fallbacks", "rows", "Notifications that Ably was to carry and SSE carries, by reason", reason=FALLBACK_REASONS
)
ABLY_BILLED = counter("ably_billed", "messages", "Messages published to Ably as Ably bills them: one for each 5 KiB")
ABLY_RATE_LIMITED = counter("ably_rate_limited", "requests", "Requests that Ably answered with: too fast")
PUBLISH_SECONDS = histogram("publish_seconds", "seconds", "One request that publishes to Ably, successful or not")
PUBLISH_STANDSTILL_SECONDS = gauge(
    "publish_standstill_seconds",
    "seconds",
    "How long notifications wait for Ably since a request last left; 0 where none waits",
    of_the_leader=True,
)
BREAKER = states(
    "breaker",
    "The circuit breaker before Ably, as this process last read it: closed, open or half_open",
    ["closed", "open", "half_open"],
    first="open",
)
CANARY = counter(
    "canary",
    "probes",
    "Probes that the leading dispatcher sent itself by way of Ably, by outcome: heard or missed",
    outcome=("heard", "missed"),
)
CANARY_SECONDS = histogram(
    "canary_seconds", "seconds", "From a probe's publishing to its arrival over Realtime, of those that were heard"
)
CANARY_HEARD = gauge(
    "canary_heard_timestamp_seconds",
    "seconds since 1970",
    "When the leader last heard a probe; 0 until its first",
    of_the_leader=True,
)
UNVERIFIED_REASONS = ("unsigned", "unknown_key", "wrong")
ABLY_UNVERIFIED = counter(
    "ably_unverified",
    "messages",
    "Messages from Ably that pages did not believe, as each page tells once, by reason",
    reason=UNVERIFIED_REASONS,
)
TOKENS_ISSUED = counter("tokens_issued", "tokens", "Tokens for Ably that were signed; one that is given again is not")
TOKEN_REFUSALS = ("not_authenticated", "not_in_rollout", "too_many_channels", "throttled", "other")
TOKENS_REFUSED = counter(
    "tokens_refused", "requests", "Requests for a token of Ably that were refused, by reason", reason=TOKEN_REFUSALS
)
COSTS = ("month", "forecast", "budget")
ABLY_COST = gauge(
    "ably_cost_usd",
    "US dollars",
    "What Ably costs: this month until now, its forecast, and the budget",
    of_the_leader=True,
    what=COSTS,
)
COST_GOVERNOR_LEVEL = gauge(
    "cost_governor_level",
    "level",
    "Of the cost's governor, by mode: 0 moves nothing, 1 low priority to SSE, 2 normal too",
    of_the_leader=True,
    mode=("off", "dry_run", "on"),
)

# --- From the log to the browser

OPEN_STREAMS = gauge(
    "open_streams", "streams", "Streams open in this process, by lane: live or standby", lane=("live", "standby")
)
PERSON_STREAMS = histogram(
    "person_streams",
    "streams",
    "Streams that a person has in this process, with the one that just opened",
    buckets=(1, 2, 3, 5, 8, 13, 20, 50),
)
EVENTS = ("notification", "heads", "counts", "session", "keys", "ably", "resync", "bye")
STREAM_EVENTS = counter("stream_events", "events", "Events written to streams, by event", event=EVENTS)
STREAM_BYTES = counter("stream_bytes", "bytes", "Bytes written to streams, without the answers' headers")
STREAM_REFUSALS = (
    "not_authenticated",
    "forbidden",
    "invalid",
    "not_ready",
    "opened_too_fast",
    "too_many_from_address",
    "too_many_streams",
)
STREAMS_REFUSED = counter(
    "streams_refused", "requests", "Requests for a stream that were refused, by reason", reason=STREAM_REFUSALS
)
HUB_LAG_ROWS = gauge(
    "hub_lag_rows", "rows", "How far the streams of this process were behind the log's head at the hub's last look"
)
REPLAY_ROWS = histogram(
    "replay_rows",
    "rows",
    "Notifications that one stream was sent again from its cursor before it was fed",
    buckets=(0, 1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000),
)
RESYNC_REASONS = ("epoch", "ahead", "trimmed", "too_long")
RESYNCS = counter(
    "resyncs",
    "answers",
    "Pages that were told to fetch the inbox anew, by reason: the log has another epoch, it is behind the cursor, "
    "it was trimmed, or too many rows lie after the cursor",
    reason=RESYNC_REASONS,
)
CATCH_UPS = counter("catch_ups", "requests", "Answers with what lies after a cursor, of pages that lack or poll")
DELIVERED = counter(
    "delivered",
    "receipts",
    "Receipts of browsers, by transport: ably, sse, standby, rest or unable",
    transport=TRANSPORTS,
)
DELIVERY_SECONDS = histogram(
    "delivery_seconds",
    "seconds",
    "From the stamp to the receipt, less what the browser held it back, by transport and kind of channel; "
    "an upper bound",
    transport=TRANSPORTS,
    kind=KINDS,
)
RECEIPTS_MISSING = counter(
    "receipts_missing",
    "rows",
    "Notifications to a person with an open page of which no receipt came, as the guard counts while it watches a plan",
)

# --- The rollout

ROLLOUT_PERCENT = gauge(
    "rollout_percent",
    "percent",
    "Of the people on Ably by the plan that is under way, as the guard last read it; 0 where none is",
    of_the_leader=True,
)
ROLLOUT_COUNTS = ("shown", "over_100_ms", "over_500_ms", "failed")
ROLLOUT_COUNTED = counter(
    "rollout_counted",
    "rows",
    "What the guard counted by assigned arm (ably, control, canary): shown, over_100_ms, over_500_ms, failed",
    arm=("ably", "control", "canary"),
    what=ROLLOUT_COUNTS,
)
GUARD_VERDICTS = counter(
    "guard_verdicts",
    "looks",
    "Looks of the rollout's guard, by verdict: Hold, Advance, AwaitApproval, StepDown or RollBack",
    verdict=("Hold", "Advance", "AwaitApproval", "StepDown", "RollBack"),
)
GUARD_LOOKED = gauge(
    "guard_looked_timestamp_seconds",
    "seconds since 1970",
    "When the leader's guard last looked, with or without a plan; 0 until its first look, a minute after the lead",
    of_the_leader=True,
)

# --- The processes, and what they lean on

LEADING = gauge("leading", "dispatchers", "1 while this process's dispatcher is certain to hold the lease, else 0")
LEAD_CHANGES = counter("lead_changes", "changes", "How often this process's dispatcher took the lead")
POOL_WAITING = gauge(
    "pool_waiting", "threads", "Threads of this process that wait for a connection to the database at this moment"
)
REDIS_UP = gauge(
    "redis_up",
    "answers",
    "1 while Redis takes this process's wakes, which leave at least every 5 s, else 0; NaN where REDIS_URL is not set",
)
REDIS_UP.set(math.nan)
WAKE_SECONDS = histogram(
    "wake_seconds", "seconds", "From a wake's leaving this process to its return over Redis, tried every 5 s"
)
LIMITS = ("api", "document", "keys", "login", "producer", "send", "streams", "token")
RATE_LIMITED = counter("rate_limited", "refusals", "What was refused since it came too fast, by limit", limit=LIMITS)
KEY_ENDS = gauge(
    "key_ends_timestamp_seconds",
    "seconds since 1970",
    "When the next key of that kind ends, of those that are good now; 0 where none has an end",
    of_the_leader=True,
    kind=("producer", "encryption", "signing"),
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
OPEN_ALERTS = gauge(
    "open_alerts", "alerts", "Alerts that the system itself holds open, by name", of_the_leader=True, name=ALERTS
)


class Lead:
    """Hold which dispatcher of this process leads, and until when by its own clock; the leader's gauges are its own.

    A dispatcher that does not lead clears nothing of one that does.
    """

    def __init__(self) -> None:
        self._holder: object = None
        self._until = -math.inf
        self._lock = threading.Lock()

    @property
    def is_certain(self) -> bool:
        """Tell whether a dispatcher of this process is certain to hold the lease at this moment."""
        return self._holder is not None and time.monotonic() < self._until

    def hold(self, dispatcher: object, until: float) -> None:
        """Note that `dispatcher` holds the lease until the monotonic second `until`."""
        with self._lock:
            self._holder, self._until = dispatcher, until

    def lose(self, dispatcher: object) -> None:
        """Note that `dispatcher` does not lead, and clear the leader's gauges unless another one here does."""
        with self._lock:
            if self._holder in (None, dispatcher):
                self._holder = None
                clear_the_leaders()


LEAD = Lead()
LEADING.set_function(lambda: float(LEAD.is_certain))
