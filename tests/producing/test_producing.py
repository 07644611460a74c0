"""POST /api/v1/notifications/: other systems send, within their scope, all or nothing."""

import json
import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from notificacao import audiences
from notificacao.api import producing as view
from notificacao.denials import Denials
from notificacao.models import AuditEvent, Membership, Notification, Person, Producer, ProducerKey, Role, Unit
from tests.conftest import make_person
from tests.producers import EVERYTHING, URL, WORDS, System, make_key, make_producer, to


@pytest.fixture
def system(ana, bia, caio, aluguel_social):
    return System(make_producer())


@pytest.fixture
def refusals(monkeypatch):
    """What is on record of refusals: nothing is folded away from the test before."""
    monkeypatch.setattr(view, "_denials", Denials(AuditEvent.Action.PRODUCER_REFUSED))
    return lambda: list(AuditEvent.objects.filter(action="producer_refused").values_list("who", "ip", "reason"))


def faults(response):
    """`[(index, field, code)]` of an answer that says that nothing was sent; and nothing was."""
    body = response.json()
    assert (response.status_code, body["code"]) == (400, "invalid")
    assert response["Content-Type"].startswith("application/problem+json")
    assert not Notification.objects.exists()
    assert all(set(fault) == {"index", "field", "code", "detail"} and fault["detail"] for fault in body["errors"])
    return [(fault["index"], fault["field"], fault["code"]) for fault in body["errors"]]


# --- What is sent


def test_one_notification_goes_to_all_its_recipients_as_one_event(system, ana, cras_norte, aluguel_social):
    asked = to(people=["ana"], units=["CRAS01"], benefits=["aluguel-social"], everybody=True)
    response = system.post(asked | {"priority": "alta", "link": "/x/", "data": {"n": 1}})
    rows = list(Notification.objects.order_by("pk"))
    assert response.status_code == 201
    assert response["Cache-Control"] == "no-store"
    assert response.json() == {
        "results": [{"event_id": str(rows[0].event_id), "ids": [str(row.public_id) for row in rows]}]
    }
    assert [row.channel for row in rows] == [
        audiences.channel_for_user(ana),
        audiences.channel_for_unit(cras_norte),
        audiences.channel_for_benefit(aluguel_social),
        audiences.SYSTEM_CHANNEL,
    ]
    assert {row.event_id for row in rows} == {rows[0].event_id}
    assert {(row.title, row.priority, row.link, row.data["n"]) for row in rows} == {
        ("Visita remarcada", "alta", "/x/", 1)
    }
    assert {(row.producer, row.created_by) for row in rows} == {(system.producer, None)}


def test_a_list_is_answered_in_its_order(system):
    response = system.post([to(people=["ana", "bia"]), to(units=["CRAS02"]), to(everybody=True)])
    results = response.json()["results"]
    assert [len(result["ids"]) for result in results] == [2, 1, 1]
    assert [uuid.UUID(i) for r in results for i in r["ids"]] == list(
        Notification.objects.order_by("pk").values_list("public_id", flat=True)
    )


def test_a_thousand_are_sent_with_no_query_for_each(system, django_assert_max_num_queries):
    with django_assert_max_num_queries(35):  # SQLite takes 1,000 values a statement
        response = system.post([to(people=["ana"])] * 1000)
    assert response.status_code == 201
    assert Notification.objects.count() == 1000


def test_an_event_of_the_catalogue_finds_its_own_recipients_and_words(system, ana, cras_norte, aluguel_social):
    coordinator = Person.objects.create_user("dora")
    Membership.objects.create(person=coordinator, role=Role.COORDENADOR, unit=cras_norte)
    matter = {"protocol": "2026-00017", "unit": "CRAS01", "benefit": "aluguel-social", "requester": "caio"}
    response = system.post({"event": "solicitacao.aprovada", "matter": matter})
    assert response.status_code == 201
    rows = Notification.objects.order_by("pk")
    assert {row.channel for row in rows} == {
        audiences.channel_for_user(Person.objects.get(username="caio")),
        audiences.channel_for_user(coordinator),
        audiences.channel_for_benefit(aluguel_social),
    }
    assert {(row.title, row.priority, row.link) for row in rows} == {
        ("Solicitação 2026-00017 aprovada", "alta", "/solicitacoes/2026-00017/")
    }


@pytest.mark.slow
def test_a_thousand_events_are_sent_with_no_query_for_each(system, django_assert_max_num_queries):
    event = {
        "event": "solicitacao.aprovada",
        "matter": {"protocol": "1", "unit": "CRAS01", "benefit": "aluguel-social"},
    }
    with django_assert_max_num_queries(40):
        assert system.post([event] * 1000).status_code == 201


