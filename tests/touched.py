"""Tell whose open streams are to be authorised again, and which keys are to be renewed."""

from notificacao.models import Person, StreamChange

EVERYBODY = "everybody"


def forget_changes() -> None:
    StreamChange.objects.all().delete()


def touched() -> set[str]:
    """The user names of those whose access changed; EVERYBODY where everybody's did."""
    pks = set(StreamChange.objects.filter(kind="access").values_list("person_id", flat=True))
    names = set(Person.objects.filter(pk__in=pks - {None}).values_list("username", flat=True))
    return names | ({EVERYBODY} if None in pks else set())


def keys_to_renew() -> set[str]:
    return set(StreamChange.objects.filter(kind="key").values_list("channel", flat=True))
