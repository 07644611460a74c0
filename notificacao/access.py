"""Follow up on a change of access: have open streams authorised again, revoke tokens, and renew keys."""

from collections.abc import Iterable

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F, Model
from django.db.models.functions import Now

from notificacao import audiences, audit, revocations, wakes
from notificacao.models import AuditEvent, Channel, Person


def touch(person_pks: Iterable[int]) -> None:
    """Have every open stream of these people authorised again, once the transaction is committed."""
    Person.objects.filter(pk__in=list(person_pks)).update(access_changed_at=Now())
    wakes.after_commit(wakes.HUBS)


def touch_everybody_with_a_role() -> None:
    """Have the streams of everybody with a role authorised again.

    A unit or a benefit came, went, or changed what it handles: each role may reach other channels now.
    """
    Person.objects.filter(memberships__isnull=False).update(access_changed_at=Now())
    wakes.after_commit(wakes.HUBS)


def end_login(session: Session) -> None:
    """Follow up on the end of a login: its streams end, and its tokens are revoked.

    Django's `user_logged_out` would be too early: a hub that looks then still finds the session.
    """
    owner = session.get_decoded().get(SESSION_KEY)
    if owner is not None:
        touch([int(owner)])
        revocations.ask([revocations.of_login(session.session_key)], "logout")


@transaction.atomic
def end_all_logins(by: str, reason: str) -> int:
    """End every login, revoke every token, renew every channel's key; return how many logins there were.

    Tokens are revoked by person too: a session that was deleted by SQL had none revoked with it.
    """
    logins, _ = Session.objects.all().delete()  # each sends its signal
    people = Person.objects.only("public_id")
    touch(person.pk for person in people)
    revocations.ask((revocations.of_person(audiences.client_id_for(person)) for person in people), "all_logins")
    renew_keys(Channel.objects.values_list("pk", flat=True))
    audit.record(
        AuditEvent.Action.TOKENS_REVOKED, who=by, reason=reason[:100], logins=logins, console=audit.this_console()
    )
    return logins


def record_before(change: Model, person_pks: Iterable[int]) -> None:
    """Record what these people may receive, before the row `change` is written or deleted."""
    change._access_diff = AccessDiff(person_pks)  # type: ignore[attr-defined]


def settle_after(change: Model) -> None:
    """Revoke what people lost by the row `change`, after it was written or deleted, in the same transaction."""
    diff = change.__dict__.pop("_access_diff", None)
    if diff is not None:
        diff.settle()


def everybody_with_a_role() -> list[int]:
    """Return the pks of the people who hold a role."""
    return list(Person.objects.filter(memberships__isnull=False).distinct().values_list("pk", flat=True))


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
        if losers:
            touch(losers)
            revocations.ask([revocations.of_person(self._accounts[pk][0]) for pk in losers], "access")
            renew_keys(set().union(*lost.values()))


def _accounts(person_pks: Iterable[int]) -> dict[int, tuple[str, str]]:
    """Return `{pk: (client id, password's hash)}`: another hash ends every login."""
    people = Person.objects.filter(pk__in=list(person_pks)).only("public_id", "password")
    return {person.pk: (audiences.client_id_for(person), person.password) for person in people}


def renew_keys(channels: Iterable[str]) -> None:
    """Encrypt what is published on `channels` from now on with other keys, and have subscribers fetch them.

    The rows are locked in the order in which the stamper writes them.
    """
    names = sorted(channels)
    Channel.objects.bulk_create([Channel(name=name) for name in names], ignore_conflicts=True)
    rows = Channel.objects.filter(pk__in=names)
    list(rows.select_for_update().order_by("pk"))
    rows.update(key_epoch=F("key_epoch") + 1, key_renewed_at=Now())
    touch({pk for name in names for pk in audiences.subscribers(name).values_list("pk", flat=True)})
