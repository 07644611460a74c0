"""GET /api/v1/session/: where the page stands, and by which transport."""

import base64

import pytest
from django.utils import timezone

from notificacao import audiences, eventlog, keys, reading, signing
from notificacao.api import session as session_view
from notificacao.models import BreakerState, Channel, RolloutFlag
from tests.rows import write
from tests.stamping import stamp_all

URL = "/api/v1/session/"
ABLE = f"{URL}?ed25519=true"  # of a browser that verifies signatures


@pytest.fixture
def on_ably(db, settings):
    settings.ABLY_API_KEY = "semtas.local:secret-of-32-characters-xxxxxxxx"
    BreakerState.objects.filter(pk="ably").update(state="closed")
    RolloutFlag.objects.filter(name="ably").update(everyone=True)


def channels_in(answer):
    return {channel["name"]: channel for channel in answer["channels"]}


def test_the_session_tells_who_is_here_and_where_the_log_stands(as_ana, ana):
    write(audiences.channel_for_user(ana))
    stamp_all()
    response = as_ana.get(URL)
    answer = response.json()
    assert response.status_code == 200
    assert set(answer) == {"person", "login", "transport", "reason", "position", "channels", "unread", "ably", "stream"}
    assert answer["person"] == ana.public_id
    assert answer["position"] == str(eventlog.position())
    assert answer["unread"] == 1
    assert answer["stream"] == "/api/v1/stream/"


def test_each_login_has_a_word_of_its_own_that_does_not_tell_the_sessions_key(client, ana):
    words = []
    for _ in range(2):
        client.force_login(ana)
        words.append(client.get(URL).json()["login"])
        assert client.get(URL).json()["login"] == words[-1]
        assert client.session.session_key not in words[-1]
        client.logout()
    assert words[0] != words[1]


def test_a_session_by_sse_is_nine_queries(as_ana, django_assert_num_queries):
    with django_assert_num_queries(9):
        assert as_ana.get(URL).json()["transport"] == "sse"


def test_a_session_on_ably_asks_once_more_for_login_and_channels_and_for_nothing_else(
    as_ana, ana, on_ably, django_assert_num_queries
):
    Channel.objects.bulk_create(Channel(name=name) for name in audiences.channels_of([ana.pk])[ana.pk])
    with django_assert_num_queries(13):
        assert as_ana.get(ABLE).json()["transport"] == "ably"


def test_the_session_is_not_to_be_cached(as_ana):
    assert as_ana.get(URL)["Cache-Control"] == "no-store"


def test_the_channels_are_exactly_those_of_the_person_with_head_and_since(as_ana, ana, cras_norte, cras_sul):
    unit = audiences.channel_for_unit(cras_norte)
    for channel in (audiences.channel_for_unit(cras_sul), unit, unit):
        write(channel)
    stamp_all()
    channels = channels_in(as_ana.get(URL).json())
    assert {name: state["since"] for name, state in channels.items()} == audiences.channels_of([ana.pk])[ana.pk]
    assert channels[unit]["head"] == eventlog.position().seq
    assert channels[audiences.channel_for_user(ana)]["head"] == 0


def test_who_is_on_sse_gets_neither_an_address_at_ably_nor_a_key(as_ana):
    answer = as_ana.get(URL).json()
    assert (answer["transport"], answer["ably"]) == ("sse", None)
    assert {(s["key"], s["key_epoch"], *s["old_keys"]) for s in answer["channels"]} == {(None, None)}


def test_who_is_on_ably_gets_its_address_and_the_key_of_each_channel(as_ana, ana, on_ably, settings):
    settings.ABLY_ENDPOINT, settings.ABLY_PORT, settings.ABLY_TLS = "127.0.0.1", 8081, False
    own = audiences.channel_for_user(ana)
    Channel.objects.create(name=own, key_epoch=3)
    answer = as_ana.get(ABLE).json()
    assert answer["transport"] == "ably"
    assert answer["ably"] == {
        "endpoint": "127.0.0.1",
        "port": 8081,
        "tls": False,
        "client_id": ana.public_id,
        "signing_keys": signing.public_keys(),
    }
    channels = channels_in(answer)
    assert channels[own]["key_epoch"] == 3
    assert base64.b64decode(channels[own]["key"]) == keys.channel_key(own, 3)
    assert channels[audiences.SYSTEM_CHANNEL]["key_epoch"] == 1
    assert len({state["key"] for state in answer["channels"]}) == len(channels)


