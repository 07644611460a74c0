"""ADMIN_OTP: what the second factor asks for; and the setting itself, in a process, since it changes which apps there
are.
"""

import base64
import importlib
import io
import os
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.admin import AdminSite, site
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.test import override_settings
from django.urls import clear_url_caches
from django_otp.oath import TOTP

import notificacao.admin
import semtas.urls
from notificacao import audit
from notificacao.models import AuditEvent, Person
from tests.live.ably_server import ROOT

SCENE = """
import django
django.setup()
from io import StringIO
from django.core.management import call_command
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice
from notificacao.models import Person
call_command("migrate", verbosity=0)
Person.objects.create_superuser("dora", password="segredo-de-teste")
call_command("otp_device", "dora", stdout=StringIO())
password = {"username": "dora", "password": "segredo-de-teste"}
page = Client(headers={"host": "localhost"})
assert page.post("/porta/login/", password).status_code == 200
page.post("/entrar/", password)
assert page.get("/porta/").status_code == 302
code = {"otp_token": f"{TOTP(TOTPDevice.objects.get().bin_key).token():06}"}
assert page.post("/porta/login/?next=/porta/", password | code).status_code == 302
assert page.get("/porta/").status_code == 200
assert page.get("/admin/").status_code == 404
"""
PASSWORD = "segredo-de-teste"


@pytest.mark.slow
@pytest.mark.sqlite
def test_a_password_alone_does_not_open_the_admin_and_a_code_of_the_device_does(tmp_path):
    there = {"ADMIN_OTP": "true", "ADMIN_PATH": "porta/", "DATABASE_URL": f"sqlite:///{tmp_path}/site.sqlite3"}
    environment = os.environ | there | {"DJANGO_SETTINGS_MODULE": "semtas.settings"}
    command = [sys.executable, "-c", SCENE]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


# --- In this process


@pytest.fixture(scope="module")
def tables_of_devices(django_db_setup, django_db_blocker):
    """The apps, the admin's site and the table of ADMIN_OTP=true; afterwards all is as before."""
    login = site.login
    with override_settings(
        ADMIN_OTP=True,
        INSTALLED_APPS=[*settings.INSTALLED_APPS, "django_otp", "django_otp.plugins.otp_totp"],
        MIDDLEWARE=[*settings.MIDDLEWARE, "django_otp.middleware.OTPMiddleware"],
    ):
        importlib.reload(notificacao.admin)
        site.login = login  # throttled once is enough
        make_addresses_anew()
        model = apps.get_model("otp_totp", "TOTPDevice")
        with django_db_blocker.unblock(), connection.schema_editor() as tables:
            tables.create_model(model)
        yield model
        with django_db_blocker.unblock(), connection.schema_editor() as tables:
            tables.delete_model(model)
        site.unregister(model)
        site.__class__ = AdminSite
    make_addresses_anew()


def make_addresses_anew() -> None:
    """Have the admin's addresses name the apps that it shows now."""
    importlib.reload(semtas.urls)
    clear_url_caches()


@pytest.fixture
def devices(tables_of_devices, db):
    ContentType.objects.clear_cache()  # it keeps the kinds that an earlier test made, and took back
    yield tables_of_devices.objects
    ContentType.objects.clear_cache()


@pytest.fixture
def dora(devices):
    return Person.objects.create_superuser("dora", password=PASSWORD)


@pytest.fixture
def telephone(devices, dora):
    return devices.create(user=dora, name="telefone", confirmed=True)


@pytest.fixture
def log_in(client):
    """Dora's password and what else is given, at the admin's door; what the page answers."""

    def post(username="dora", **fields):
        form = {"username": username, "password": PASSWORD, "next": "/admin/", **fields}
        return client.post("/admin/login/", form)

    return post


def code_of(device) -> str:
    return f"{TOTP(device.bin_key).token():06}"


