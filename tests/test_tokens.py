"""Ably tokens: what the JWT says, for exactly which channels, and how it can be taken back."""

import json
import time
from datetime import UTC, datetime

import jwt
import pytest

from notificacao import audiences, tokens
from notificacao.models import BenefitType, Membership, Role
from notificacao.tokens import generate_token, revocation_key, validate_channel_access
from tests.conftest import make_person

KEY_NAME, SECRET = "semtas.local", "secret-of-32-characters-xxxxxxxx"
SESSION_KEY = "sessao-de-ana-0123456789"


@pytest.fixture(autouse=True)
def ably(settings):
    settings.ABLY_API_KEY = f"{KEY_NAME}:{SECRET}"
    settings.ABLY_TOKEN_TTL = 900


def claims_of(token):
    return jwt.decode(token.token, SECRET, algorithms=["HS256"])


def capability_of(person):
    return json.loads(claims_of(generate_token(person, SESSION_KEY))["x-ably-capability"])


def test_the_header_names_the_key_and_never_its_secret(ana):
    token = generate_token(ana, SESSION_KEY).token
    assert jwt.get_unverified_header(token) == {"typ": "JWT", "alg": "HS256", "kid": KEY_NAME}
    assert SECRET not in token


def test_a_token_is_signed_with_the_keys_secret_alone(ana):
    token = generate_token(ana, SESSION_KEY).token
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, "another-secret-of-32-characters-x", algorithms=["HS256"])
    assert jwt.decode(token, SECRET, algorithms=["HS256"])["x-ably-clientId"] == ana.public_id


def test_the_claims_are_these_and_no_others(ana):
    claims = claims_of(generate_token(ana, SESSION_KEY))
    assert set(claims) == {"iat", "exp", "x-ably-capability", "x-ably-clientId", "x-ably-revocation-key"}
    assert claims["x-ably-clientId"] == audiences.client_id_for(ana)
    assert claims["x-ably-revocation-key"] == revocation_key(SESSION_KEY)


@pytest.mark.parametrize("ttl", [60, 900])
def test_a_token_lives_as_long_as_the_settings_say(ana, settings, monkeypatch, ttl):
    settings.ABLY_TOKEN_TTL = ttl
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.9)
    token = generate_token(ana, SESSION_KEY)
    claims = jwt.decode(token.token, SECRET, algorithms=["HS256"], options={"verify_iat": False})
    assert (claims["iat"], claims["exp"]) == (2_000_000_000, 2_000_000_000 + ttl)
    assert token.expires_at == datetime.fromtimestamp(2_000_000_000 + ttl, UTC)


@pytest.mark.parametrize("role", Role.values)
def test_the_capability_is_the_channels_of_the_person_to_subscribe_and_nothing_else(cras_norte, cras_sul, role):
    BenefitType.objects.create(slug="aluguel-social", name="Aluguel social").units.add(cras_norte)
    person = make_person("alguem", role, cras_norte if role in Role.of_a_unit() else None)
    heard = audiences.channels_of([person.pk])[person.pk]
    assert capability_of(person) == {channel: ["subscribe"] for channel in heard}
    assert generate_token(person, SESSION_KEY).capability == capability_of(person)


def test_whoever_hears_every_unit_has_them_named_one_by_one_and_no_wildcard(cras_norte, cras_sul):
    names = set(capability_of(make_person("gestora", Role.GESTOR)))
    assert {audiences.channel_for_unit(cras_norte), audiences.channel_for_unit(cras_sul)} < names
    assert not any(set(name) & set("*[],") for name in names)


def test_a_membership_that_ended_is_not_in_the_next_token(ana, cras_norte):
    unit = audiences.channel_for_unit(cras_norte)
    assert unit in capability_of(ana)
    ana.memberships.all().delete()
    assert unit not in capability_of(ana)


def test_somebody_inactive_gets_a_token_for_nothing(ana):
    ana.is_active = False
    ana.save()
    assert capability_of(ana) == {}


def test_the_moment_of_issue_is_taken_before_the_memberships_are_read(ana, monkeypatch):
    clock = iter(range(2_000_000_000, 2_000_000_100))
    monkeypatch.setattr(time, "time", lambda: next(clock))
    read_at = []

    def channels_of(people):
        read_at.append(time.time())
        return {ana.pk: {}}

    monkeypatch.setattr(tokens.audiences, "channels_of", channels_of)
    token = generate_token(ana, SESSION_KEY).token
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_iat": False})
    assert claims["iat"] < read_at[0]


def test_each_login_has_a_revocation_key_of_its_own_that_does_not_tell_the_session(ana):
    first, second = (claims_of(generate_token(ana, key))["x-ably-revocation-key"] for key in (SESSION_KEY, "outra"))
    assert first != second
    assert SESSION_KEY not in first
    assert SESSION_KEY not in generate_token(ana, SESSION_KEY).token
    assert revocation_key(SESSION_KEY) == first


def test_a_revocation_key_has_only_characters_that_a_target_may_have():
    keys = {revocation_key(session_key) for session_key in ("", "a", "b:*", "ç" * 99)}
    assert len(keys) == 4
    assert all(key.isalnum() and key.isascii() and len(key) == 32 for key in keys)


def test_access_is_to_exactly_the_channels_of_the_person(ana, bia, cras_norte, cras_sul):
    assert validate_channel_access(ana, audiences.channel_for_user(ana))
    assert validate_channel_access(ana, audiences.channel_for_unit(cras_norte))
    assert validate_channel_access(ana, audiences.SYSTEM_CHANNEL)
    assert not validate_channel_access(ana, audiences.channel_for_user(bia))
    assert not validate_channel_access(ana, audiences.channel_for_unit(cras_sul))


def test_a_name_that_begins_like_an_allowed_one_is_another_name(ana, bia):
    for person, public_id in ((ana, "1"), (bia, "10")):
        person.public_id = public_id
        person.save()
    assert validate_channel_access(ana, "private:user:1:notifications")
    assert validate_channel_access(bia, "private:user:10:notifications")
    assert not validate_channel_access(ana, "private:user:10:notifications")
    assert not validate_channel_access(bia, "private:user:1:notifications")


@pytest.mark.parametrize(
    "disguise",
    [
        "{}x",
        "{} ",
        " {}",
        "{}\n",
        "{}:more",
        "[meta]{}",
        "[?rewind=1]{}",
        "{0},{0}",
        "private:*",
        "*",
        "",
        "private:user:*:notifications",
    ],
)
def test_what_only_looks_like_an_allowed_name_is_refused(ana, disguise):
    own = audiences.channel_for_user(ana)
    assert not validate_channel_access(ana, disguise.format(own))
    assert not validate_channel_access(ana, own.upper())


def test_access_ends_with_the_membership_and_with_the_account(ana, cras_norte):
    unit, own = audiences.channel_for_unit(cras_norte), audiences.channel_for_user(ana)
    Membership.objects.filter(person=ana).delete()
    assert not validate_channel_access(ana, unit)
    assert validate_channel_access(ana, own)
    ana.is_active = False
    ana.save()
    assert not validate_channel_access(ana, own)
