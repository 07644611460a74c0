"""The settings: each wrong value stops the start, by name; each name is documented."""

import re

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.live.ably_server import ROOT
from tests.settings_file import SETTINGS, run_settings

READ = re.compile(r'(?:setting\(\s*env\.\w+,|choice\(|switch\(|rate\(|signing_keys\(|env\.\w+\()\s*"([A-Z_]+)"')


def load(monkeypatch, **environment):
    """The settings as a process with `environment` would have them."""
    for name in documented():
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return run_settings()


def documented() -> set[str]:
    return set(re.findall(r"^# ([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def test_env_example_documents_each_setting_and_no_other():
    assert documented() == set(READ.findall(SETTINGS.read_text()))


def test_the_settings_alone_read_the_environment():
    readers = [
        path.relative_to(ROOT).as_posix()
        for folder in ("notificacao", "semtas")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"os\.environ\[|os\.environ\.get|os\.getenv|environ\.Env\(", path.read_text())
    ]
    assert readers == ["semtas/settings.py"]


def test_without_any_variable_the_project_runs_embedded(monkeypatch):
    settings = load(monkeypatch)
    assert settings["DATABASES"]["default"]["ENGINE"] == "django.db.backends.sqlite3"
    assert settings["DATABASES"]["default"]["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert settings["DATABASES"]["default"]["OPTIONS"]["timeout"] == 2
    assert settings["DISPATCHER"] == "embedded"
    assert settings["ABLY_API_KEY"] == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ABLY_TOKEN_TTL", "59"),
        ("ABLY_TOKEN_TTL", "3601"),
        ("ABLY_TOKEN_TTL", "um"),
        ("ADMIN_PATH", "admin"),
        ("ADMIN_PATH", "../"),
        ("ADMIN_OTP", "yes"),
        ("ALARM_REFUSALS", "0"),
        ("ALARM_WINDOW", "59"),
        ("AUDIT_RETENTION_DAYS", "-1"),
        ("ABLY_KEY_REVOCABLE", "perhaps"),
        ("ABLY_TOKENS_PER_MINUTE", "0"),
        ("ABLY_PAYLOAD", "clear"),
        ("ABLY_PORT", "0"),
        ("ABLY_API_KEY", "only-a-word"),
        ("ABLY_API_KEY", "app.key:sec ret"),
        ("DISPATCH_POLL", "0"),
        ("DISPATCHER", "elsewhere"),
        ("LOG_LEVEL", "LOUD"),
        ("RECEIPT_SHARED_SAMPLE", "1.5"),
        ("DATABASE_POOL_MAX", "15"),
        ("DATABASE_POOL_RESERVED", "0"),
        ("DATABASE_POOL_RESERVED", "20"),
        ("SQLITE_WAIT", "0"),
        ("SQLITE_WAIT", "61"),
        ("STREAMS_PER_ADDRESS", "0"),
        ("STREAMS_PER_ADDRESS", "1000001"),
        ("STREAMS_PER_PERSON", "0"),
        ("STREAM_HEARTBEAT", "21"),
        ("REPLAY_LIMIT", "-1"),
        ("DEBUG", "perhaps"),
        ("RATE_USER", "10"),
        ("RATE_STAFF", "0/75"),
        ("RATE_SYSTEM", "100/0"),
        ("RATE_KEYS", "10/0"),
        ("RATE_STREAMS", "60/sixty"),
        ("RATE_LOGIN", "-10/15"),
        ("RATE_LOGIN_ADDRESS", "1000000/1"),
        ("RATE_CALLS", "0"),
    ],
)
def test_a_wrong_value_stops_the_start_and_says_which_one_it_is(monkeypatch, name, value):
    with pytest.raises(ImproperlyConfigured, match=name):
        load(monkeypatch, **{name: value})


def test_what_is_wrong_with_a_key_is_said_without_the_key(monkeypatch):
    with pytest.raises(ImproperlyConfigured) as error:
        load(monkeypatch, ABLY_API_KEY="app.key-without-its:sec ret")
    assert "sec ret" not in str(error.value)


def test_behind_tls_cookies_are_secure_and_requests_are_sent_to_https(monkeypatch):
    settings = load(monkeypatch, DEBUG="false")
    assert (
        settings["SESSION_COOKIE_SECURE"] is settings["CSRF_COOKIE_SECURE"] is settings["SECURE_SSL_REDIRECT"] is True
    )
    assert settings["SECURE_HSTS_SECONDS"] > 0


def test_a_token_may_live_for_a_day_only_where_the_keys_tokens_cannot_be_revoked(monkeypatch):
    a_day = {"ABLY_TOKEN_TTL": "86400"}
    assert load(monkeypatch, ABLY_KEY_REVOCABLE="false", **a_day)["ABLY_TOKEN_TTL"] == 86_400
    with pytest.raises(
        ImproperlyConfigured, match=r"ABLY_TOKEN_TTL=86400 .* 3600 seconds with ABLY_KEY_REVOCABLE=true"
    ):
        load(monkeypatch, **a_day)
    with pytest.raises(ImproperlyConfigured, match=r"ABLY_TOKEN_TTL=86401 .* 86400"):
        load(monkeypatch, ABLY_KEY_REVOCABLE="false", ABLY_TOKEN_TTL="86401")