def test_after_a_renewal_the_key_before_is_given_too_for_what_is_under_way(as_ana, ana, on_ably):
    own = audiences.channel_for_user(ana)
    Channel.objects.create(name=own, key_epoch=3, key_renewed_at=timezone.now())
    channel = channels_in(as_ana.get(ABLE).json())[own]
    assert [base64.b64decode(key) for key in channel["old_keys"]] == [
        keys.channel_key(own, 2),
        keys.channel_key(own, 1),
    ]
    Channel.objects.filter(name=own).update(key_renewed_at=timezone.now() - keys.GRACE)
    assert channels_in(as_ana.get(ABLE).json())[own]["old_keys"] == []


def test_ablys_own_cloud_is_an_endpoint_of_null(as_ana, on_ably, settings):
    settings.ABLY_ENDPOINT = ""
    assert as_ana.get(ABLE).json()["ably"]["endpoint"] is None


def test_the_api_key_is_never_in_the_session(as_ana, on_ably):
    assert b"secret-of-32" not in as_ana.get(ABLE).content


@pytest.mark.parametrize("trouble", ["breaker open", "flag off", "no key"])
def test_the_transport_is_sse_where_ably_is_down_or_off_or_not_configured(as_ana, on_ably, settings, trouble):
    assert as_ana.get(ABLE).json()["transport"] == "ably"
    match trouble:
        case "breaker open":
            BreakerState.objects.filter(pk="ably").update(state="open")
        case "flag off":
            RolloutFlag.objects.filter(name="ably").update(everyone=False)
        case "no key":
            settings.ABLY_API_KEY = ""
    assert as_ana.get(ABLE).json()["transport"] == "sse"


def test_what_is_stamped_while_the_session_is_told_lies_after_its_position(as_ana, ana, monkeypatch):
    count = reading.unread

    def stamp_then_count(heard):
        write(audiences.channel_for_user(ana))
        stamp_all()
        return count(heard)

    before = eventlog.position()
    monkeypatch.setattr(session_view.reading, "unread", stamp_then_count)
    answer = as_ana.get(ABLE).json()
    assert (answer["position"], answer["unread"]) == (str(before), 1)
    assert eventlog.position().seq == before.seq + 1


def test_a_page_of_anas_does_and_reads_nothing_once_bia_is_logged_in(client, ana, bia):
    client.force_login(ana)
    word = client.get(URL).json()["login"]
    assert client.get(URL, headers={"X-Login": word}).status_code == 200
    client.force_login(bia)
    assert client.get(URL).status_code == 200
    assert client.get(URL, headers={"X-Login": word}).status_code == 401
    assert client.post("/api/v1/notifications/read-all/", headers={"X-Login": word}).status_code == 401


@pytest.mark.parametrize("said", ["", "?ed25519=false", "?ed25519=", "?ed25519=1", "?secure=true"])
def test_a_page_that_does_not_verify_what_is_signed_is_on_sse_and_gets_no_key(as_ana, on_ably, said):
    answer = as_ana.get(f"{URL}{said}").json()
    assert (answer["transport"], answer["reason"], answer["ably"]) == ("sse", "cannot_verify", None)
    assert {state["key"] for state in answer["channels"]} == {None}


def test_what_a_browser_cannot_do_is_told_before_ablys_health_and_after_the_flag(as_ana, on_ably):
    BreakerState.objects.filter(pk="ably").update(state="open")
    assert as_ana.get(URL).json()["reason"] == "cannot_verify"
    RolloutFlag.objects.filter(name="ably").update(everyone=False)
    assert as_ana.get(URL).json()["reason"] == "not_in_rollout"


def test_both_keys_are_told_while_one_takes_the_others_place_and_never_their_private_halves(as_ana, on_ably, settings):
    settings.SIGNING_KEYS = [base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2)]
    answer = as_ana.get(ABLE)
    assert answer.json()["ably"]["signing_keys"] == signing.public_keys()
    assert len({key["id"] for key in signing.public_keys()}) == 2
    for private in settings.SIGNING_KEYS:
        assert private not in answer.content.decode()
