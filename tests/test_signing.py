"""What is signed, byte for byte, and what is not believed. tests/js/live/signature.test.js reads the same vectors."""

import base64
import dataclasses
import itertools
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.exceptions import ImproperlyConfigured

from notificacao import signing
from notificacao.signing import Place
from tests.settings_file import run_settings

VECTORS = json.loads((Path(__file__).parent / "vectors" / "signature.json").read_text())
PLACE = Place("e1", "private:unit:norte:notifications", 7, 3, "an-id", 5)
OLD, NEW, FOREIGN = (base64.b64encode(bytes([n]) * 32).decode() for n in range(3))


@pytest.fixture(autouse=True)
def house(settings):
    settings.SIGNING_KEYS = [OLD]
    return settings


def believed(headers, ciphertext: bytes = b"ciphertext", *, channel: str = PLACE.channel, message_id=PLACE.id):
    return signing.verified(channel, message_id, headers, ciphertext)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["place"]["channel"])
def test_the_bytes_and_the_signature_are_those_of_the_contract(house, vector):
    house.SIGNING_KEYS = [vector["private_key"]]
    place, ciphertext = Place(**vector["place"]), base64.b64decode(vector["ciphertext"])
    assert signing.signed_bytes(place, ciphertext).hex() == vector["signed"]
    assert signing.sign(place, ciphertext) == vector["headers"]
    assert signing.public_keys() == [vector["public_key"]]
    assert signing.verified(place.channel, place.id, vector["headers"], ciphertext) == place


def test_a_stranger_verifies_with_the_public_key_alone():
    [told] = signing.public_keys()
    signature = base64.b64decode(signing.sign(PLACE, b"ciphertext")["signature"])
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(told["key"]))
    public.verify(signature, signing.signed_bytes(PLACE, b"ciphertext"))


def test_no_two_messages_have_the_same_bytes_wherever_a_part_ends():
    one = Place("e1", "a", 1, 12, "b", 3)
    others = [Place("e", "1a", 1, 12, "b", 3), Place("e1", "a", 11, 2, "b", 3), Place("e1", "a", 1, 12, "b3", 0)]
    assert all(signing.signed_bytes(other, b"x") != signing.signed_bytes(one, b"x") for other in others)
    assert signing.signed_bytes(one, b"") != signing.signed_bytes(dataclasses.replace(one, key_epoch=30), b"")


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": "e2"},
        {"seq": 8},
        {"prev_seq": 0},
        {"key_epoch": 6},
        {"seq": "7"},
        {"seq": 7.5},
        {"seq": 9e15 + 7},
        {"seq": float("nan")},
        {"seq": True},
        {"seq": -7},
        {"signature": None},
        {"signature": ""},
        {"signature": "????"},
        {"signature": base64.b64encode(bytes(64)).decode()},
        {"signer": None},
        {"signer": []},
        {"signer": "0" * 16},
    ],
)
def test_nothing_of_the_headers_can_be_changed(change):
    headers = signing.sign(PLACE, b"ciphertext")
    assert believed(headers)
    assert believed(headers | change) is None


@pytest.mark.parametrize("headers", [None, [], "seq", {}, {"seq": 7, "prev_seq": 3, "epoch": "e1", "key_epoch": 5}])
def test_what_has_no_signature_is_not_believed(headers):
    assert believed(headers) is None


def test_numbers_are_the_same_where_ably_sends_7_on_as_7_0():
    headers = signing.sign(PLACE, b"ciphertext")
    assert believed(headers | {"seq": 7.0, "prev_seq": 3.0, "key_epoch": 5.0}) == PLACE


def test_neither_text_nor_channel_nor_id_can_be_changed():
    headers = signing.sign(PLACE, b"ciphertext")
    assert believed(headers, b"ciphertexT") is None
    assert believed(headers, {"title": "in the clear"}) is None  # type: ignore[arg-type]
    assert believed(headers, channel="private:unit:sul:notifications") is None
    assert believed(headers, message_id="another-id") is None
    assert believed(headers, message_id=None) is None


def test_a_key_takes_the_others_place_in_three_steps_and_each_believes_its_neighbours(house):
    def signed_by(*keys: str):
        house.SIGNING_KEYS = list(keys)
        return signing.sign(PLACE, b"ciphertext")

    steps = [(OLD,), (OLD, NEW), (NEW, OLD), (NEW,)]
    for before, after in itertools.pairwise(steps):
        for signers, believers in ((before, after), (after, before)):
            headers = signed_by(*signers)
            house.SIGNING_KEYS = list(believers)
            assert believed(headers), f"{signers} is not believed by {believers}"
    headers = signed_by(OLD)
    house.SIGNING_KEYS = [NEW]
    assert believed(headers) is None


@pytest.mark.parametrize("value", ["", "abc", "!", f"{OLD},{OLD}", f"{OLD},{NEW},{FOREIGN}", f"{OLD},abc", OLD[:-8]])
def test_keys_that_are_none_stop_the_start_by_name_and_are_not_told(monkeypatch, value):
    monkeypatch.setenv("SIGNING_KEYS", value)
    with pytest.raises(ImproperlyConfigured, match="SIGNING_KEYS is malformed") as refused:
        run_settings()
    assert OLD[:-8] not in str(refused.value)
