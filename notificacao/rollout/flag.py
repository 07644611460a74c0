"""Who is on Ably: the one module, beside the flag's model and admin, that knows the flag."""

from collections.abc import Iterable
from dataclasses import dataclass

from notificacao.conf import conf
from notificacao.models import BreakerState, RolloutFlag

BREAKER = "ably"


@dataclass(frozen=True)
class Rollout:
    """The flag and the breaker as they stood at one moment. Read it once a batch and ask it for each person."""

    flag: RolloutFlag
    breaker: str
    configured: bool
    forced: str = ""  # what staff put the breaker to, if they did

    def assigned(self, person_pk: int) -> bool:
        """Whether the flag puts that person on Ably, whatever Ably's health."""
        return self.configured and self.flag.includes(person_pk)

    @property
    def key(self) -> tuple:
        """Equal where every answer is equal."""
        return self.flag.everyone, self.flag.percent, self.flag.salt, self.ably_up, self.configured

    @property
    def ably_up(self) -> bool:
        return self.configured and self.breaker == BreakerState.State.CLOSED

    @property
    def off(self) -> bool:
        """Whether nobody at all is on Ably."""
        return not self.configured or self.flag.everyone is False or (not self.flag.everyone and not self.flag.percent)

    @property
    def for_all(self) -> bool:
        return self.configured and (
            self.flag.everyone is True or (self.flag.everyone is None and self.flag.percent >= 100)
        )

    def any_assigned(self, person_pks: Iterable[int]) -> bool:
        return any(self.assigned(pk) for pk in person_pks)

    def transport_for(self, person_pk: int) -> str:
        """`ably` or `sse`: what a page that opens now is told."""
        return "ably" if self.ably_up and self.assigned(person_pk) else "sse"


def current() -> Rollout:
    """Read from the database itself, never from waffle's cache: each attempt to publish asks again."""
    flag = RolloutFlag.objects.filter(name=conf.ROLLOUT_FLAG).first() or RolloutFlag(
        name=conf.ROLLOUT_FLAG, everyone=False
    )
    breaker = BreakerState.objects.filter(pk=BREAKER).first() or BreakerState(pk=BREAKER)
    return Rollout(flag, breaker.in_force, conf.ably_configured, breaker.forced)