def test_a_court_order_makes_it_urgent_and_a_moment_is_told_in_local_time(system):
    system.post({"event": "solicitacao.atribuida", "matter": {"protocol": "1", "tecnico": "ana", "court_order": True}})
    assert Notification.objects.get().priority == "alta"
    response = system.post({"event": "manutencao.programada", "matter": {"moment": "2026-11-25T22:00:00-03:00"}})
    assert response.status_code == 201
    assert Notification.objects.last().title == "Manutenção programada: 25/11 às 22:00"


def test_what_was_sent_is_on_record_with_the_key_and_without_its_words(system):
    system.post([to(people=["ana", "bia"]), to(everybody=True)])
    event = AuditEvent.objects.get()
    prefix = system.key.partition(".")[0]
    assert (event.action, event.who, event.ip) == ("producer_sent", "producer:beneficios", "127.0.0.1")
    assert event.data == {"key": prefix, "notifications": 2, "rows": 3}


# --- What is wrong is named, and keeps all from being sent


def test_one_wrong_notification_among_many_is_named_by_index_and_nothing_is_sent(system):
    asked = [
        to(people=["ana"]),
        to(people=["ana"]) | {"title": "x" * 101, "link": "javascript:1"},
        to(people=["nobody"]),
    ]
    assert faults(system.post(asked)) == [(1, "title", "invalid"), (1, "link", "invalid")]
    assert faults(system.post([asked[0], asked[2]])) == [(1, "recipients.people.0", "unknown_recipient")]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (to(people=["ana"], units=["CRAS02", "CRAS01"]), "recipients.units.1"),
        (
            {"event": "solicitacao.atribuida", "matter": {"protocol": "1", "tecnico": "ana", "unit": "CRAS01"}},
            "matter.unit",
        ),
    ],
    ids=["in its own words", "an event"],
)
@pytest.mark.usefixtures("ana", "cras_sul")
def test_an_inactive_unit_is_named_and_nothing_is_sent_until_it_is_active(system, cras_norte, asked, field):
    Unit.objects.filter(pk=cras_norte.pk).update(status=Unit.Status.INACTIVE)
    Notification.objects.all().delete()  # of the closing
    assert faults(system.post(asked)) == [(0, field, "inactive_unit")]
    Unit.objects.filter(pk=cras_norte.pk).update(status=Unit.Status.ACTIVE)
    assert system.post(asked).status_code == 201


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, [(0, "title", "invalid"), (0, "message", "invalid"), (0, "recipients", "invalid")]),
        (7, [(0, "body", "invalid")]),
        (None, [(0, "body", "invalid")]),
        ("text", [(0, "body", "invalid")]),
        ([[]], [(0, "body", "invalid")]),
        (WORDS | {"recipients": {}}, [(0, "channels", "invalid")]),
        (to(people=["ana"]) | {"kind": "festa"}, [(0, "kind", "invalid")]),
        (to(people=["ana"]) | {"created_by": 1}, [(0, "created_by", "invalid")]),
        (to(people=["ana"]) | {"seq": 1}, [(0, "seq", "invalid")]),
        (to(people=["ana"]) | {"channels": ["system:notifications"]}, [(0, "channels", "invalid")]),
        (to(people="ana"), [(0, "recipients.people", "invalid")]),
        (to(people=["a"] * 201), [(0, "recipients.people", "invalid")]),
        (to(people=["ana"]) | {"message": "x" * 501}, [(0, "message", "invalid")]),
        (to(people=["ana"]) | {"data": []}, [(0, "data", "invalid")]),
        (to(people=["ana"]) | {"data": {"a": "x" * 4097}}, [(0, "data", "invalid")]),
        (to(people=["ana"]) | {"expires_at": "9999-12-31T23:59:59-23:59"}, [(0, "expires_at", "invalid")]),
        (to(people=["ana"]) | {"title": "a\u0000b"}, [(0, "title", "invalid")]),
        (to(units=["\u0000"]), [(0, "recipients.units.0", "invalid")]),
        (to(units=["CRAS01"]) | {"title": "CPF 529.982.247-25"}, [(0, "title", "personal_data")]),
        ({"event": "festa.junina"}, [(0, "event", "unknown_event")]),
        ({"event": "solicitacao.atribuida"}, [(0, "channels", "invalid")]),
        (
            {"event": "solicitacao.atribuida", "matter": {"tecnico": "ana"}},
            [(0, "protocol", "invalid")],
        ),
        (
            {"event": "solicitacao.atribuida", "matter": {"tecnico": "nobody", "unit": "X", "benefit": "y"}},
            [(0, f"matter.{field}", "unknown_recipient") for field in ("tecnico", "unit", "benefit")],
        ),
        (
            {"event": "manutencao.programada", "matter": {"moment": "2026-11-25T22:00:00"}},
            [(0, "matter.moment", "invalid")],
        ),
        (
            {"event": "manutencao.programada", "matter": {"moment": "0001-01-01T00:00:00Z"}},
            [(0, "matter.moment", "invalid")],
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_its_field(system, asked, found):
    assert faults(system.post(json.dumps(asked))) == found


@pytest.mark.parametrize("asked", [[], [to(people=["ana"])] * 1001])
def test_no_notification_and_more_than_a_thousand_are_refused(system, asked):
    response = system.post(asked)
    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert not Notification.objects.exists()


def test_more_recipients_than_one_request_may_have_are_refused(system):
    too_many = [to(people=["ana"] * 200)] * 26
    assert faults(system.post(too_many)) == [(25, "recipients", "too_many_recipients")]


def test_somebody_inactive_is_nobody(system, ana):
    Person.objects.filter(pk=ana.pk).update(is_active=False)
    assert faults(system.post(to(people=["ana"]))) == [(0, "recipients.people.0", "unknown_recipient")]


@pytest.mark.parametrize("kept", ["jos\u00e9", "jose\u0301"])
@pytest.mark.parametrize("asked", ["jos\u00e9", "jose\u0301", "\uff4aos\u00e9"])
def test_a_user_name_is_found_however_its_accents_are_encoded(system, kept, asked):
    jose = Person.objects.create_user("x")
    jose.username = kept
    jose.save()
    assert jose.username == "jos\u00e9"
    assert system.post(to(people=[asked])).status_code == 201
    assert Notification.objects.filter(channel=audiences.channel_for_user(jose)).exists()
    assert list(Person.named(asked)) == [jose]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "parse_error"),
        (b"[" * 100_000, 400, "parse_error"),
        (b'{"title": "\xff"}', 400, "parse_error"),
        (b'{"data": {"a": NaN}}', 400, "parse_error"),
        (b" " * 8_388_609, 413, "too_large"),
    ],
)
def test_a_body_that_is_no_json_or_too_large_is_refused(system, body, status, code):
    response = system.post(body)
    assert (response.status_code, response.json()["code"]) == (status, code)


