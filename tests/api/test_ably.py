"""POST /api/v1/ably/token/: who gets a token, and what the answer says of it."""

from datetime import UTC, datetime

import jwt
import pytest
from django.test import Client
from structlog.testing import capture_logs

from notificacao import audiences, metrics
from notificacao.api import ably as ably_view
from notificacao.denials import Denials
from notificacao.models import Alert, AuditEvent, BreakerState, Membership, RolloutFlag
from notificacao.revocations import revocation_key

URL = "/api/v1/ably/token/"
UNVERIFIED = "/api/v1/ably/unverified/"
SECRET = "secret-of-32-characters-xxxxxxxx"


@pytest.fixture
def on_ably(db, settings):
    settings.ABLY_API_KEY = f"semtas.local:{SECRET}"
    BreakerState.objects.filter(pk="ably").update(state="closed")
    RolloutFlag.objects.filter(name="ably").update(everyone=True)


def test_the_answer_is_a_token_and_what_it_says(as_ana, ana, on_ably):
    response = as_ana.post(URL)
    answer = response.json()
    claims = jwt.decode(answer["token"], SECRET, algorithms=["HS256"])
    assert response.status_code == 200
    assert set(answer) == {"token", "expires_at", "capability"}
    assert answer["capability"] == {name: ["subscribe"] for name in audiences.channels_of([ana.pk])[ana.pk]}
    assert answer["expires_at"].endswith(".000Z")
    assert datetime.fromisoformat(answer["expires_at"]) == datetime.fromtimestamp(claims["exp"], UTC)


def test_a_token_is_thirteen_queries_and_the_same_one_again_eight(as_ana, on_ably, django_assert_num_queries):
    """The login's two, flag with breaker, two for channels, one for revocations, and two for the login at the end.

    A new one asks for revocations, time and channels in this order, and is recorded.
    """
    with django_assert_num_queries(13):
        first = as_ana.post(URL).json()
    with django_assert_num_queries(8):
        assert as_ana.post(URL).json() == first


def test_a_token_is_not_to_be_cached(as_ana, on_ably):
    assert as_ana.post(URL)["Cache-Control"] == "no-store"


def test_the_token_can_be_revoked_with_this_login(as_ana, on_ably):
    claims = jwt.decode(as_ana.post(URL).json()["token"], SECRET, algorithms=["HS256"])
    assert claims["x-ably-revocation-key"] == revocation_key(as_ana.session.session_key)


def test_two_logins_of_one_person_have_two_revocation_keys(client, ana, on_ably):
    found = set()
    for _ in range(2):
        client.force_login(ana)
        token = client.post(URL).json()["token"]
        found.add(jwt.decode(token, SECRET, algorithms=["HS256"])["x-ably-revocation-key"])
        client.logout()
    assert len(found) == 2


@pytest.mark.parametrize("reason", ["flag off", "no key"])
def test_who_is_not_on_ably_is_told_so_and_gets_no_token(as_ana, on_ably, settings, reason):
    if reason == "no key":
        settings.ABLY_API_KEY = ""
    else:
        RolloutFlag.objects.filter(name="ably").update(everyone=False)
    response = as_ana.post(URL)
    assert (response.status_code, response.json()["code"]) == (409, "not_in_rollout")
    assert "token" not in response.json()


def test_while_the_breaker_is_open_tokens_are_still_given_to_tabs_that_renew_theirs(as_ana, on_ably):
    BreakerState.objects.filter(pk="ably").update(state="open")
    assert as_ana.post(URL).status_code == 200


def test_nobody_gets_a_token_for_channels_they_ask_for(as_ana, on_ably, bia):
    wanted = audiences.channel_for_user(bia)
    answer = as_ana.post(f"{URL}?channel={wanted}", {"capability": {wanted: ["*"]}}, content_type="application/json")
    assert wanted not in answer.json()["capability"]


def test_the_next_token_lacks_what_a_change_of_memberships_took_away(as_ana, ana, on_ably, cras_norte):
    unit = audiences.channel_for_unit(cras_norte)
    assert unit in as_ana.post(URL).json()["capability"]
    Membership.objects.filter(person=ana).delete()
    assert unit not in as_ana.post(URL).json()["capability"]


