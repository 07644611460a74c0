"""Export or erase what is stored of one person (LGPD, art. 18). The audit trail keeps the person's opaque id."""

from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.auth import SESSION_KEY
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import CASCADE, CharField, Model, Q, QuerySet
from django.db.models.functions import Cast

from notificacao import audiences, audit
from notificacao.models import AuditEvent, KeptAnswer, Membership, Notification, Person, RoleHeld

_ACCOUNT = ("username", "first_name", "last_name", "email", "public_id", "date_joined", "last_login", "is_active")
_CONTENT = ("public_id", "title", "message", "kind", "priority", "link", "data", "created_at", "expires_at")
_EVENT = ("at", "action", "who", "ip", "reason", "data")


def export(person: Person, by: str) -> dict[str, Any]:
    """Return all that is stored of `person`, for Django's JSON encoder; of what they sent to others, the ids alone.

    `by` is who asks for it, for the audit trail.
    """
    found = {
        "account": {name: getattr(person, name) for name in (*_ACCOUNT, "is_staff", "is_superuser")},
        "memberships": list(person.memberships.values("role", "unit__code", "created_at")),
        "held_a_role": RoleHeld.objects.filter(person=person).exists(),
        "notifications": list(_personal_rows(person).values(*_CONTENT)),
        "receipts": list(person.receipts.values("notification__public_id", *_receipt_fields())),
        "read_marks": list(person.read_marks.values("channel", "seq")),
        "connections": list(person.connections.values("live", "standby", "browsers", "since")),
        "connection_spans": list(person.connection_spans.values("live", "standby", "browsers", "since", "until")),
        "ended_memberships": list(person.ended_memberships.values("role", "unit_public_id", "ended_at")),
        "opinions": list(person.opinions.values("week", "answer", "arm", "at")),
        "sent": list(Notification.objects.filter(created_by=person).values("public_id", "created_at")),
        "sessions": [session.expire_date for session in _sessions(person)],
        "admin": list(LogEntry.objects.filter(user=person).values("action_time", "object_repr", "change_message")),
        "audit": list(
            AuditEvent.objects.filter(Q(who=person.public_id) | Q(data__to=person.public_id)).values(*_EVENT)
        ),
    }
    audit.record(AuditEvent.Action.PERSON_EXPORTED, who=by, to=person.public_id)
    return found


def to_erase(person: Person) -> dict[str, int]:
    """Return `{kind of rows: how many}` that `erase` would delete."""
    return {
        "notifications": _personal_rows(person).count(),
        "sessions": len(_sessions(person)),
        **{rows.model.__name__: rows.count() for rows in _own_rows(person)},
    }


@transaction.atomic
def erase(person: Person, by: str) -> None:
    """Erase what is stored of `person`; `by` is who does it, for the audit trail.

    The account stays, closed and without a name, so that what refers to it never comes to mean somebody else.
    """
    for session in _sessions(person):
        session.delete()
    _anonymise_the_admins_history(person)  # while the rows whose entries are meant are still there
    for rows in _own_rows(person):
        rows.delete()
    _personal_rows(person).delete()
    KeptAnswer.objects.filter(owner=f"person:{person.public_id}").delete()
    person.groups.clear()
    person.user_permissions.clear()
    person.username = f"eliminada-{person.public_id}"
    person.first_name = person.last_name = person.email = ""
    person.is_active = person.is_staff = person.is_superuser = False
    person.last_login = None
    person.set_unusable_password()
    person.save()
    audit.record(AuditEvent.Action.PERSON_ERASED, who=by, to=person.public_id)


def _receipt_fields() -> tuple[str, ...]:
    return ("delivered_at", "transport", "read", "read_at", "archived_at", "formally_acknowledged_at")


def _personal_rows(person: Person) -> QuerySet[Notification]:
    return Notification.objects.filter(channel=audiences.channel_for_user(person))


def _own_rows(person: Person) -> list[QuerySet]:
    """Return the person's rows of each table that has a row for a person and is deleted with them.

    The traces of the person's work as staff belong to the office, and stay.
    """
    return [
        relation.related_model._default_manager.filter(**{relation.field.name: person})
        for relation in Person._meta.related_objects
        if relation.on_delete is CASCADE and relation.related_model is not LogEntry
    ]


def _sessions(person: Person) -> list[Session]:
    return [one for one in Session.objects.iterator() if one.get_decoded().get(SESSION_KEY) == str(person.pk)]


def _anonymise_the_admins_history(person: Person) -> None:
    """Take the person out of the entries about them, and about what is or was theirs, found by ids.

    A text is never searched for a name: `al` is in «CRAS Central».
    """
    about = _entries_of(Person, [str(person.pk)])
    for rows in (*_own_rows(person), _personal_rows(person)):
        about |= _entries_of(rows.model, rows.annotate(text=Cast("pk", CharField())).values("text"))
    about |= _entries_of(Membership, [str(pk) for pk in _ended_memberships(person)])
    LogEntry.objects.filter(about).update(object_repr=person.public_id, change_message="")


def _entries_of(kind: type[Model], ids) -> Q:
    return Q(content_type=ContentType.objects.get_for_model(kind), object_id__in=ids)


def _ended_memberships(person: Person) -> set[int]:
    """Return the ids of memberships that ended, as the audit trail has them.

    Older ones are found by how an entry about a membership begins: with the person, as an entry about them has them.
    Those that somebody else holds now are left out.
    """
    ended = AuditEvent.objects.filter(action=AuditEvent.Action.ACCOUNT_CHANGED, data__to=person.public_id)
    ids = {pk for data in ended.values_list("data", flat=True) for pk in data.get("memberships", ())}
    former = LogEntry.objects.filter(_entries_of(Person, [str(person.pk)])).values_list("object_repr", flat=True)
    theirs = Q(pk=None)
    for name in {str(person), person.username, *former}:
        theirs |= Q(object_repr__startswith=f"{name} · ")
    entries = LogEntry.objects.filter(theirs, content_type=ContentType.objects.get_for_model(Membership))
    ids |= {int(pk) for pk in entries.values_list("object_id", flat=True) if pk}
    return ids - set(Membership.objects.filter(pk__in=ids).exclude(person=person).values_list("pk", flat=True))
