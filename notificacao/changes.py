"""Tell open streams what changed besides the log: who may receive what, what was read, which keys are to be renewed.

Each change is a row, written in the transaction that makes the change. Every hub acts on it once it is committed.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from django.db.models import Min
from django.db.models.functions import Now

from notificacao import places, wakes
from notificacao.models import DispatchState, Notification, StreamChange

Kind = StreamChange.Kind

MANY = 500  # people: a change of more is written as one row, and every connected person is looked at
_KEPT = timedelta(hours=1)  # a hub that was away for longer looks at everybody


def of_access(person_pks: Iterable[int]) -> None:
    """Have every open stream of these people authorised again, once the transaction is committed."""
    pks = set(person_pks)
    if len(pks) > MANY:
        of_everybodys_access()
    elif pks:
        StreamChange.objects.bulk_create(StreamChange(kind=Kind.ACCESS, person_id=pk) for pk in sorted(pks))
        wakes.after_commit(wakes.HUBS)


def of_everybodys_access() -> None:
    """Have every open stream authorised again, once the transaction is committed."""
    StreamChange.objects.create(kind=Kind.ACCESS)
    wakes.after_commit(wakes.HUBS)


def of_reading(person_pk: int) -> None:
    """Have the person's unread events counted again, and their other pages told."""
    StreamChange.objects.create(kind=Kind.READING, person_id=person_pk)
    wakes.after_commit(wakes.HUBS)


def of_keys(channels: Iterable[str]) -> None:
    """Have the keys of `channels` renewed once the transaction is committed, and their subscribers told.

    The dispatcher renews them: a transaction of staff, however long, locks no channel that the stamper waits for.
    """
    names = sorted(set(channels))
    if names:
        StreamChange.objects.bulk_create(StreamChange(kind=Kind.KEY, channel=name) for name in names)
        wakes.after_commit(wakes.DISPATCHER)


def of_missing_keys(channels: Mapping[str, int]) -> None:
    """Have the keys of `{channel: since}` renewed, for whom today's are not meant, where that is not under way already.

    Nor where it would be in vain: what is under way from before `since` goes with the new key too, and whoever waits
    for it asks again.
    """
    if not channels:
        return
    named = places.is_one_of("channel", channels)
    waiting = StreamChange.objects.filter(named, number=None, kind=Kind.KEY).values_list("channel", flat=True)
    pending = Notification.objects.filter(named, dispatch_state=DispatchState.PENDING, seq__isnull=False)
    first = dict(pending.order_by().values_list("channel").annotate(Min("seq")))
    in_vain = {name for name, since in channels.items() if first.get(name, since + 1) <= since}
    of_keys(channels.keys() - set(waiting) - in_vain)


def read(after: int, up_to: int, limit: int) -> tuple[Sequence[StreamChange], bool]:
    """Return the changes after number `after`, with those that have no number yet, and whether all of them are there.

    `up_to` is the last number that was given, read before. They are not all there where there are more than `limit`,
    or where the oldest are gone already.
    """
    numbered, new = StreamChange.objects.filter(number__gt=after), StreamChange.objects.filter(number=None)
    # One statement: a number that is given between two would hide its change from both.
    rows = list(numbered.union(new, all=True)[: limit + 1])
    rows.sort(key=lambda row: (row.number is None, row.number, row.pk))
    seen = sum(row.number is not None and row.number <= up_to for row in rows)
    return rows, after <= up_to and len(rows) <= limit and seen == up_to - after


def forget_the_old() -> None:
    """Delete the changes that every hub has acted upon long ago."""
    StreamChange.objects.filter(number__isnull=False, at__lt=Now() - _KEPT).delete()
