"""Move people to Ably: the flag (`flag`), the staged plan (`plan`), the guard that watches it, the weekly question."""

from notificacao.rollout.flag import (
    ABLY_OUT_OF_USE,
    BREAKER,
    NOT_IN_ROLLOUT,
    NOT_SECURE,
    TOO_MANY_CHANNELS,
    Rollout,
    current,
)

__all__ = ["ABLY_OUT_OF_USE", "BREAKER", "NOT_IN_ROLLOUT", "NOT_SECURE", "TOO_MANY_CHANNELS", "Rollout", "current"]
