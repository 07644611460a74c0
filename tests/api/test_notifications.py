"""GET /api/v1/notifications/: catch-up after a cursor, and the inbox."""

import base64
from datetime import timedelta

import pytest
from django.utils import timezone

from notificacao import audiences, eventlog, reading
from notificacao.models import LogHead
from notificacao.models.notification import uuid7
from notificacao.wire import WireNotification
from tests.stamping import fill

URL = "/api/v1/notifications/"


def at(seq):
    return f"{eventlog.position().epoch}.{seq}"


def ids(answer):
    return [row["id"] for row in answer["results"]]


def seqs(answer):
    return [row["seq"] for row in answer["results"]]


def pages_of(client, url):
    """Every page from `url` on, by following `next`."""
    while url:
        answer = client.get(url).json()
        yield answer
        url = answer["next"]


# --- Catch-up


def test_catch_up_brings_what_lies_after_the_cursor_ascending_as_on_every_path(as_ana, ana, of_ana, norte):
    rows = fill(of_ana, norte, of_ana)
    reading.mark_read(ana, rows[1].public_id)
    response = as_ana.get(URL, {"after": at(rows[0].seq)})
    answer = response.json()
    standing = {"archived": False, "acknowledged": False}
    assert answer == {
        "results": [
            WireNotification.of(rows[1]).model_dump(mode="json") | standing | {"read": True},
            WireNotification.of(rows[2]).model_dump(mode="json") | standing | {"read": False},
        ],
        "complete_to": str(eventlog.position()),
        "more": False,
    }
    assert response["Cache-Control"] == "no-store"


def test_catch_up_in_pages_reaches_the_end_and_misses_and_repeats_nothing(as_ana, of_ana, norte, cras_sul):
    fill(*[of_ana, norte, audiences.channel_for_unit(cras_sul)] * 5)
    cursor, found, more = at(0), [], True
    while more:
        answer = as_ana.get(URL, {"after": cursor, "limit": 3}).json()
        assert len(answer["results"]) <= 3
        found += seqs(answer)
        cursor, more = answer["complete_to"], answer["more"]
    assert found == [seq for seq in range(1, 16) if seq % 3]
    assert cursor == str(eventlog.position())


def test_catch_up_shows_every_row_of_an_event_for_each_channel_must_be_complete(as_ana, of_ana, norte):
    fill(of_ana, norte, event_id=uuid7())
    assert len(as_ana.get(URL, {"after": at(0)}).json()["results"]) == 2


def test_catch_up_of_one_channel_brings_that_channel_alone(as_ana, of_ana, norte, cras_sul):
    _, by_unit, _ = fill(of_ana, norte, audiences.channel_for_unit(cras_sul))
    assert seqs(as_ana.get(URL, {"after": at(0), "channel": norte}).json()) == [by_unit.seq]
    foreign = as_ana.get(URL, {"after": at(0), "channel": audiences.channel_for_unit(cras_sul)}).json()
    assert foreign["results"] == []


def test_catch_up_without_a_limit_brings_100(as_ana, of_ana):
    fill(*[of_ana] * 101)
    answer = as_ana.get(URL, {"after": at(0)}).json()
    assert (len(answer["results"]), answer["more"]) == (100, True)


@pytest.mark.parametrize("cursor", ["beyond", "another life", "trimmed"])
def test_a_cursor_that_the_log_cannot_answer_from_is_410_with_the_logs_position(as_ana, of_ana, cursor):
    fill(of_ana, of_ana)
    LogHead.objects.update(trimmed_to=1)
    after = {"beyond": at(3), "another life": "0.1", "trimmed": at(0)}[cursor]
    response = as_ana.get(URL, {"after": after})
    assert response.status_code == 410
    assert (response.json()["code"], response.json()["position"]) == ("resync", str(eventlog.position()))


@pytest.mark.parametrize("cursor", ["", "x", "1", "abc.", ".1", "abc.-1", "abc.01", "ABC.1", "abc.1 ", "abc.1.2"])
def test_what_is_no_cursor_is_400(as_ana, cursor):
    response = as_ana.get(URL, {"after": cursor})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize("limit", ["0", "501", "-1", "x", "", "1.5", "²", "9" * 400, "0" * 9 + "501"])
def test_a_limit_is_a_number_from_1_to_500(as_ana, limit):
    response = as_ana.get(URL, {"after": at(0), "limit": limit})
    assert (response.status_code, response.json()["code"]) == (400, "invalid")


# --- The inbox


def test_the_inbox_is_newest_first_and_shows_only_what_is_theirs(as_ana, caio, of_ana, norte):
    mine, units, _ = fill(of_ana, norte, audiences.channel_for_user(caio))
    answer = as_ana.get(URL).json()
    assert set(answer) == {"results", "next", "previous"}
    assert seqs(answer) == [units.seq, mine.seq]


def test_an_event_on_two_channels_is_in_the_inbox_once(as_ana, of_ana, norte):
    first, _ = fill(of_ana, norte, event_id=uuid7())
    assert ids(as_ana.get(URL).json()) == [str(first.public_id)]