# --- Who may send what


def scoped(**scope):
    return System(make_producer("restrito", **({name: type(value)() for name, value in EVERYTHING.items()} | scope)))


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (to(people=["ana"]), "recipients.people"),
        (to(units=["CRAS01"]), "recipients.units"),
        (to(benefits=["aluguel-social"]), "recipients.benefits"),
        (to(everybody=True), "recipients.everybody"),
    ],
)
def test_what_the_scope_does_not_name_is_refused_whether_it_exists_or_not(system, asked, field):
    restricted = scoped(kinds=["acompanhamento"])
    assert faults(restricted.post(asked)) == [(0, field, "not_in_scope")]
    unknown = {name: ["nobody"] if isinstance(v, list) else v for name, v in asked["recipients"].items()}
    assert faults(restricted.post(asked | {"recipients": unknown})) == [(0, field, "not_in_scope")]


def test_kinds_and_events_are_those_of_the_scope(system):
    restricted = scoped(kinds=["sistema"], events=["solicitacao.atribuida"], to_people=True)
    assert faults(restricted.post(to(people=["ana"]))) == [(0, "kind", "not_in_scope")]
    assert faults(restricted.post({"event": "manutencao.iniciada"})) == [(0, "event", "not_in_scope")]
    matter = {"protocol": "1", "tecnico": "ana"}
    assert restricted.post({"event": "solicitacao.atribuida", "matter": matter}).status_code == 201


def test_with_units_of_its_own_a_system_reaches_no_other_and_not_who_works_in_others_alone(system, cras_norte):
    restricted = scoped(kinds=["acompanhamento"], to_people=True, to_units=True, events=["solicitacao.atribuida"])
    restricted.producer.units.add(cras_norte)
    Person.objects.create_user("cidada")
    assert faults(restricted.post(to(units=["CRAS02"]))) == [(0, "recipients.units.0", "unknown_recipient")]
    assert faults(restricted.post(to(people=["caio"]))) == [(0, "recipients.people.0", "unknown_recipient")]
    matter = {"protocol": "1", "tecnico": "ana", "unit": "CRAS02"}
    assert faults(restricted.post({"event": "solicitacao.atribuida", "matter": matter})) == [
        (0, "matter.unit", "unknown_recipient")
    ]
    assert restricted.post(to(units=["CRAS01"], people=["ana", "cidada"])).status_code == 201


