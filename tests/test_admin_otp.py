"""ADMIN_OTP: in a process of its own, since it changes which apps there are."""

import os
import subprocess
import sys

import pytest

from tests.live.ably_server import ROOT

pytestmark = pytest.mark.sqlite
SCENE = """
import django
django.setup()
from io import StringIO
from urllib.parse import parse_qs, urlsplit
from django.core.management import call_command
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice
from notificacao.models import Person
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
code = {"otp_device": device.persistent_id, "otp_token": f"{TOTP(device.bin_key).token():06}"}
assert page.post("/porta/login/?next=/porta/", password | code).status_code == 302
assert page.get("/porta/").status_code == 200
assert page.get("/admin/").status_code == 404
"""


def test_a_password_alone_does_not_open_the_admin_and_a_code_of_the_device_does(tmp_path):
    there = {"ADMIN_OTP": "true", "ADMIN_PATH": "porta/", "DATABASE_URL": f"sqlite:///{tmp_path}/site.sqlite3"}
    environment = os.environ | there | {"DJANGO_SETTINGS_MODULE": "semtas.settings"}
    command = [sys.executable, "-c", SCENE]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
