"""Decide who is on Ably. Beside the flag's model and admin this is the one module that knows the flag."""

from collections.abc import Iterable
from dataclasses import dataclass

from notificacao.conf import conf
from notificacao.models import BreakerState, RolloutFlag

BREAKER = "ably"


@dataclass(frozen=True)
class Rollout:
    """Hold the flag and the breaker as they stood at one moment. Read it once a batch and ask it for each person.

    `breaker` is the state in force, `configured` whether Ably has a key.
    """

    flag: RolloutFlag
    breaker: str
    configured: bool
    forced: str = ""  # what staff put the breaker to, if they did

    def assigned(self, person_pk: int) -> bool:
        """Return whether the flag puts that person on Ably, whatever Ably's health."""
        return self.configured and self.flag.includes(person_pk)

    @property
    def key(self) -> tuple:
        """Return a key that two rollouts share where they answer the same for everybody."""
        return self.flag.everyone, self.flag.percent, self.flag.salt, self.ably_up, self.configured

    @property
    def ably_up(self) -> bool:
        """Return whether Ably is configured and its breaker is closed."""
        return self.configured and self.breaker == BreakerState.State.CLOSED

    @property
    def off(self) -> bool:
        """Return whether nobody at all is on Ably."""
        return not self.configured or self.flag.everyone is False or (not self.flag.everyone and not self.flag.percent)

    @property
    def for_all(self) -> bool:
        """Return whether the flag puts everybody on Ably."""
        return self.configured and (
            self.flag.everyone is True or (self.flag.everyone is None and self.flag.percent >= 100)
        )

    def any_assigned(self, person_pks: Iterable[int]) -> bool:
        """Return whether the flag puts at least one of these people on Ably."""
        return any(self.assigned(pk) for pk in person_pks)

    def transport_for(self, person_pk: int) -> str:
        """Return the transport of a page that this person opens now: `ably` or `sse`."""
        return "ably" if self.ably_up and self.assigned(person_pk) else "sse"


def current() -> Rollout:
    """Return the rollout, read from the database and never from waffle's cache: each attempt to publish asks again.

    Without a row of the flag nobody is on Ably.
    """
    flag = RolloutFlag.objects.filter(name=conf.ROLLOUT_FLAG).first() or RolloutFlag(
        name=conf.ROLLOUT_FLAG, everyone=False
    )
    breaker = BreakerState.objects.filter(pk=BREAKER).first() or BreakerState(pk=BREAKER)
    return Rollout(flag, breaker.in_force, conf.ably_configured, breaker.forced)
