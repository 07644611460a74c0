"""`manage.py smoke` against a site that is served, on PostgreSQL with an Ably server: well, and with a part broken."""

import json
import os
import re
import subprocess
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import psycopg
import pytest
from django.core.management import CommandError, call_command

from tests.live.ably_server import ROOT, AblyServer, free_port
from tests.live.process import answers
from tests.live.site import HERE, PASSWORD, DispatcherProcess, Site
from tests.live.tls import self_signed
from tests.waiting import PATIENCE, eventually

pytestmark = pytest.mark.services

_MAKE_KEY = """
from notificacao.models import Producer, ProducerKey
kinds = {"kinds": ["sistema"], "to_people": True}
producer, _ = Producer.objects.get_or_create(slug="smoke", defaults={"name": "Smoke", **kinds})
print(ProducerKey.objects.create_key(producer=producer, name="smoke")[1])
"""
STEPS = ["Saúde", "Entrada", "Sessão", "Token do Ably", "Publicar", "Receber por SSE", "Receber por Ably", "Consulta"]
STEPS += ["Sondas", "Limpeza"]
AWAY = {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing"}


class Deployed:
    """A web process, a dispatcher and an Ably server of their own; each of them can be taken away."""

    def __init__(self, database: str, redis: str):
        self.database = database
        self.ably = AblyServer()
        settings = {"CANARY_EVERY": "1", "REDIS_URL": redis, "ABLY_PUBLISH_TIMEOUT": "30", "ABLY_SLOW_AFTER": "30"}
        self.dispatcher = DispatcherProcess(database, self.ably, **settings)
        self.site = Site(database, self.ably, DISPATCHER="external", **settings)

    def __enter__(self) -> "Deployed":
        for one in (self.ably, self.dispatcher, self.site):
            one.start()
        self.key = self.site.manage("shell", "--verbosity=0", "-c", _MAKE_KEY).split()[-1]
        return self

    def __exit__(self, *_) -> None:
        for one in (self.site, self.dispatcher):
            one.close()
        self.ably.stop()

    def smoke(self, *words: str, **access: str) -> tuple[dict[str, str], str, int]:
        return smoke(self.site.url, *words, **{"SMOKE_USER": "ana", "SMOKE_KEY": self.key, **access})

    def ask(self, query: str):
        with psycopg.connect(self.database) as connection:
            return connection.execute(query).fetchone()


def smoke(url: str, *words: str, **access: str) -> tuple[dict[str, str], str, int]:
    """Return the mark of each step, all that was said, and the exit code; no database is there for it."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment = {**kept, **AWAY, "SMOKE_PASSWORD": PASSWORD, **access}
    command = HERE.command("smoke", url, *words)
    if measured := os.environ.get("COVERAGE_FILE"):  # what a process of its own runs is measured by itself
        told = str(ROOT / f"{measured}.{uuid.uuid4()}")
        command = [command[0], "-m", "slipcover", "--json", "--out", told, *command[1:]]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)
    marks = {}
    for line in done.stdout.splitlines():
        mark, name, colon = line[:4].strip(), line[6:].partition(":")[0], ":" in line
        if mark and colon:
            marks[name] = mark
    return marks, done.stdout + done.stderr, done.returncode


@pytest.fixture(scope="module")
def deployed(postgres, redis):
    with Deployed(postgres.create_database("demo"), redis.url) as deployed:
        yield deployed


@pytest.fixture
async def well(deployed):
    """What another test took away is back: a probe of Ably has come back since, and no alert says that nobody leads."""
    await eventually(lambda: answers(f"{deployed.site.url}/health/ably", within=PATIENCE))
    ready = f"{deployed.site.url}/health/ready"
    await eventually(lambda: httpx.get(ready, timeout=PATIENCE).json()["nobody_leads"] is False)
    return deployed


async def test_each_step_is_told_all_is_well_and_what_it_made_is_taken_away(well):
    logins = "SELECT count(*) FROM django_session"
    unread = (
        "SELECT count(*) FROM notificacao_notification n WHERE title = 'Verificação do sistema' AND NOT EXISTS "
        "(SELECT FROM notificacao_receipt r WHERE r.notification_id = n.id AND archived_at IS NOT NULL AND read)"
    )
    before = well.ask(logins)
    marks, said, code = well.smoke()
    assert marks == dict.fromkeys(STEPS, "ok"), said
    assert "assinada e cifrada" in said
    assert code == 0
    assert well.ask(logins) == before
    assert well.ask(unread) == (0,)
    assert well.ask("SELECT max(expires_at) < now() + interval '11 minutes' FROM notificacao_notification") == (True,)


@pytest.mark.endurance
def test_the_proof_measures_it_from_outside_and_leaves_nothing(deployed, tmp_path):
    access = {"SMOKE_USER": "ana", "SMOKE_KEY": deployed.key, "SMOKE_PASSWORD": PASSWORD}
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    words = ["--url", deployed.site.url, "--scale", "tiny", "--out", str(tmp_path)]
    command = [sys.executable, "-m", "benchmarks.proof", *words]
    done = subprocess.run(
        command, cwd=ROOT, env={**kept, **AWAY, **access}, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    visit, measured = json.loads((tmp_path / "report.json").read_text())["sections"]
    assert [line["what"] for line in visit["lines"]] == STEPS
    assert [(line["measured"], line["samples"]) for line in measured["lines"][1:4]] == [(0, 3), (0, 3), (0, 3)]
    left = (
        "SELECT count(*) FROM notificacao_notification n WHERE title = 'Medida do sistema' AND NOT EXISTS "
        "(SELECT FROM notificacao_receipt r WHERE r.notification_id = n.id AND archived_at IS NOT NULL AND read)"
    )
    assert deployed.ask(left) == (0,)


async def test_with_the_flag_at_0_all_but_ably_is_tried(well):
    marks, said, code = well.smoke("--sse-only", SMOKE_USER="bia")
    assert marks == dict.fromkeys([name for name in STEPS if "Ably" not in name], "ok"), said
    assert code == 0


@pytest.mark.endurance
def test_somebody_who_is_not_on_ably_is_told_of(deployed):
    marks, said, code = deployed.smoke(SMOKE_USER="bia")
    assert (marks["Token do Ably"], marks["Publicar"], code) == ("ERRO", "–", 1)
    assert "a pessoa recebe por SSE (not_in_rollout)" in said
    assert "--sse-only" in said


def test_a_wrong_login(deployed):
    marks, said, code = deployed.smoke(SMOKE_PASSWORD="errada")
    assert (marks["Entrada"], marks["Publicar"], marks["Limpeza"], code) == ("ERRO", "–", "ok", 1)
    assert "Confira SMOKE_USER e SMOKE_PASSWORD" in said


@pytest.mark.endurance
def test_a_wrong_key_and_the_login_is_ended_all_the_same(deployed):
    before = deployed.ask("SELECT count(*) FROM django_session")
    marks, said, code = deployed.smoke(SMOKE_KEY="errada.chave")
    assert (marks["Publicar"], marks["Receber por SSE"], marks["Limpeza"], code) == ("ERRO", "–", "ok", 1)
    assert "Confira SMOKE_KEY" in said
    assert deployed.ask("SELECT count(*) FROM django_session") == before


def test_nobody_dispatches(deployed):
    deployed.dispatcher.kill()
    try:
        marks, said, code = deployed.smoke("--patience=4")
    finally:
        deployed.dispatcher.start()
    assert code == 1
    assert marks["Receber por SSE"] == "ERRO" or "nenhum despachante está no comando" in said, said
    assert "manage.py dispatch" in said


async def test_ably_is_away(well):
    well.ably.kill()
    try:
        marks, said, code = well.smoke("--patience=4")
    finally:
        well.ably.start()
    assert code == 1
    assert "ERRO" in (marks["Token do Ably"], marks["Publicar"]), said
    assert "ably_check" in said
    assert marks["Sondas"] == "ERRO"


def test_the_site_is_away(deployed):
    marks, said, code = smoke(f"http://127.0.0.1:{free_port()}", "--patience=4", SMOKE_USER="ana", SMOKE_KEY="a.b")
    assert (marks["Saúde"], marks["Entrada"], marks["Sondas"], code) == ("ERRO", "–", "ERRO", 1)
    assert "o site não respondeu (ConnectError)" in said


@pytest.mark.parametrize(
    ("url", "access", "told"),
    [
        ("notificacoes.example", {}, "não é um endereço"),
        ("https://notificacoes.example", {}, "Falta no ambiente: SMOKE_USER, SMOKE_KEY"),
        ("https://notificacoes.example", {"SMOKE_USER": "ana"}, "Falta no ambiente: SMOKE_KEY"),
    ],
)
def test_what_it_lacks_is_said_before_anything_is_tried(url, access, told, settings, capsys):
    for name, value in {"SMOKE_USER": "", "SMOKE_KEY": "", "SMOKE_PASSWORD": PASSWORD, **access}.items():
        setattr(settings, name, value)
    with pytest.raises(CommandError, match=re.escape(told)):
        call_command("smoke", url)
    assert capsys.readouterr().out == ""


@pytest.mark.endurance
def test_a_certificate_that_nobody_signed_is_told_of_and_accepted_where_it_is_named(tmp_path):
    certificate = tmp_path / "site.pem"
    access = {"SMOKE_USER": "ana", "SMOKE_KEY": "a.b"}
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as site:
        site.socket = self_signed(certificate).wrap_socket(site.socket, server_side=True)
        threading.Thread(target=site.serve_forever, daemon=True).start()
        url = f"https://127.0.0.1:{site.server_port}"
        _, said, code = smoke(url, "--patience=4", **access)
        _, trusted, _ = smoke(url, "--patience=4", SSL_CERT_FILE=str(certificate), **access)
        site.shutdown()
    assert ("Saúde: o certificado do site não foi aceito" in said, code) == (True, 1), said
    assert "certificado" not in trusted, "the handshake was through"
