"""Limit how often somebody may do something, by a bucket of tokens for each name.

The buckets are in Redis for all processes, else in this process's memory. While Redis is gone memory answers: no
request waits for Redis, and its absence refuses none.
"""

import heapq
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from notificacao import metrics
from notificacao.conf import conf

if TYPE_CHECKING:
    import redis

logger = structlog.get_logger(__name__)

_WITHIN = 0.25  # seconds that Redis may take
_LEFT_ALONE = 5.0  # seconds that Redis is not asked after it failed
_REMEMBERED = 10_000  # names in memory
# The generic cell rate algorithm (GCRA) keeps a bucket as one number: when it will be full again. ARGV has the cost and
# the burst, both as seconds of refill.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local full_at = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0)) + ARGV[1]
local over = full_at - now - ARGV[2]
if over > 0.000001 then return tostring(over) end
redis.call('SET', KEYS[1], string.format('%.6f', full_at), 'PX', math.ceil((full_at - now) * 1000))
return '0'
"""


@dataclass(frozen=True)
class Rate:
    """Hold a limit: `per_minute` tokens in the long run, at most `burst` at once."""

    per_minute: float
    burst: int

    @property
    def every(self) -> float:
        """Return the seconds until there is one more token."""
        return 60 / self.per_minute


Wanted = tuple[str, Rate]


class Memory:
    """Hold the buckets of this process, from which any thread may take; `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._lock = threading.Lock()
        self._full_at: dict[str, float] = {}

    def take(self, name: str, rate: Rate) -> float:
        """Take a token of the bucket `name` and return 0; return the seconds until there is one where it is empty."""
        with self._lock:
            now = self._clock()
            full_at = max(now, self._full_at.get(name, 0.0)) + rate.every
            over = full_at - now - rate.burst * rate.every
            if over > 1e-6:
                return over
            if len(self._full_at) >= _REMEMBERED:
                self._forget_the_fullest()
            self._full_at[name] = full_at
            return 0.0

    def _forget_the_fullest(self) -> None:
        """Drop the buckets that were used least, so that a flood of new names does not free those that must wait."""
        self._full_at = dict(heapq.nlargest(_REMEMBERED // 2, self._full_at.items(), key=lambda item: item[1]))


class Buckets:
    """Take tokens from Redis while it answers, else from `memory`."""

    def __init__(self, memory: Memory, clock: Callable[[], float] = time.monotonic):
        self._memory = memory
        self._clock = clock
        self._client: redis.Redis | None = None
        self._ask_again_at = 0.0
        self._away = False

    def take(self, wanted: Sequence[Wanted]) -> list[float]:
        """Take a token of each of `wanted`; return for each 0, or the seconds until there is one where it was empty.

        What is refused is counted by the first word of its name, where that is one of `metrics.LIMITS`.
        """
        waits = self._waits(wanted)
        for (name, _), wait in zip(wanted, waits, strict=True):
            limit = name.partition(":")[0]
            if wait and limit in metrics.LIMITS:
                metrics.RATE_LIMITED.labels(limit).inc()
        return waits

    def _waits(self, wanted: Sequence[Wanted]) -> list[float]:
        if conf.REDIS_URL and self._clock() >= self._ask_again_at:
            import redis  # a tenth of a second of each start, where there is none

            try:
                answers = self._ask_redis(wanted)
            except redis.RedisError as error:
                self._ask_again_at = self._clock() + _LEFT_ALONE
                self._tell(away=True, error=f"{type(error).__name__}: {error}")
            else:
                self._tell(away=False)
                return answers
        return [self._memory.take(name, rate) for name, rate in wanted]

    def _ask_redis(self, wanted: Sequence[Wanted]) -> list[float]:
        """Take from Redis in one round trip, where each take is atomic. Raises RedisError."""
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        if self._client is None:
            self._client = redis.Redis.from_url(
                conf.REDIS_URL,
                socket_timeout=_WITHIN,
                socket_connect_timeout=_WITHIN,
                retry=Retry(NoBackoff(), 1, (redis.ConnectionError,)),  # a connection that was closed meanwhile
            )
        pipeline = self._client.pipeline(transaction=False)
        for name, rate in wanted:
            pipeline.eval(_TAKE, 1, f"semtas:rate:{name}", str(rate.every), str(rate.burst * rate.every))
        return [float(answer) for answer in pipeline.execute()]

    def _tell(self, *, away: bool, error: str = "") -> None:
        """Log that Redis went away or came back, once each time."""
        if away and not self._away:
            logger.warning("rates_are_per_process", error=error)
        elif self._away and not away:
            logger.info("rates_are_shared_again")
        self._away = away


_buckets = Buckets(Memory())


def take(name: str, rate: Rate) -> float:
    """Take a token of the bucket `name` and return 0; return the seconds until there is one where it is empty."""
    return _buckets.take([(name, rate)])[0]


def take_many(wanted: Sequence[Wanted]) -> list[float]:
    """Take a token of each of `wanted`, in one round trip; return as `take` does, for each in order."""
    return _buckets.take(wanted)


def forget() -> None:
    """Fill all buckets of this process, and ask Redis again at once."""
    global _buckets  # noqa: PLW0603 – one a process
    _buckets = Buckets(Memory())
