"""ADMIN_OTP: in a process of its own, since it changes which apps there are."""

import os
import subprocess
import sys

import pytest

from tests.live.ably_server import ROOT

pytestmark = [pytest.mark.sqlite, pytest.mark.slow]
SCENE = """
import django
django.setup()
from io import StringIO
from urllib.parse import parse_qs, urlsplit
from django.core.management import call_command
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice
from notificacao.models import AuditEvent, Person
call_command("migrate", verbosity=0)
Person.objects.create_superuser("dora", password="segredo-de-teste")
out = StringIO()
call_command("otp_device", "dora", stdout=out)
device = TOTPDevice.objects.get()
assert parse_qs(urlsplit(out.getvalue().strip()).query)["secret"]
password = {"username": "dora", "password": "segredo-de-teste"}
page = Client(headers={"host": "localhost"})
assert page.post("/porta/login/", password).status_code == 200
page.post("/entrar/", password)
assert page.get("/porta/").status_code == 302
wrong = page.post("/porta/login/", password | {"otp_token": "000000"})
assert "não confere" in wrong.content.decode()
assert b"segredo-de-teste" not in wrong.content
failed = AuditEvent.objects.get(action="login_failed")
assert (failed.who, failed.reason) == (Person.objects.get().public_id, "second_factor")
TOTPDevice.objects.update(throttling_failure_timestamp=None, throttling_failure_count=0)
Person.objects.create_user("eva", password="segredo-de-teste", is_staff=True)
without = page.post("/porta/login/", {"username": "eva", "password": "segredo-de-teste", "otp_token": "123456"})
assert "peça um segundo fator" in without.content.decode()
assert "Dispositivo:" not in without.content.decode()
another = TOTPDevice.objects.create(user=Person.objects.get(username="eva"), name="x", confirmed=True)
theirs = {"otp_device": another.persistent_id, "otp_token": f"{TOTP(another.bin_key).token():06}"}
assert page.post("/porta/login/", password | theirs).status_code == 200
TOTPDevice.objects.update(throttling_failure_timestamp=None, throttling_failure_count=0)
code = {"otp_token": f"{TOTP(device.bin_key).token():06}"}
assert page.post("/porta/login/?next=/porta/", password | code).status_code == 302
assert page.get("/porta/").status_code == 200
assert page.get("/admin/").status_code == 404
TOTPDevice.objects.create(user=device.user, name="tablet", confirmed=True)
assert "Dispositivo:" in Client(headers={"host": "localhost"}).post("/porta/login/", password | code).content.decode()
"""


def test_a_password_alone_does_not_open_the_admin_and_a_code_of_the_device_does(tmp_path):
    there = {"ADMIN_OTP": "true", "ADMIN_PATH": "porta/", "DATABASE_URL": f"sqlite:///{tmp_path}/site.sqlite3"}
    environment = os.environ | there | {"DJANGO_SETTINGS_MODULE": "semtas.settings"}
    command = [sys.executable, "-c", SCENE]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
