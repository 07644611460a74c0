"""The settings: each wrong value stops the start, by name; each name is documented."""

import re
import shutil

import pytest
from django.core.exceptions import ImproperlyConfigured

from notificacao.conf import conf
from notificacao.models import RolloutFlag
from semtas.env_file import EnvFile
from tests.live.ably_server import ROOT
from tests.settings_file import SETTINGS, run_settings

READ = re.compile(
    r'(?:setting\(\s*env\.\w+,|choice\(|switch\(|rate\(|words\(|signing_keys\(|day\(|env\.\w+\()\s*"([A-Z_]+)"'
)


def load(monkeypatch, settings=SETTINGS, **environment):
    """The settings as a process with `environment` would have them."""
    for name in documented():
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return run_settings(settings)


@pytest.fixture
def with_file(monkeypatch, tmp_path):
    """`with_file(content)`: the settings of a project that has this `.env`, without any variable."""
    (tmp_path / "semtas").mkdir()
    settings = shutil.copy(SETTINGS, tmp_path / "semtas")

    def run(content: bytes | str, **environment):
        (tmp_path / ".env").write_bytes(content if isinstance(content, bytes) else content.encode())
        return load(monkeypatch, settings, **environment)

    return run


def documented() -> set[str]:
    return set(re.findall(r"^# ([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def test_env_example_documents_each_setting_and_no_other():
    assert documented() == set(READ.findall(SETTINGS.read_text()))


STAGING = (ROOT / ".env.staging.example").read_text()
ITS_SECRETS = {
    "SECRET_KEY": "x9-" * 20,
    "ENCRYPTION_SECRET": "y8-" * 20,
    "SIGNING_KEYS": "c2VtdGFzLXRlc3RlLXNlbXRhcy10ZXN0ZS0zMmJ5dGU=",
    "ABLY_API_KEY": "sandbox.chave:segredo",
}


def filled(secrets):
    return re.sub(r"^([A-Z_]+)=$", lambda line: line[0] + secrets.get(line[1], ""), STAGING, flags=re.MULTILINE)


def test_the_staging_profile_starts_with_its_secrets_filled_in(with_file):
    settings = with_file(filled(ITS_SECRETS))
    assert set(re.findall(r"^([A-Z_]+)=$", STAGING, re.MULTILINE)) == set(ITS_SECRETS)
    assert set(re.findall(r"^([A-Z_]+)=", STAGING, re.MULTILINE)) <= documented()
    assert not settings["DEBUG"]
    assert settings["DISPATCHER"] == "external"
    assert settings["ROLLOUT_DRY_RUN"]
    assert (settings["ABLY_ENDPOINT"], settings["ABLY_TLS"]) == ("", True)


def test_the_staging_profile_does_not_start_as_it_is(with_file):
    with pytest.raises(ImproperlyConfigured, match="SIGNING_KEYS"):
        with_file(STAGING)


def test_whoever_installs_it_begins_with_the_flag_at_0(db):
    flag = RolloutFlag.objects.get()
    assert (flag.everyone, flag.percent) == (None, 0)


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


def test_the_settings_make_no_folder_and_the_first_connection_does(monkeypatch, tmp_path):
    folder = tmp_path / "a#b?c%20" / "var"
    database = load(monkeypatch, VAR_DIR=str(folder))["DATABASES"]["default"]
    assert not folder.parent.exists()
    database["OPTIONS"]["factory"](database["NAME"]).close()
    assert [file.name for file in folder.iterdir()] == ["semtas.sqlite3"]
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_is_named_for_another_database_is_not_made(monkeypatch):
    assert (
        "factory"
        not in load(monkeypatch, DATABASE_URL="sqlite:////nowhere/a.sqlite3")["DATABASES"]["default"]["OPTIONS"]
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ABLY_TOKEN_TTL", "59"),
        ("ABLY_TOKEN_TTL", "3601"),
        ("ABLY_TOKEN_TTL", "um"),
        ("VAR_DIR", "var"),
        ("VAR_DIR", __file__),
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
        ("ABLY_PRICES", "29"),
        ("ABLY_PRICES", "[]"),
        ("ABLY_PRICES", '[{"since": "2026-11-01"}]'),
        ("MONTHLY_COSTS_USD", "servidor"),
        ("MONTHLY_COSTS_USD", "servidor=-1"),
        ("MONTHLY_COSTS_USD", "servidor=1,servidor=2"),
        ("MONTHLY_BUDGET_USD", "0"),
        ("MONTHLY_BUDGET_USD", "cento"),
        ("DISPATCH_POLL", "0"),
        ("STAMP_PACE", "1"),
        ("ENCRYPTION_SECRET_ENDS", "30/11/2027"),
        ("SIGNING_KEYS_END", "2027-11-31"),
        ("DISPATCHER", "elsewhere"),
        ("LOG_LEVEL", "LOUD"),
        ("TRACES_ENDPOINT", "127.0.0.1:4318"),
        ("TRACES_ENDPOINT", "https://coletor.example"),
        ("TRACES_SAMPLE", "1.1"),
        ("RECEIPT_SHARED_SAMPLE", "1.5"),
        ("DATABASE_POOL_MAX", "15"),
        ("DATABASE_POOL_RESERVED", "0"),
        ("DATABASE_POOL_RESERVED", "20"),
        ("DATABASE_WAIT", "0.5"),
        ("DATABASE_WAIT", "121"),
        ("SQLITE_WAIT", "0"),
        ("SQLITE_WAIT", "61"),
        ("STREAMS_PER_ADDRESS", "0"),
        ("STREAMS_PER_ADDRESS", "1000001"),
        ("STREAMS_PER_PERSON", "0"),
        ("STREAM_HEARTBEAT", "21"),
        ("REPLAY_LIMIT", "-1"),
        ("DEBUG", "perhaps"),
        ("SCRIPT_NAME", "/avisos/"),
        ("SCRIPT_NAME", "avisos"),
        ("RATE_USER", "10"),
        ("RATE_STAFF", "0/75"),
        ("RATE_SYSTEM", "100/0"),
        ("RATE_KEYS", "10/0"),
        ("RATE_STREAMS", "60/sixty"),
        ("RATE_LOGIN", "-10/15"),
        ("RATE_LOGIN_ADDRESS", "1000000/1"),
        ("RATE_CALLS", "0"),
        ("FORWARDED_ALLOW_IPS", "*"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.1, proxy"),
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


# --- The file .env


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(with_file):
    settings = with_file(b"\xef\xbb\xbfDEBUG=false\r\n# comment\r\n\r\nRATE_CALLS=7\r\n")
    assert (settings["DEBUG"], settings["SESSION_COOKIE_SECURE"], settings["RATE_CALLS"]) == (False, True, 7)
    assert settings["ENV_FILE"].path.name == ".env"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("# ours\nDEBUG = false", "line 2 .DEBUG."),
        ("DEBUG =false", "line 1 .DEBUG."),
        ("  DEBUG=false", "line 1 .DEBUG."),
        ("DEBUG: false", "line 1 .DEBUG."),
        ("DEBUG", "line 1 .DEBUG."),
        ("set DEBUG=false", "line 1 .set."),
        ("DEBUG=false # in production", "line 1: DEBUG"),
        ('DEBUG="false', "line 1: DEBUG"),
        ("SECRET_KEY='a'b'", "line 1: SECRET_KEY"),
        ('SECRET_KEY="a\\nb"', "line 1: SECRET_KEY"),
        ("SECRET_KEY=a\x00b", "line 1: SECRET_KEY"),
        ("DEBUG=true\n\nDEBUG=false", "line 3: DEBUG is set already in line 1"),
        ("debug=false", "line 1: debug is no setting. Is DEBUG meant"),
        ("RATE_CALLS=7\nALOWED_HOSTS=a", "line 2: ALOWED_HOSTS is no setting. Is ALLOWED_HOSTS meant"),
        ("COLOUR=blue", "line 1: COLOUR is no setting. See .env.example"),
        (b"DEBUG=false\n# acess\xf3rio", "UTF-8"),
        ("DEBUG=false".encode("utf-16"), "UTF-8"),
    ],
)
def test_what_is_not_understood_stops_the_start_by_line_and_name(with_file, content, told):
    with pytest.raises(ImproperlyConfigured, match=told):
        with_file(content)


@pytest.mark.parametrize("spoil", [lambda file: file.symlink_to(file.parent / "gone"), lambda file: file.mkdir()])
def test_a_file_that_is_there_and_cannot_be_read_stops_the_start(tmp_path, spoil):
    spoil(tmp_path / ".env")
    with pytest.raises(ImproperlyConfigured, match=r"\.env cannot be read"):
        EnvFile(tmp_path / ".env")


def test_an_error_in_the_file_tells_no_secret(with_file):
    with pytest.raises(ImproperlyConfigured) as error:
        with_file("SECRET_KEY='segredo'segredo'")
    assert "segredo" not in str(error.value)


@pytest.mark.parametrize("secret", ["$HOME", "$$", "a$b", r"a\$b", r"\$HOME", r"a\b", 'a"b', "a#b", "ção", "a=b"])
def test_a_value_is_taken_as_it_is_from_the_file_and_from_the_environment(with_file, secret):
    assert with_file(f"SECRET_KEY={secret}\nENCRYPTION_SECRET='{secret}'")["SECRET_KEY"] == secret
    settings = with_file(f"ENCRYPTION_SECRET='{secret}'", SECRET_KEY=secret)
    assert (settings["SECRET_KEY"], settings["ENCRYPTION_SECRET"]) == (secret, secret)


def test_the_environment_wins_over_the_file(with_file):
    assert with_file("RATE_CALLS=7", RATE_CALLS="8")["RATE_CALLS"] == 8


def test_lists_are_stripped(with_file):
    settings = with_file(
        'ALLOWED_HOSTS= a , b,\nSECRET_KEY_FALLBACKS=one, two\nENCRYPTION_SECRET_FALLBACKS="three , four"\n'
        "CSRF_TRUSTED_ORIGINS=https://a, https://b\nFORWARDED_ALLOW_IPS=10.0.0.1, 10.1.0.0/16"
    )
    assert settings["ALLOWED_HOSTS"] == ["a", "b"]
    assert settings["SECRET_KEY_FALLBACKS"] == ["one", "two"]
    assert settings["ENCRYPTION_SECRET_FALLBACKS"] == ["three", "four"]
    assert settings["CSRF_TRUSTED_ORIGINS"] == ["https://a", "https://b"]
    assert settings["FORWARDED_ALLOW_IPS"] == ["10.0.0.1", "10.1.0.0/16"]


def test_the_line_of_the_start_says_which_file_was_read_and_whether_debug_is_on(with_file, settings):
    read = with_file("DEBUG=false")
    settings.ENV_FILE, settings.DEBUG = read["ENV_FILE"], read["DEBUG"]
    assert conf.told == f"Configuração: {read['ENV_FILE'].path}; DEBUG desligado"
    settings.ENV_FILE.path, settings.DEBUG = None, True
    assert conf.told == "Configuração: variáveis de ambiente, sem arquivo .env; DEBUG ligado"