# --- Keys


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({}, "key_required"),
        ({"Authorization": "Bearer x"}, "key_required"),
        ({"Authorization": "Api-Key x"}, "key_invalid"),
        ({"Authorization": "Api-Key \x00.x"}, "key_invalid"),
        ({"Authorization": f"Api-Key {'a' * 8}.{'b' * 32}"}, "key_invalid"),
    ],
)
def test_without_a_key_that_is_good_nothing_is_sent(db, client, header, code, refusals):
    response = client.post(URL, to(everybody=True), content_type="application/json", headers=header)
    assert (response.status_code, response.json()["code"]) == (401, code)
    assert response["WWW-Authenticate"] == "Api-Key"
    assert not Notification.objects.exists()
    assert len(refusals()) == (code == "key_invalid")


def test_a_login_is_no_key_and_a_key_is_no_login(system, ana):
    person = Client()
    person.force_login(ana)
    assert person.post(URL, to(everybody=True), content_type="application/json").json()["code"] == "key_required"
    with_key = Client(headers={"Authorization": f"Api-Key {system.key}"})
    for address in (URL, "/api/v1/session/"):
        assert with_key.get(address).json()["code"] == "not_authenticated"


@pytest.mark.parametrize("reason", ["revoked", "expired", "producer inactive", "another secret"])
def test_a_key_that_is_not_good_any_more_is_refused_in_the_same_words_and_on_record(system, reason, refusals):
    match reason:
        case "revoked":
            ProducerKey.objects.update(revoked=True)
        case "expired":
            ProducerKey.objects.update(expiry_date=timezone.now() - timedelta(seconds=1))
        case "producer inactive":
            Producer.objects.update(is_active=False)
        case "another secret":
            system.key = system.key[:-1] + ("a" if system.key[-1] != "a" else "b")
    response = system.post(to(everybody=True))
    assert (response.status_code, response.json()["code"]) == (401, "key_invalid")
    assert response.json()["detail"] == "Esta chave não vale: confira se expirou ou foi revogada."
    ((who, _, why),) = refusals()
    assert why.removeprefix("key ") in ("unknown or revoked", reason)
    assert who == ("producer:beneficios" if reason in ("expired", "producer inactive") else "")


def test_guesses_at_keys_are_limited_by_address_told_of_and_keep_no_good_key_out(
    system, refusals, settings, time_stands_still
):
    settings.RATE_KEYS, settings.ALARM_REFUSALS = (10, 3), 4
    make_person("dora", Role.AUDITOR)
    guesses = [System(system.producer, key=f"{number:08}.{'b' * 32}") for number in range(6)]
    answers = [guess.post(to(everybody=True)) for guess in guesses]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429, 429]
    assert (answers[-1].json()["code"], answers[-1]["Retry-After"]) == ("throttled", "6")
    assert {(who, ip) for who, ip, _ in refusals()} == {("", "127.0.0.1")}
    raised = AuditEvent.objects.get(action="alarm_raised")
    assert (raised.who, raised.ip, raised.data) == ("", "127.0.0.1", {"told": 1})
    elsewhere = Client(headers={"Authorization": f"Api-Key {guesses[0].key}"}, REMOTE_ADDR="10.0.0.7")
    assert elsewhere.post(URL, to(everybody=True), content_type="application/json").status_code == 401
    assert system.post(to(everybody=True)).status_code == 201


def test_the_table_holds_no_key_only_a_hash(system):
    row = ProducerKey.objects.values().get()
    assert system.key.partition(".")[2] not in str(row)
    assert row["hashed_key"].startswith("sha512$$")


def test_when_a_key_was_used_is_noted_once_a_minute(system, django_assert_num_queries):
    system.post(to(everybody=True))
    used = ProducerKey.objects.get().last_used_at
    assert timezone.now() - used < timedelta(minutes=1)
    system.post(to(everybody=True))
    assert ProducerKey.objects.get().last_used_at == used


def test_two_keys_of_a_producer_are_good_side_by_side(system):
    other = System(system.producer, make_key(system.producer))
    assert [s.post(to(everybody=True)).status_code for s in (system, other)] == [201, 201]


# --- How often


def test_a_producer_that_asks_too_often_is_told_when_to_come_back_whichever_key_it_uses(
    system, settings, refusals, time_stands_still
):
    settings.RATE_SYSTEM = (6, 2)
    other_key = System(system.producer, make_key(system.producer))
    other_producer = System(make_producer("pagamentos"))
    assert [s.post(to(everybody=True)).status_code for s in (system, other_key, system)] == [201, 201, 429]
    refused = other_key.post(to(everybody=True))
    assert refused.json()["code"] == "throttled"
    assert refused["Retry-After"] == "10"
    assert other_producer.post(to(everybody=True)).status_code == 201
    assert refusals() == [("producer:beneficios", "127.0.0.1", "throttled")]


def test_what_was_refused_is_on_record_by_its_code(system, refusals):
    system.post({"event": "festa.junina"})
    assert refusals() == [("producer:beneficios", "127.0.0.1", "invalid")]
