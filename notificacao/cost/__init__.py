"""Know what the month costs: prices, meters of what Ably bills, a forecast, and the governor that keeps the budget."""

from notificacao.cost.governor import MOVED, PERMISSION, Advice, advise, by_sse, govern, set_mode
from notificacao.cost.meters import Sent, forget_the_old, look, meter_messages, sample
from notificacao.cost.month import Month, month

__all__ = [
    "MOVED",
    "PERMISSION",
    "Advice",
    "Month",
    "Sent",
    "advise",
    "by_sse",
    "forget_the_old",
    "govern",
    "look",
    "meter_messages",
    "month",
    "sample",
    "set_mode",
]