def test_a_token_is_never_to_be_had_by_get(as_ana, on_ably):
    response = as_ana.get(URL)
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")


# --- Refusals


@pytest.fixture
def refusals(monkeypatch):
    """What is on record of refusals: nothing is folded away from the test before."""
    monkeypatch.setattr(ably_view, "_denials", Denials(AuditEvent.Action.TOKEN_REFUSED))
    return lambda: list(AuditEvent.objects.filter(action="token_refused").values_list("who", "ip", "reason"))


def test_somebody_who_is_not_logged_in_is_refused_and_that_is_on_record(client, on_ably, refusals):
    assert client.post(URL).status_code == 401
    assert refusals() == [("", "127.0.0.1", "not_authenticated")]


def test_who_is_not_in_the_rollout_is_on_record(as_ana, ana, on_ably, refusals):
    RolloutFlag.objects.filter(name="ably").update(everyone=False)
    as_ana.post(URL)
    assert refusals() == [(ana.public_id, "127.0.0.1", "not_in_rollout")]


def test_a_request_forged_by_another_site_is_refused_and_that_is_on_record(ana, on_ably, refusals):
    client = Client(enforce_csrf_checks=True)
    client.force_login(ana)
    assert client.post(URL).status_code == 403
    assert refusals() == [("", "127.0.0.1", "permission_denied")]


def test_who_asks_too_often_is_told_when_to_come_back_and_that_is_on_record(as_ana, ana, on_ably, settings, refusals):
    settings.ABLY_TOKENS_PER_MINUTE = 2
    assert [as_ana.post(URL).status_code for _ in range(3)] == [200, 200, 429]
    response = as_ana.post(URL)
    assert response.json()["code"] == "throttled"
    assert 0 < int(response["Retry-After"]) <= 60
    assert refusals() == [(ana.public_id, "127.0.0.1", "throttled")]


def test_one_person_who_asks_too_often_keeps_nobody_else_out(as_ana, bia, on_ably, settings):
    settings.ABLY_TOKENS_PER_MINUTE = 1
    assert [as_ana.post(URL).status_code for _ in range(2)] == [200, 429]
    other = Client()
    other.force_login(bia)
    assert other.post(URL).status_code == 200


def test_a_token_that_was_given_is_on_record_once_for_all_pages_of_the_login(as_ana, ana, on_ably):
    for _ in range(3):
        as_ana.post(URL)
    assert [(e.action, e.who, e.ip) for e in AuditEvent.objects.all()] == [("token_issued", ana.public_id, "127.0.0.1")]


def test_what_pages_did_not_believe_is_counted_by_reason_and_logged(as_ana, ana):
    def counted(reason):
        return metrics.ABLY_UNVERIFIED.labels(reason)._value.get()

    before = counted("wrong"), counted("unsigned")
    with capture_logs() as logged:
        response = as_ana.post(UNVERIFIED, {"reason": "wrong", "count": 3}, content_type="application/json")
    assert (response.status_code, response.json()) == (200, {"recorded": 3})
    assert (counted("wrong"), counted("unsigned")) == (before[0] + 3, before[1])
    [said] = [one for one in logged if one["event"] == "ably_unverified"]
    assert (said["reason"], said["count"], said["person"]) == ("wrong", 3, ana.public_id)


@pytest.mark.parametrize(("reasons", "opened"), [(["unknown_key"], 0), (["wrong"], 1), (["unsigned", "wrong"], 1)])
def test_what_this_server_did_not_sign_opens_an_alert_once_and_a_change_of_keys_opens_none(as_ana, reasons, opened):
    for reason in reasons:
        as_ana.post(UNVERIFIED, {"reason": reason, "count": 1}, content_type="application/json")
    assert Alert.objects.filter(name="SignaturesRefused", closed_at=None).count() == opened


@pytest.mark.parametrize(
    "told", [{}, {"reason": "other", "count": 1}, {"reason": "wrong", "count": 0}, {"reason": "wrong", "count": 2e9}]
)
def test_what_a_page_cannot_have_seen_is_refused(as_ana, told):
    assert as_ana.post(UNVERIFIED, told, content_type="application/json").status_code == 400
