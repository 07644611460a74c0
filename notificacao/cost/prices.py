"""Price what was metered: Ably's prices as they stood on each day, and what the month costs whatever is sent."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from notificacao.conf import conf
from notificacao.models import CostMeter

Kind = CostMeter.Kind
Meters = dict[tuple[str, str], int]  # {(kind, priority): amount} of one day
_MILLION = Decimal(1_000_000)


@dataclass(frozen=True)
class Prices:
    """Hold Ably's prices in US dollars from `since` on: `base` a month, others a million. `source` says whose they are.

    A publish and each of its deliveries is a message.
    """

    since: date
    source: str
    base: Decimal
    connection_minutes: Decimal
    channel_minutes: Decimal
    messages: Decimal

    def of_messages(self, amount: int) -> Decimal:
        """Return what so many messages cost."""
        return amount * self.messages / _MILLION

    def of_connected(self, seconds: int) -> Decimal:
        """Return what so many seconds of one connection cost."""
        return seconds * self.connection_minutes / 60 / _MILLION

    def of_channels(self, seconds: int) -> Decimal:
        """Return what so many seconds of one channel cost."""
        return seconds * self.channel_minutes / 60 / _MILLION


@dataclass(frozen=True)
class Costs:
    """Hold what one day's use costs, in US dollars, by what it is for."""

    messages: Decimal = Decimal(0)
    connections: Decimal = Decimal(0)
    channels: Decimal = Decimal(0)
    probes: Decimal = Decimal(0)

    @property
    def of_people(self) -> Decimal:
        """Return what grows with the people on Ably."""
        return self.messages + self.connections + self.channels

    @property
    def total(self) -> Decimal:
        return self.of_people + self.probes


def prices_on(day: date) -> Prices:
    """Return the prices of `day`: the latest that had begun, or the first there are."""
    table = [Prices(**row) for row in conf.ABLY_PRICES]
    return next((prices for prices in reversed(table) if prices.since <= day), table[0])


def cost_of(day: date, meters: Meters) -> Costs:
    """Return what was used on `day` costs."""
    messages = sum(amount for (kind, _), amount in meters.items() if kind in (Kind.PUBLISHED, Kind.DELIVERED))
    return _price(prices_on(day), meters, messages)


def cost_if_moved(day: date, meters: Meters, by_sse: frozenset[str]) -> Costs:
    """Return what `day` would have cost with exactly the priorities `by_sse` kept off Ably."""
    counted = (Kind.PUBLISHED, Kind.DELIVERED, Kind.MOVED)
    messages = sum(amount for (kind, of), amount in meters.items() if kind in counted and of not in by_sse)
    return _price(prices_on(day), meters, messages)


def _price(prices: Prices, meters: Meters, messages: int) -> Costs:
    probing = meters.get((Kind.PROBING, ""), 0)
    return Costs(
        messages=prices.of_messages(messages),
        connections=prices.of_connected(meters.get((Kind.CONNECTED, ""), 0)),
        channels=prices.of_channels(meters.get((Kind.CHANNELS, ""), 0)),
        probes=prices.of_messages(meters.get((Kind.PROBES, ""), 0))
        + prices.of_connected(probing)
        + prices.of_channels(probing),
    )


def monthly(day: date) -> dict[str, Decimal]:
    """Return `{what: US dollars}` that the month of `day` costs whatever is sent: Ably's base, and the fixed costs."""
    base = {"Ably, assinatura": prices_on(day).base} if conf.ably_configured else {}
    return base | conf.MONTHLY_COSTS_USD


def budget() -> Decimal:
    """Return what a month may cost, in US dollars."""
    return Decimal(f"{conf.MONTHLY_BUDGET_USD:.2f}")