def test_the_pages_of_the_inbox_are_30_long_and_reach_the_end(as_ana, of_ana):
    fill(*[of_ana] * 65)
    pages = [seqs(page) for page in pages_of(as_ana, URL)]
    assert [len(page) for page in pages] == [30, 30, 5]
    assert [seq for page in pages for seq in page] == list(range(65, 0, -1))


def test_what_arrives_while_paging_shifts_nothing(as_ana, of_ana):
    fill(*[of_ana] * 12)
    found = []
    for page in pages_of(as_ana, f"{URL}?page_size=5"):
        found += seqs(page)
        fill(of_ana, of_ana)
    assert found == list(range(12, 0, -1))


@pytest.mark.parametrize(("page_size", "length"), [("1", 1), ("100", 100), ("1000", 100), ("0", 30), ("x", 30)])
def test_a_page_has_1_to_100_rows(as_ana, of_ana, page_size, length):
    fill(*[of_ana] * 101)
    assert len(as_ana.get(URL, {"page_size": page_size}).json()["results"]) == length


def test_the_inbox_can_be_narrowed_by_kind_and_priority_and_channel(as_ana, of_ana, norte):
    fill(of_ana, title="a", kind="alerta", priority="urgente")
    fill(of_ana, title="b", kind="pagamento", priority="urgente")
    fill(norte, title="c", kind="sistema", priority="baixa")

    def titles(query):
        return {row["title"] for row in as_ana.get(f"{URL}?{query}").json()["results"]}

    assert titles("kind=alerta") == {"a"}
    assert titles("kind=alerta&kind=sistema") == {"a", "c"}
    assert titles("priority=urgente") == {"a", "b"}
    assert titles("priority=urgente&kind=pagamento") == {"b"}
    assert titles(f"channel={norte}") == {"c"}
    assert titles("channel=private:user:*:notifications") == set()


def test_the_inbox_can_be_narrowed_to_what_is_unread_or_archived(as_ana, ana, of_ana):
    read, unread, archived = fill(of_ana, of_ana, of_ana)
    reading.mark_read(ana, read.public_id)
    reading.archive(ana, archived.public_id)
    assert seqs(as_ana.get(URL, {"unread": "true"}).json()) == [unread.seq]
    assert seqs(as_ana.get(URL, {"unread": "false"}).json()) == [unread.seq, read.seq]
    answer = as_ana.get(URL, {"archived": "true"}).json()
    assert (seqs(answer), answer["results"][0]["archived"]) == ([archived.seq], True)


def test_the_inbox_can_be_searched(as_ana, of_ana):
    fill(of_ana, title="Reunião", message="Na sala 2")
    fill(of_ana, title="Vistoria", message="Amanhã")
    answer = as_ana.get(URL, {"q": "reuniao SALA", "kind": "", "unread": ""}).json()
    assert [row["title"] for row in answer["results"]] == ["Reunião"]


def test_a_filter_stays_on_the_next_page(as_ana, of_ana):
    for _ in range(3):
        fill(of_ana, kind="alerta")
        fill(of_ana, kind="sistema")
    found = [page["results"] for page in pages_of(as_ana, f"{URL}?kind=alerta&page_size=1")]
    assert [[row["kind"] for row in page] for page in found if page] == [["alerta"]] * 3


@pytest.mark.parametrize(
    "query", ["kind=festa", "kind=alerta&kind=x", "priority=ALTA", "unread=1", "archived=yes", "q=" + "a" * 101]
)
def test_a_filter_that_does_not_exist_is_400_and_named(as_ana, query):
    response = as_ana.get(f"{URL}?{query}")
    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert response.json()["detail"].startswith(query.partition("=")[0])


@pytest.mark.parametrize("position", [b"p=abc", b"p=1.5", b"o=x", b"p=%00", b"\xff\xfe", b"r=1&p="])
def test_a_page_cursor_that_no_answer_gave_is_400(as_ana, of_ana, position):
    fill(of_ana)
    response = as_ana.get(URL, {"page": base64.b64encode(position).decode()})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize(("position", "found"), [(b"p=" + b"9" * 30, 1), (b"p=-1", 0), (b"r=1&p=" + b"9" * 30, 0)])
def test_a_page_cursor_beyond_every_number_finds_what_lies_there(as_ana, of_ana, position, found):
    fill(of_ana)
    response = as_ana.get(URL, {"page": base64.b64encode(position).decode()})
    assert (response.status_code, len(response.json()["results"])) == (200, found)


def test_what_expired_is_neither_in_the_inbox_nor_caught_up(as_ana, of_ana):
    fill(of_ana, expires_at=timezone.now() - timedelta(seconds=1))
    assert as_ana.get(URL).json()["results"] == []
    assert as_ana.get(URL, {"after": at(0)}).json()["results"] == []


def test_the_number_of_queries_does_not_grow_with_the_page(as_ana, of_ana, django_assert_max_num_queries):
    fill(*[of_ana] * 100)
    with django_assert_max_num_queries(9):
        assert len(as_ana.get(URL, {"page_size": 100}).json()["results"]) == 100
