"""Keep what was true at a moment: memberships that ended, the flag and the breaker. Connections keep themselves."""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models.functions import Now

from notificacao import eventlog
from notificacao.conf import conf
from notificacao.models import ConnectionSpan, EndedMembership, Membership, RolloutSpan
from notificacao.rollout.flag import Rollout


def keep_ended(memberships: Iterable[Membership]) -> None:
    """Keep that `memberships`, which are about to be deleted, were held until now."""
    to_seq = eventlog.head().seq
    EndedMembership.objects.bulk_create(
        EndedMembership(
            person_id=membership.person_id,
            role=membership.role,
            unit_public_id=membership.unit.public_id if membership.unit else "",
            since=membership.since,
            to_seq=to_seq,
        )
        for membership in memberships
    )


def note_rollout(rollout: Rollout) -> None:
    """Keep flag and breaker as `rollout` has them, unless they are as they were noted last."""
    now = RolloutSpan(
        everyone=rollout.flag.everyone,
        percent=rollout.flag.percent,
        salt=rollout.flag.salt,
        breaker=rollout.breaker,
        configured=rollout.configured,
    )
    last = RolloutSpan.objects.order_by("-pk").first()
    if last is None or _said(last) != _said(now):
        now.save()


def _said(span: RolloutSpan) -> tuple:
    return span.everyone, span.percent, span.salt, span.breaker, span.configured


def forget_the_old() -> None:
    """Delete what ended more than HISTORY_DAYS ago; of the rollout the last row stays."""
    kept = timedelta(days=conf.HISTORY_DAYS)
    ConnectionSpan.objects.filter(until__lt=Now() - kept).delete()
    EndedMembership.objects.filter(ended_at__lt=Now() - kept).delete()
    in_force = RolloutSpan.objects.filter(since__lt=Now() - kept).order_by("-pk").values_list("pk", flat=True).first()
    if in_force is not None:
        RolloutSpan.objects.filter(pk__lt=in_force).delete()
