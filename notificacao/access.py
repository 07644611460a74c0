"""Follow up on a change of access: have open streams authorised again, revoke tokens, and have keys renewed."""

from collections.abc import Iterable, Iterator, Mapping

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Model, QuerySet

from notificacao import audiences, audit, changes, revocations
from notificacao.models import AuditEvent, Channel, Person, Unit

_BATCH = 200  # logins, people or channels in one transaction: none of them holds up the log for long


def end_login(session: Session) -> None:
    """Follow up on the end of a login: its streams end, and its tokens are revoked.

    Django's `user_logged_out` would be too early: a hub that looks then still finds the session.
    """
    _follow_ended([session])


def _follow_ended(sessions: Iterable[Session]) -> None:
    owners = [(session, session.get_decoded().get(SESSION_KEY)) for session in sessions]
    ended = [session for session, owner in owners if owner is not None]
    if ended:
        changes.of_access(int(owner) for _, owner in owners if owner is not None)
        revocations.ask((revocations.of_login(session.session_key) for session in ended), "logout")


def end_all_logins(by: str, reason: str) -> int:
    """End every login, revoke every token, have every channel's key renewed; return how many logins there were.

    Tokens are revoked by person too: a session that was deleted by SQL had none revoked with it. The work is done in
    transactions of `_BATCH` rows; where it is interrupted, a second call does all of it. The audit trail holds its
    beginning and its end.
    """
    record = {"who": by, "reason": reason[:100], "console": audit.this_console()}
    audit.record(AuditEvent.Action.TOKENS_REVOKED, **record, state="begun")
    logins = sum(_end_logins(batch) for batch in _batches(Session.objects.order_by("pk")))
    for people in _batches(Person.objects.order_by("pk")):
        revocations.ask((revocations.of_person(audiences.client_id_for(person)) for person in people), "all_logins")
    for channels in _batches(Channel.objects.order_by("pk")):
        changes.of_keys(channel.pk for channel in channels)
    audit.record(AuditEvent.Action.TOKENS_REVOKED, **record, state="ended", logins=logins)
    return logins


def _batches(rows) -> Iterator[list]:
    """Yield the rows of a query in the order of their keys, `_BATCH` at a time, each read anew."""
    last = None
    while batch := list((rows if last is None else rows.filter(pk__gt=last))[:_BATCH]):
        last = batch[-1].pk
        yield batch


@transaction.atomic
def _end_logins(sessions: list[Session]) -> int:
    """Delete the sessions in one statement, without a signal for each."""
    ended = Session.objects.filter(pk__in=[session.pk for session in sessions])
    deleted = ended._raw_delete(ended.db)
    _follow_ended(sessions)
    return deleted


def record_before(change: Model, person_pks: Iterable[int]) -> None:
    """Record what these people may receive, before the row `change` is written or deleted."""
    change._access_diff = AccessDiff(person_pks)  # type: ignore[attr-defined]


def record_channels_before(change: Model) -> None:
    """Record who may subscribe to the channels of `change`, such as a unit, before it is written, deleted or joined."""
    change._access_diff = ChannelDiff(audiences.channels_that_come_with(change))  # type: ignore[attr-defined]


def settle_after(change: Model) -> None:
    """Revoke what people lost by the row `change`, after it was written or deleted, in the same transaction."""
    diff = change.__dict__.pop("_access_diff", None)
    if diff is not None:
        diff.settle()


class AccessDiff:
    """Hold what some people may receive, and their passwords' hashes, before a change; find what they lost by it."""

    def __init__(self, person_pks: Iterable[int]):
        self._channels_before = audiences.channels_of(person_pks)
        self._accounts = _accounts(self._channels_before)

    def settle(self) -> None:
        """Revoke the tokens of the people who lost a channel or their logins; renew the keys of the lost channels."""
        channels_now, accounts = audiences.channels_of(self._channels_before), _accounts(self._channels_before)
        lost = {pk: channels.keys() - channels_now.get(pk, {}).keys() for pk, channels in self._channels_before.items()}
        losers = [pk for pk in self._channels_before if lost[pk] or accounts.get(pk) != self._accounts[pk]]
        _take_back({pk: self._accounts[pk][0] for pk in losers}, set().union(*lost.values()))


def _take_back(losers: Mapping[int, str], channels: Iterable[str]) -> None:
    """Revoke the tokens of `losers`, `{pk: client id}`, who lost something, and have the keys of `channels` renewed."""
    if losers:
        changes.of_access(losers)
        revocations.ask((revocations.of_person(client_id) for client_id in losers.values()), "access")
        changes.of_keys(channels)


def goes_with_another(origin: Model | QuerySet | None) -> bool:
    """Tell whether a membership is deleted because `origin`, its person or unit, is; as Django's signals tell it."""
    kind = origin.model if isinstance(origin, QuerySet) else type(origin)
    return kind in (Person, Unit)


class ChannelDiff:
    """Hold who may subscribe to some channels before a change; find who may no longer.

    It asks by channel: what everybody with a role may receive would be asked for 20,000 people.
    """

    def __init__(self, channels: Iterable[str]):
        self._before = {channel: _subscribers(channel) for channel in channels}

    def settle(self) -> None:
        """Revoke the tokens of the people who lost a channel; renew the keys of the lost channels."""
        lost = {channel: before.keys() - _subscribers(channel).keys() for channel, before in self._before.items()}
        losers = {pk: self._before[channel][pk] for channel, pks in lost.items() for pk in pks}
        _take_back(losers, (channel for channel, pks in lost.items() if pks))


def _subscribers(channel: str) -> dict[int, str]:
    """Return `{pk: client id}` of the people who may subscribe to `channel`."""
    people = audiences.subscribers(channel).only("public_id")
    return {person.pk: audiences.client_id_for(person) for person in people}


def _accounts(person_pks: Iterable[int]) -> dict[int, tuple[str, str]]:
    """Return `{pk: (client id, password's hash)}`: another hash ends every login."""
    people = Person.objects.filter(pk__in=list(person_pks)).only("public_id", "password")
    return {person.pk: (audiences.client_id_for(person), person.password) for person in people}
