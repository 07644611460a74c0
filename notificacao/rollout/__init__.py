"""Move people to Ably: the flag (`flag`), the staged plan (`plan`), the guard that watches it, the weekly question."""

from notificacao.rollout.flag import BREAKER, Rollout, current

__all__ = ["BREAKER", "Rollout", "current"]
