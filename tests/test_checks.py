"""The system checks: each refuses what it is there for, and nothing else."""

import pytest
from django.core.checks import run_checks
from django.core.management import get_commands, load_command_class

from notificacao import checks

pytestmark = pytest.mark.sqlite


@pytest.fixture(autouse=True)
def embedded(settings):
    settings.DEBUG = True


def found(**kwargs) -> set[str]:
    """Ours, as `check` finds them all and as a command does, which runs ours alone."""
    everything, ours = run_checks(**kwargs), run_checks(tags=[checks.OURS], **kwargs)
    assert {message.id for message in ours} == {found.id for found in everything if found.id.startswith("notificacao.")}
    return {message.id for message in ours}


def test_every_command_runs_our_checks_and_what_answers_requests_runs_all():
    own = [name for name, app in get_commands().items() if app == "notificacao"]
    runs = {name: load_command_class("notificacao", name).requires_system_checks for name in own}
    assert runs == dict.fromkeys(own, (checks.OURS,)) | {
        "serve": "__all__",
        "runserver": "__all__",
        "migrate": "__all__",
        "smoke": (),
    }


@pytest.fixture
def production(settings):
    settings.DEBUG = False
    settings.SECRET_KEY = "a" * 50
    settings.ENCRYPTION_SECRET = "b" * 40
    settings.SIGNING_KEYS = ["C" * 43 + "="]
    return settings


def test_the_embedded_default_passes():
    assert found() == set()


def test_production_with_secrets_of_its_own_passes(production):
    assert found() == set()


def test_the_embedded_secret_key_is_refused_in_production(production):
    production.SECRET_KEY = production.EMBEDDED_SECRET_KEY
    assert found() == {"notificacao.E001"}


@pytest.mark.parametrize("secret", ["", "short", "embedded-master-secret-for-one-machine-only"])
def test_a_weak_encryption_secret_is_refused_in_production(production, secret):
    production.ENCRYPTION_SECRET = secret
    assert found() == {"notificacao.E002"}


@pytest.mark.parametrize("secret", ["short", "embedded-master-secret-for-one-machine-only"])
def test_a_weak_secret_among_the_fallbacks_is_refused_in_production(production, secret):
    production.ENCRYPTION_SECRET_FALLBACKS = ["c" * 40, secret]
    assert found() == {"notificacao.E002"}
    production.ENCRYPTION_SECRET_FALLBACKS = ["c" * 40]
    assert found() == set()


@pytest.mark.parametrize("first", [True, False])
def test_the_embedded_signing_key_is_refused_in_production_in_either_place(production, first):
    keys = [production.EMBEDDED_SIGNING_KEY, *production.SIGNING_KEYS]
    production.SIGNING_KEYS = keys if first else keys[::-1]
    assert found() == {"notificacao.E008"}


def test_atomic_requests_are_refused(settings, monkeypatch):
    monkeypatch.setitem(settings.DATABASES["default"], "ATOMIC_REQUESTS", True)
    assert found() == {"notificacao.E003"}


def test_a_database_on_which_the_log_was_never_tried_is_refused(settings, monkeypatch):
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", "django.db.backends.mysql")
    assert found() == {"notificacao.E004"}


@pytest.fixture
def on_postgres(settings, monkeypatch):
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", "semtas.postgresql")
    return settings


@pytest.fixture
def with_redis(settings):
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer"}}


@pytest.mark.sqlite
def test_a_dispatcher_beside_sqlite_is_refused_whatever_carries_the_wakes(settings, with_redis):
    settings.DISPATCHER = "external"
    assert found() == {"notificacao.E005"}


def test_many_machines_with_postgresql_and_redis_pass(on_postgres, with_redis):
    assert found() == set()
    on_postgres.DISPATCHER = "external"
    assert found() == set()


def test_a_dispatcher_that_no_wake_reaches_is_refused(on_postgres):
    on_postgres.DISPATCHER = "external"
    assert found() == {"notificacao.E007"}


def test_who_lives_by_polling_is_told_so(on_postgres):
    assert found() == {"notificacao.W002"}
    on_postgres.DISPATCHER, on_postgres.WAKES = "external", False
    assert found() == {"notificacao.W002"}


@pytest.mark.parametrize("endpoint", ["main.realtime.ably.net", "10.0.0.7", "", "127.0.0.1.example"])
def test_ably_over_plain_http_is_refused_beyond_this_machine(settings, endpoint):
    settings.ABLY_API_KEY, settings.ABLY_TLS, settings.ABLY_ENDPOINT = "app.key:secret", False, endpoint
    assert found() == {"notificacao.E006"}


@pytest.mark.parametrize("endpoint", ["127.0.0.1", "localhost"])
def test_ably_over_plain_http_is_fine_on_this_machine(settings, endpoint):
    settings.ABLY_API_KEY, settings.ABLY_TLS, settings.ABLY_ENDPOINT = "app.key:secret", False, endpoint
    assert found() == set()


def test_missing_browser_packages_are_named_with_what_to_do(settings, tmp_path):
    settings.NODE_MODULES, settings.STATIC_ROOT = tmp_path, tmp_path
    (message,) = [m for m in run_checks() if m.id == "notificacao.W001"]
    assert "eventsource-parser" in message.msg
    assert "script/bootstrap" in message.hint


@pytest.mark.parametrize(("debug", "named"), [(False, set()), (True, {"notificacao.W001"})])
def test_what_collectstatic_collected_is_enough_in_production_alone(settings, tmp_path, debug, named):
    settings.NODE_MODULES, settings.STATIC_ROOT, settings.DEBUG = tmp_path / "none", tmp_path, debug
    for package in ("ably", "eventsource-parser"):
        (tmp_path / package).mkdir()
    assert {m.id for m in run_checks()} & {"notificacao.W001"} == named


def test_a_sqlite_file_with_a_second_name_is_refused(settings, monkeypatch, tmp_path):
    file, link = tmp_path / "db.sqlite3", tmp_path / "symbolic.sqlite3"
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", str(link))
    assert found() == set()
    file.touch()
    link.symlink_to(file)
    assert found() == set()
    (tmp_path / "other.sqlite3").hardlink_to(file)
    assert found() == {"notificacao.E010"}
    (tmp_path / "other.sqlite3").unlink()
    assert found() == set()
