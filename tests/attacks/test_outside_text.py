"""What is no address, no key, no number, no moment: no door answers it by a fault, and none keeps it."""

import uuid
from urllib.parse import quote

import pytest
from django.conf import settings
from django.contrib import admin as site
from django.db import connection
from django.test import Client

from notificacao import audit
from notificacao.models import AuditEvent, Person
from notificacao.stream.request import StreamRequest
from tests.stream.test_request import scope

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

NO_ADDRESSES = ["unknown", "", "_hidden", "1.2.3", "1.2.3.4.5", "[::1", "evil\x00", "a" * 8_000, "999.1.1.1"]
NOT_IN_THE_COLUMN = [
    "\x00",
    "%00",
    "a\x00b",
    "9" * 30,
    "9" * 5_000,
    "000000001" + "9" * 30,
    "-" + "9" * 30,
    "9223372036854775808",
    "1e400",
    "NaN",
    "²",
    "9999999999999999999",
    "0001-01-01",
    "9999-12-31T23:59:59-12:00",
    "2026-02-30",
    "zz",
    "[]",
    "\ud7ff",
]


@pytest.fixture
def outside():
    """A browser that shows the error page where a view fails."""
    return Client(raise_request_exception=False)


@pytest.fixture
def admin(outside):
    outside.force_login(Person.objects.create_superuser("root", password="segredo-de-teste"))
    return outside


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_an_address_that_is_none_is_nobodys_at_every_door_that_notes_one(outside, ana, address):
    where = {"REMOTE_ADDR": address, "HTTP_X_REQUEST_ID": address}
    login = {"username": "ana", "password": "segredo-de-teste"}
    assert outside.post("/entrar/", login | {"password": "x"}, **where).status_code == 200
    assert outside.post("/admin/login/", login, **where).status_code == 200
    assert outside.post("/entrar/", login, **where).status_code == 302
    key = {"HTTP_AUTHORIZATION": "Api-Key abcdefgh." + "a" * 32}
    assert outside.post("/api/v1/notifications/", {}, "application/json", **key, **where).status_code == 401
    assert outside.get("/admin/notificacao/person/", **where).status_code in (302, 403)
    assert AuditEvent.objects.filter(action="logged_in", ip=None).exists()
    assert AuditEvent.objects.filter(action="producer_refused", ip=None).exists()
    assert not AuditEvent.objects.exclude(ip=None).exists()


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("unknown", None),
        (None, None),
    ],
)
def test_an_address_is_kept_in_its_one_form(told, kept):
    assert audit.address_in({"client": told and (told, 0)}) == kept


@pytest.mark.parametrize("text", NOT_IN_THE_COLUMN)
@pytest.mark.parametrize("door", ["/entrar/", "/admin/login/"])
def test_no_user_name_is_answered_by_a_fault(outside, ana, door, text):
    answer = outside.post(door, {"username": text, "password": text})
    assert answer.status_code == 200


@pytest.mark.parametrize("cookie", [r'"aaaaaaaa\000bbbb"', "é" * 32, "a" * 4_000, "", '"', "=;="])
@pytest.mark.parametrize("path", ["/notificacoes/", "/api/v1/session/", "/entrar/", "/health/live", "/admin/"])
def test_no_cookie_is_answered_by_a_fault(outside, path, cookie):
    answer = outside.get(path, headers={"cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}; csrftoken={cookie}"})
    assert answer.status_code < 500


def test_a_stream_takes_such_a_cookie_for_none():
    headers = [(b"cookie", rb'sessionid="aaaaaaaa\000bbbb"')]
    assert StreamRequest.of(scope() | {"headers": headers}).session_key == ""


@pytest.mark.parametrize("text", NOT_IN_THE_COLUMN)
def test_no_parameter_of_a_page_or_call_is_answered_by_a_fault(outside, ana, text):
    outside.force_login(ana)
    for path, names in [
        ("/notificacoes/", ("page", "page_size", "kind", "priority", "channel", "unread", "archived", "q")),
        (
            "/api/v1/notifications/",
            ("after", "limit", "channel", "page", "page_size", "kind", "priority", "unread", "q"),
        ),
        ("/api/v1/ably/channels/", ("after",)),
        (f"/api/v1/notifications/{uuid.UUID(int=7)}/why/", ("person",)),
    ]:
        for name in names:
            assert outside.get(path, {name: text}).status_code < 500, (path, name)
    for name, body in [("read-all", {"up_to": text}), ("read-all", {"up_to": f"abc.{text}"})]:
        assert outside.post(f"/api/v1/notifications/{name}/", body, "application/json").status_code < 500
    receipt = {"id": text, "transport": text, "held_ms": text}
    assert outside.post("/api/v1/receipts/", [receipt], "application/json").status_code == 400
    huge = {"id": str(uuid.uuid4()), "transport": "sse", "held_ms": 10**30}
    assert outside.post("/api/v1/receipts/", [huge], "application/json").status_code == 400


