"""Refusals: on record from every door, and nobody can fill the disk with them."""

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import reverse

from notificacao import denials, login
from notificacao.denials import Denials
from notificacao.models import AuditEvent
from notificacao.services import notify
from tests.staff import make_staff

pytestmark = pytest.mark.django_db
REFUSED = AuditEvent.Action.TOKEN_REFUSED


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(denials.time, "monotonic", lambda: now[0])
    return now


ALIKE = {"who": "", "ip": "10.0.0.1", "reason": "not_authenticated"}


def test_a_flood_of_refusals_alike_is_one_row_a_minute_with_their_number(clock):
    kept = Denials(REFUSED)
    for _ in range(500):
        kept.record(**ALIKE)
    assert [event.data for event in AuditEvent.objects.all()] == [{}]
    clock[0] += 60
    kept.record(**ALIKE)
    assert [event.data for event in AuditEvent.objects.all()] == [{"alike_before": 499}, {}]


@pytest.mark.parametrize("other", [{"who": "ana"}, {"ip": "10.0.0.2"}, {"reason": "throttled"}])
def test_another_person_address_or_reason_is_another_row(clock, other):
    kept = Denials(REFUSED)
    kept.record(**ALIKE)
    kept.record(**ALIKE | other)
    assert AuditEvent.objects.count() == 2


def test_what_is_kept_of_refusals_is_bounded(clock):
    kept = Denials(REFUSED)
    for number in range(1_100):
        kept.record(**ALIKE | {"ip": f"10.0.{number // 250}.{number % 250}"})
    assert len(kept._lately) == 1_000
    assert AuditEvent.objects.count() == 1_100


# --- Every door


@pytest.fixture(autouse=True)
def nobody_was_refused_yet(monkeypatch):
    monkeypatch.setattr(denials, "_access", Denials(AuditEvent.Action.ACCESS_DENIED))
    monkeypatch.setattr(login, "_denials", Denials(AuditEvent.Action.LOGIN_FAILED))


def recorded() -> list[tuple[str, str, str, str]]:
    return [(event.action, event.who, event.ip, event.reason) for event in AuditEvent.objects.order_by("pk")]


HERE = "127.0.0.1"


def test_who_is_not_logged_in_is_on_record_at_the_api(client):
    client.get("/api/v1/session/")
    assert recorded() == [("access_denied", "", HERE, "not_authenticated session")]


def test_who_asks_for_anothers_notification_is_on_record_at_the_api_and_on_its_page(as_ana, ana, caio, of_ana):
    (row,) = notify([of_ana], title="De ana", message="Só dela.")
    caios = Client()
    caios.force_login(caio)
    caios.post(reverse("read", args=[row.public_id]))
    caios.get(reverse("notification", args=[row.public_id]))
    caios.post(reverse("page-act", args=[row.public_id, "lida"]))
    assert recorded() == [
        ("access_denied", caio.public_id, HERE, f"not_found {name}") for name in ("read", "notification", "page-act")
    ]


def test_who_comes_too_often_is_on_record(as_ana, ana, settings, time_stands_still):
    settings.RATE_CALLS, settings.RATE_STAFF = 1, (1, 1)
    for _ in range(2):
        as_ana.get("/api/v1/session/")
    assert recorded() == [("access_denied", ana.public_id, HERE, "throttled session")]


def test_who_may_not_see_a_page_of_the_admin_is_on_record(client):
    dora = make_staff("dora", "view_unit")
    client.force_login(dora)
    people = "admin:notificacao_person_changelist"
    assert client.get(reverse(people)).status_code == 403
    assert recorded() == [("access_denied", dora.public_id, HERE, f"permission_denied {people}")]


def test_a_form_of_another_site_is_on_record(ana):
    forger = Client(enforce_csrf_checks=True)
    forger.force_login(ana)
    assert forger.post("/sair/").status_code == 403
    assert recorded()[0][3].startswith("forged")


@pytest.mark.parametrize("address", ["/entrar/", "/admin/login/"])
def test_logins_are_on_record_and_a_name_that_is_nobodys_is_not(client, admin_user, address):
    for name, password in (("admin", "errada"), ("segredo digitado no lugar do nome", "x"), ("admin", "password")):
        client.post(address, {"username": name, "password": password})
    assert recorded() == [
        ("login_failed", admin_user.public_id, HERE, "invalid_login"),
        ("login_failed", "", HERE, "invalid_login"),
        ("logged_in", admin_user.public_id, HERE, ""),
    ]
    assert "segredo" not in str(list(AuditEvent.objects.values()))


def test_while_the_database_takes_nothing_a_refusal_stands(client, monkeypatch):
    def away(*args, **fields):
        raise OperationalError

    monkeypatch.setattr(denials.audit, "record", away)
    assert client.get("/api/v1/session/").status_code == 401