def test_the_code_beside_the_password_opens_the_admin(client, telephone, log_in):
    assert log_in(otp_token=code_of(telephone)).url == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_without_a_code_the_page_asks_for_it_and_nothing_is_on_record(telephone, log_in):
    assert "Digite também o código do segundo fator." in log_in().content.decode()
    assert not AuditEvent.objects.filter(action="login_failed").exists()


def test_a_login_on_the_sites_own_page_does_not_open_the_admin(client, telephone):
    client.force_login(telephone.user)
    assert client.get("/admin/").status_code == 302
    assert "Você entrou como dora, sem o segundo fator" in client.get("/admin/login/").content.decode()


def test_a_wrong_code_behind_a_right_password_is_on_record_and_neither_comes_back(telephone, log_in):
    page = log_in(otp_token="000000").content.decode()
    assert "O código não confere" in page
    assert PASSWORD not in page
    failed = AuditEvent.objects.get(action="login_failed")
    assert (failed.who, failed.reason) == (telephone.user.public_id, "second_factor")


def test_after_wrong_codes_even_the_right_one_has_to_wait(devices, telephone, log_in):
    log_in(otp_token="000000")
    devices.update(throttling_failure_count=10)
    assert "aguarde um pouco" in log_in(otp_token=code_of(telephone)).content.decode()


def test_who_has_no_device_is_told_to_ask_for_one_and_has_nothing_to_choose(dora, log_in):
    page = log_in(otp_token="123456").content.decode()
    assert "peça um segundo fator a quem cuida do sistema" in page
    assert "Dispositivo:" not in page


def test_who_has_two_devices_chooses_and_the_code_is_of_the_chosen_one(devices, telephone, log_in):
    tablet = devices.create(user=telephone.user, name="tablet", confirmed=True)
    page = log_in(otp_token=code_of(tablet)).content.decode()
    assert "Escolha o dispositivo." in page
    assert "Dispositivo:" in page
    assert "tablet" in page
    assert log_in(otp_token=code_of(tablet), otp_device=tablet.persistent_id).url == "/admin/"


def test_a_code_of_somebody_elses_device_opens_nothing(devices, telephone, log_in):
    eva = Person.objects.create_user("eva", password=PASSWORD, is_staff=True)
    hers = devices.create(user=eva, name="telefone", confirmed=True)
    assert log_in(otp_token=code_of(hers), otp_device=hers.persistent_id).status_code == 200


# --- manage.py otp_device


def otp_device(username: str) -> str:
    out = io.StringIO()
    call_command("otp_device", username, stdout=out)
    return out.getvalue().strip()


def test_the_command_shows_the_address_whose_secret_is_the_devices(devices, dora):
    address = urlsplit(otp_device("dora"))
    device = devices.get(user=dora)
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert base64.b32decode(parse_qs(address.query)["secret"][0]) == device.bin_key


def test_a_new_device_takes_the_place_of_the_old_one_and_is_on_record(devices, telephone):
    otp_device("dora")
    assert devices.get(user=telephone.user).bin_key != telephone.bin_key
    given = AuditEvent.objects.get(action="role_given")
    assert (given.who, given.data) == ("manage.py", {"to": telephone.user.public_id, "given": ["second device"]})


def test_a_device_that_cannot_be_put_on_record_takes_nobodys_place(devices, telephone, monkeypatch):
    def away(*args, **kwargs):
        raise DatabaseError

    monkeypatch.setattr(audit, "record", away)
    with pytest.raises(DatabaseError):
        otp_device("dora")
    assert devices.get(user=telephone.user).bin_key == telephone.bin_key


def test_a_name_that_is_nobodys_gets_no_device(devices):
    with pytest.raises(CommandError, match="Não há pessoa com o nome de usuário fulana"):
        otp_device("fulana")
    assert not devices.exists()


def test_where_nobody_asks_for_a_second_factor_the_command_says_which_setting_does():
    with override_settings(ADMIN_OTP=False), pytest.raises(CommandError, match="ADMIN_OTP=true"):
        otp_device("dora")