@pytest.mark.parametrize("text", NOT_IN_THE_COLUMN)
def test_no_such_text_limits_a_catch_up(outside, ana, text):
    outside.force_login(ana)
    position = outside.get("/api/v1/session/").json()["position"]
    answer = outside.get("/api/v1/notifications/", {"after": position, "limit": text})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


@pytest.mark.parametrize("seq", ["9223372036854775807", "9223372036854775808", "9999999999999999999"])
def test_a_place_beyond_any_log_is_refused(outside, ana, seq):
    outside.force_login(ana)
    epoch = outside.get("/api/v1/session/").json()["position"].partition(".")[0]
    assert outside.get("/api/v1/notifications/", {"after": f"{epoch}.{seq}"}).status_code in (400, 410)
    answer = outside.post("/api/v1/notifications/read-all/", {"up_to": f"{epoch}.{seq}"}, "application/json")
    assert answer.status_code < 500
    for epoch_named in (epoch, "f"):
        counted = outside.get("/api/v1/notifications/read-all/", {"up_to": f"{epoch_named}.{seq}"})
        assert counted.status_code == 200
        assert outside.post("/notificacoes/todas-lidas/", {"up_to": f"{epoch_named}.{seq}"}).status_code == 302


NO_UNDO = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00", "2026-W01-1", "", "\x00"]


@pytest.mark.parametrize("moment", NO_UNDO)
def test_a_moment_that_no_act_had_undoes_nothing_and_breaks_nothing(outside, ana, moment):
    outside.force_login(ana)
    assert outside.post("/notificacoes/todas-lidas/desfazer/", {"undo": moment}).status_code == 404
    answer = outside.post("/api/v1/notifications/read-all/undo/", {"undo": moment}, "application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


ADMINS = sorted(f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in site.site._registry)


NAMES = ["q", "id", "id__exact", "pk__in", "at__gte", "created_at__gte", "p", "o", "e", "action__exact"]
TAILS = ["change/", "history/", "delete/"]
IN_THE_ADMIN = ["\x00", "-" + "9" * 30, "9" * 5_000, "1e400", "9999-12-31T23:59:59-12:00", "zz", "\ud7ff"]


def faults(browser, path, text, names, tails):
    """The addresses below `path` that answer `text` by a fault."""
    row = f"{path}{quote(text, safe='', errors='replace')}/"
    answers = {f"{path}?{name}": browser.get(path, {name: text}) for name in names}
    answers |= {f"{row}{tail}": browser.get(f"{row}{tail}") for tail in tails}
    answers[f"{path} chosen"] = browser.post(path, {"action": "delete_selected", "_selected_action": text})
    return {address for address, answer in answers.items() if answer.status_code >= 500}


@pytest.mark.parametrize("text", IN_THE_ADMIN)
def test_no_address_of_the_admin_is_answered_by_a_fault(admin, text):
    """Each list is asked by two of the names, and each row by one of its pages, in turn from text to text."""
    first = IN_THE_ADMIN.index(text)
    for place, path in enumerate(ADMINS, first):
        names = [NAMES[place % len(NAMES)], NAMES[(place + 3) % len(NAMES)]]
        assert faults(admin, path, text, names, [TAILS[place % len(TAILS)]]) == set()


@pytest.mark.endurance
@pytest.mark.parametrize("text", IN_THE_ADMIN)
def test_no_address_of_the_admin_with_any_parameter_is_answered_by_a_fault(admin, text):
    for path in ADMINS:
        assert faults(admin, path, text, NAMES, TAILS) == set()


@pytest.mark.parametrize(
    "address",
    [
        "auditevent/?action__exact=%00",
        "auditevent/?q=a%00b",
        "breakerstate/%00/change/",
    ],
)
def test_the_admin_says_that_it_does_not_understand(admin, address):
    assert admin.get(f"/admin/notificacao/{address}").status_code == 400


@pytest.mark.parametrize("key", ["abc", "9" * 5_000])
def test_an_act_on_a_row_that_can_be_none_is_not_understood(admin, key):
    chosen = {"action": "delete_selected", "_selected_action": key}
    assert admin.post("/admin/auth/group/", chosen).status_code == 400


@pytest.mark.parametrize(
    "query",
    [{"pk__in": "1,9223372036854775808"}, {"pk__in": "-9223372036854775809"}, {"at__gte": "9999-12-31T23:59:59-12:00"}],
)
def test_what_sqlite_has_no_place_for_is_not_understood_there(admin, query):
    """PostgreSQL compares it, and finds nothing."""
    answer = admin.get("/admin/notificacao/auditevent/", query)
    assert answer.status_code == (400 if connection.vendor == "sqlite" else 200)
