"""The keys of the channels' encryption."""

import base64
import hashlib
import hmac
from datetime import timedelta

import pytest
from django.utils import timezone

from notificacao import keys

CHANNEL = "private:unit:a:notifications"


@pytest.fixture(autouse=True)
def secret(settings):
    settings.ENCRYPTION_SECRET = "a-master-secret-of-the-tests"


def test_a_key_is_what_rfc_5869_derives_from_the_secret_the_channel_and_the_epoch(settings):
    extracted = hmac.digest(bytes(32), settings.ENCRYPTION_SECRET.encode(), hashlib.sha256)
    expanded = hmac.digest(extracted, b"semtas/private:unit:a:notifications/3\x01", hashlib.sha256)
    assert keys.channel_key(CHANNEL, 3) == expanded


def test_a_key_has_the_32_bytes_of_aes_256_and_is_the_same_each_time():
    assert len(keys.channel_key(CHANNEL, 1)) == 32
    assert keys.channel_key(CHANNEL, 1) == keys.channel_key(CHANNEL, 1)


def test_each_channel_and_each_epoch_has_a_key_of_its_own():
    names = [f"private:unit:{number}:notifications" for number in range(20)]
    derived = {keys.channel_key(name, epoch) for name in names for epoch in range(1, 21)}
    assert len(derived) == 400


def test_another_secret_gives_other_keys(settings):
    before = keys.channel_key(CHANNEL, 1)
    settings.ENCRYPTION_SECRET += "!"
    assert keys.channel_key(CHANNEL, 1) != before


def test_the_text_of_a_key_is_plain_base64_of_its_bytes():
    key = keys.channel_key(CHANNEL, 1)
    assert base64.b64decode(keys.as_text(key), validate=True) == key
    assert keys.as_text(b"\xfb\xff") == "+/8="


def test_the_same_message_has_the_same_vector_on_each_attempt():
    key = keys.channel_key(CHANNEL, 1)
    first = keys.initialisation_vector(key, "01890000-0000-7000-8000-000000000001")
    assert first == keys.initialisation_vector(key, "01890000-0000-7000-8000-000000000001")
    assert len(first) == 16


def test_vectors_differ_between_messages_and_between_keys():
    derived = [keys.channel_key(CHANNEL, epoch) for epoch in range(1, 11)]
    vectors = {keys.initialisation_vector(key, f"message-{number}") for key in derived for number in range(100)}
    assert len(vectors) == 1000


def test_a_vector_needs_the_key():
    key = keys.channel_key(CHANNEL, 1)
    assert keys.initialisation_vector(key, "m") not in {
        hashlib.sha256(b"m").digest()[:16],
        keys.initialisation_vector(b"", "m"),
        keys.initialisation_vector(bytes(32), "m"),
    }


# --- Old keys


def test_where_nothing_changed_there_are_no_old_keys():
    assert keys.old_keys(CHANNEL, 1, None) == []


def test_within_the_grace_the_keys_of_the_epochs_before_are_old_keys():
    renewed_at = timezone.now() - keys.GRACE + timedelta(seconds=5)
    assert keys.old_keys(CHANNEL, 3, renewed_at) == [keys.channel_key(CHANNEL, 2), keys.channel_key(CHANNEL, 1)]
    assert keys.old_keys(CHANNEL, 9, renewed_at) == [keys.channel_key(CHANNEL, epoch) for epoch in (8, 7, 6)]


def test_after_the_grace_an_ended_epoch_is_over():
    assert keys.old_keys(CHANNEL, 3, timezone.now() - keys.GRACE - timedelta(seconds=5)) == []


def test_what_is_encrypted_with_a_fallback_of_the_secret_can_be_read_by_who_has_the_new_one(settings):
    old = keys.channel_key(CHANNEL, 1), keys.channel_key(CHANNEL, 2)
    settings.ENCRYPTION_SECRET_FALLBACKS = [settings.ENCRYPTION_SECRET]
    settings.ENCRYPTION_SECRET = "another-master-secret-of-the-tests"
    assert keys.old_keys(CHANNEL, 2, None) == [old[1]]
    assert set(keys.old_keys(CHANNEL, 2, timezone.now())) == {keys.channel_key(CHANNEL, 1), *old}


def test_the_current_key_is_never_among_the_old_ones(settings):
    settings.ENCRYPTION_SECRET_FALLBACKS = ["a-master-secret-of-long-ago"]
    for epoch in range(1, 6):
        assert keys.channel_key(CHANNEL, epoch) not in keys.old_keys(CHANNEL, epoch, timezone.now())
