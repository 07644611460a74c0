"""Decide who is on Ably. Beside the flag's model and admin this is the one module that knows the flag."""

import itertools
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from notificacao import capability
from notificacao.conf import conf
from notificacao.models import BreakerState, RolloutFlag

BREAKER = "ably"
NOT_IN_ROLLOUT = "not_in_rollout"
TOO_MANY_CHANNELS = "too_many_channels"
CANNOT_VERIFY = "cannot_verify"
ABLY_OUT_OF_USE = "ably_out_of_use"
_PEOPLE = 100  # of whom it is asked at once whether one of them is on Ably
# By hand, and one statement, since each process reads it many times a second.
_CURRENT = f"""
    SELECT flag.*, breaker.state AS breaker_state, breaker.forced AS breaker_forced
    FROM {RolloutFlag._meta.db_table} AS flag LEFT JOIN {BreakerState._meta.db_table} AS breaker ON breaker.name = %s
    WHERE flag.name = %s
"""  # noqa: S608 – the tables' own names


@dataclass(frozen=True)
class Rollout:
    """Hold the flag and the breaker as they stood at one moment. Read it once a batch and ask it for each person.

    `breaker` is the state in force, `configured` whether Ably has a key. `by_sse`, which the dispatcher adds, are the
    priorities that the cost's governor keeps off Ably.
    """

    flag: RolloutFlag
    breaker: str
    configured: bool
    forced: str = ""  # what staff put the breaker to, if they did
    by_sse: frozenset[str] = frozenset()

    def includes(self, person_pk: int) -> bool:
        """Return whether the flag has that person in the rollout, however many channels they have."""
        return self.configured and self.flag.includes(person_pk)

    def assigned(self, person_pk: int, channels: Collection[str]) -> bool:
        """Tell whether that person, who has these channels, belongs on Ably, whatever Ably's health."""
        return self.includes(person_pk) and capability.fits(channels)

    def assigned_of(self, person_pks: Iterable[int]) -> set[int]:
        """Return those of the people who belong on Ably. It reads the channels of those who may have many."""
        included = set(filter(self.includes, person_pks))
        return included - capability.beyond(included)

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
        """Return whether at least one of these people belongs on Ably."""
        included = filter(self.includes, person_pks)
        while some := list(itertools.islice(included, _PEOPLE)):
            if self.assigned_of(some):
                return True
        return False

    def why_sse(self, person_pk: int, channels: Collection[str], *, can_verify: bool = True) -> str:
        """Return why a page of that person, who has these channels, is served by SSE now; nothing on Ably.

        `can_verify`: its browser verifies what is signed, and takes nothing else.
        """
        if not self.includes(person_pk):
            return NOT_IN_ROLLOUT
        if not capability.fits(channels):
            return TOO_MANY_CHANNELS
        if not can_verify:
            return CANNOT_VERIFY
        return "" if self.ably_up else ABLY_OUT_OF_USE

    def transport_for(self, person_pk: int, channels: Collection[str], *, can_verify: bool = True) -> str:
        """Return the transport of a page of that person, as `why_sse` has it: `ably` or `sse`."""
        return "sse" if self.why_sse(person_pk, channels, can_verify=can_verify) else "ably"


def current() -> Rollout:
    """Return the rollout, read from the database and never from waffle's cache: each attempt to publish asks again.

    Without a row of the flag nobody is on Ably.
    """
    flag: Any = next(iter(RolloutFlag.objects.raw(_CURRENT, [BREAKER, conf.ROLLOUT_FLAG])), None)
    if flag is None or flag.breaker_state is None:
        known = BreakerState.objects.filter(pk=BREAKER).first() or BreakerState(pk=BREAKER)
    else:
        known = BreakerState(pk=BREAKER, state=flag.breaker_state, forced=flag.breaker_forced)
    flag = flag or RolloutFlag(name=conf.ROLLOUT_FLAG, everyone=False)
    return Rollout(flag, known.in_force, conf.ably_configured, known.forced)
