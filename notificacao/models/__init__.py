"""Define the tables, one file per noun."""

from notificacao.models.alert import Alert
from notificacao.models.audit import AuditAnchor, AuditEvent, AuditLink
from notificacao.models.breaker import BreakerState
from notificacao.models.canary import CanaryProbe
from notificacao.models.cost import CostGovernor, CostMeter
from notificacao.models.figures import FigureMinute
from notificacao.models.history import ConnectionSpan, EndedMembership, RolloutSpan
from notificacao.models.idempotency import KeptAnswer
from notificacao.models.log import Channel, DispatcherLease, LogHead
from notificacao.models.notification import DispatchState, Kind, Notification, Priority
from notificacao.models.opinion import Opinion
from notificacao.models.people import BenefitType, Membership, Person, Role, RoleHeld, Unit
from notificacao.models.presence import ActiveChannel, Connection, WebProcess
from notificacao.models.producer import Producer, ProducerKey
from notificacao.models.reading import ReadMark, Receipt
from notificacao.models.revocation import Revocation
from notificacao.models.rollout import RolloutFlag
from notificacao.models.rollout_plan import Arm, RolloutEvent, RolloutMinute, RolloutPlan, RolloutStage, RolloutTally
from notificacao.models.stream_change import StreamChange

__all__ = [
    "ActiveChannel",
    "Alert",
    "Arm",
    "AuditAnchor",
    "AuditEvent",
    "AuditLink",
    "BenefitType",
    "BreakerState",
    "CanaryProbe",
    "Channel",
    "Connection",
    "ConnectionSpan",
    "CostGovernor",
    "CostMeter",
    "DispatchState",
    "DispatcherLease",
    "EndedMembership",
    "FigureMinute",
    "KeptAnswer",
    "Kind",
    "LogHead",
    "Membership",
    "Notification",
    "Opinion",
    "Person",
    "Priority",
    "Producer",
    "ProducerKey",
    "ReadMark",
    "Receipt",
    "Revocation",
    "Role",
    "RoleHeld",
    "RolloutEvent",
    "RolloutFlag",
    "RolloutMinute",
    "RolloutPlan",
    "RolloutSpan",
    "RolloutStage",
    "RolloutTally",
    "StreamChange",
    "Unit",
    "WebProcess",
]
