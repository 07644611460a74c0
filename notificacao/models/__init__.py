"""The tables, one file per noun."""

from notificacao.models.breaker import BreakerState
from notificacao.models.log import Channel, DispatcherLease, LogHead
from notificacao.models.notification import DispatchState, Kind, Notification, Priority
from notificacao.models.people import BenefitType, Membership, Person, Role, Unit
from notificacao.models.reading import ReadMark, Receipt
from notificacao.models.rollout import RolloutFlag

__all__ = [
    "BenefitType",
    "BreakerState",
    "Channel",
    "DispatchState",
    "DispatcherLease",
    "Kind",
    "LogHead",
    "Membership",
    "Notification",
    "Person",
    "Priority",
    "ReadMark",
    "Receipt",
    "Role",
    "RolloutFlag",
    "Unit",
]
