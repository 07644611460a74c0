"""What a person sees whose channels are theirs from a thousand places on, asked in statements that do not grow."""

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from notificacao import audiences, eventlog, places, reading, receipts
from notificacao.eventlog import Cursor
from notificacao.models import LogHead, Membership, Notification, ReadMark, Role, Unit
from notificacao.reading import Filter, Reader
from notificacao.receipts import Delivery
from tests.conftest import make_person
from tests.rows import write_stamped

UNITS = 1_100  # SQLite refuses a thousand conditions


@pytest.fixture
def dora(db):
    """Dora came to each of 1,100 units at another place of the log."""
    dora = make_person("dora")
    units = Unit.objects.bulk_create(Unit(code=f"U{n}", name=f"U{n}", kind=Unit.Kind.OUTRO) for n in range(UNITS))
    held = Membership.objects.bulk_create(Membership(person=dora, role=Role.TECNICO, unit=unit) for unit in units)
    Membership.objects.filter(person=dora).update(since=F("pk") - held[0].pk)
    return dora


@pytest.fixture
def hers(dora):
    """Two rows of each of four of her units: the one is from before she came, the other is hers."""
    joined = dora.memberships.filter(since__in=(500, 700, 900, 1_099)).order_by("since")
    for membership in joined.select_related("unit"):
        channel = audiences.channel_for_unit(membership.unit)
        for seq in (membership.since, membership.since + 1):
            write_stamped(seq, channel, stamped_at=timezone.now())
    LogHead.objects.update(seq=UNITS)
    return list(Notification.objects.filter(seq__in=(501, 701, 901, 1_100)).order_by("seq"))


def test_dora_sees_in_her_inbox_what_came_to_a_unit_after_she_did(dora, hers, client):
    client.force_login(dora)
    answer = client.get("/api/v1/notifications/").json()
    assert [entry["id"] for entry in answer["results"]] == [str(row.public_id) for row in reversed(hers)]


def test_dora_catches_up_with_what_came_to_a_unit_after_she_did(dora, hers, client):
    client.force_login(dora)
    epoch = eventlog.position().epoch
    answer = client.get("/api/v1/notifications/", {"after": f"{epoch}.501", "limit": 2}).json()
    assert [entry["seq"] for entry in answer["results"]] == [701, 901]
    assert answer["more"]


def test_doras_page_of_notifications_opens(dora, hers, client):
    client.force_login(dora)
    page = client.get("/notificacoes/")
    assert page.status_code == 200


def test_what_dora_has_read_is_known_by_each_units_own_mark(dora, hers):
    for row in hers[:2]:
        ReadMark.objects.create(person=dora, channel=row.channel, seq=row.seq)
    unread = Reader(dora).inbox(Filter(unread=True)).order_by("seq")
    assert list(unread) == hers[2:]
    assert reading.unread_of(dora) == 2


def test_what_dora_has_read_long_ago_is_in_her_archive(dora, hers, settings):
    Notification.objects.update(stamped_at="2020-01-01T00:00Z")
    ReadMark.objects.create(person=dora, channel=hers[0].channel, seq=hers[0].seq)
    assert list(Reader(dora).inbox(Filter(archived=True))) == hers[:1]
    assert list(Reader(dora).inbox().order_by("seq")) == hers[1:]


def test_dora_searches_what_is_hers(dora, hers):
    Notification.objects.update(title="Agulha no palheiro")
    assert list(Reader(dora).inbox(Filter(search="agulha")).order_by("seq")) == hers


def test_dora_reads_one_and_then_all(dora, hers):
    assert reading.mark_read(dora, hers[0].public_id) == 3
    assert reading.mark_all_read(dora, eventlog.position()).unread == 0


def test_doras_receipt_counts_for_what_is_hers_and_for_nothing_else(dora, hers, settings):
    settings.RECEIPT_SHARED_SAMPLE = 1.0
    rows = Notification.objects.all()
    assert receipts.record(dora, [Delivery(row.public_id, "sse", 0) for row in rows]) == len(hers)


def test_what_a_look_says_to_the_database_does_not_grow_with_the_places(dora):
    reader = Reader(dora)
    looks = {
        "inbox": lambda: list(reader.inbox()),
        "unread": lambda: list(reader.inbox(Filter(unread=True))),
        "archive": lambda: list(reader.inbox(Filter(archived=True))),
        "search": lambda: list(reader.inbox(Filter(search="agulha"))),
        "catch-up": lambda: eventlog.read_after(Cursor(eventlog.position().epoch, 0), reader.channels, 10),
        "heads": lambda: eventlog.heads(reader.channels),
    }
    for name, look in looks.items():
        with Statements() as statements:
            look()
        assert max(map(len, statements)) < 6_000, name
        assert max(statement.count("%s") for statement in statements) < 100, name


class Statements(list):
    """Keep what is executed, as it is before its parameters are put in."""

    def __enter__(self):
        self._wrapper = connection.execute_wrapper(self._keep)
        self._wrapper.__enter__()
        return self

    def _keep(self, execute, sql, params, many, context):
        self.append(sql)
        return execute(sql, params, many, context)

    def __exit__(self, *error):
        self._wrapper.__exit__(*error)


@pytest.mark.slow
@pytest.mark.parametrize("lookup", ["seq__gt", "seq__lte"])
def test_places_that_are_looked_up_say_the_same_as_places_that_are_written_out(db, lookup, monkeypatch):
    names = [f"private:unit:a{number}.b[1]:notifications" for number in range(60)]
    for number in range(180):
        write_stamped(number + 1, names[number % 60] if number % 7 else "private:unit:outra:notifications")
    asked = {name: 3 * place for place, name in enumerate(names[:55])}
    looked_up = list(Notification.objects.filter(places.by_place(asked, lookup)).order_by("seq"))
    monkeypatch.setattr(places, "_PLACES", 100)
    assert looked_up == list(Notification.objects.filter(places.by_place(asked, lookup)).order_by("seq"))
    assert looked_up


def test_names_in_one_parameter_are_the_same_names(db):
    rows = [write_stamped(number + 1, f"private:unit:{number}:notifications") for number in range(3)]
    many = [f"private:unit:{number}:notifications" for number in range(1, 700)]
    assert list(Notification.objects.filter(places.is_one_of("channel", many)).order_by("seq")) == rows[1:]
