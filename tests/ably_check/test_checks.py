"""`manage.py ably_check` against the local server: all well, and each line that says what is wrong and what to do."""

import asyncio
import dataclasses
import json
import re
import time
import types

import jwt
import pytest
from django.core.management import call_command
from django.test import override_settings

from notificacao.ably_check import checks as ably_check
from notificacao.ably_check.checks import AblyCheck
from notificacao.ably_check.visitors import visitors
from notificacao.conf import conf
from notificacao.models import AuditEvent, BenefitType, Membership, Person, Role, Unit
from notificacao.transports import TransportError
from notificacao.transports.ably import AblyTransport, client, inspection, listening
from tests.faults.proxy import Proxy
from tests.live.ably_server import KEY_NAME, SECRET, AblyServer, free_port
from tests.live.tls import self_signed
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True, serialized_rollback=True)]

EVERYTHING = ["Relógio", "Chave", "Publicar e receber", "Criptografia"]
EVERYTHING += [*(f"Token de {role}" for role in Role.values), "Revogação", "Ida e volta"]


@pytest.fixture
def ably(settings, ably_server, monkeypatch):
    """A server that is well however busy the machine is: a test of what is late says from when on it is."""
    settings.ABLY_ENDPOINT, settings.ABLY_PORT, settings.ABLY_TLS = "127.0.0.1", ably_server.port, False
    settings.ABLY_API_KEY = ably_server.key
    settings.ABLY_PUBLISH_TIMEOUT = settings.ABLY_SLOW_AFTER = PATIENCE
    monkeypatch.setattr(ably_check, "_REVOKED_WITHIN", PATIENCE)
    return settings


class Hurried:
    """The project's settings, but for half a second to wait for Ably."""

    ABLY_PUBLISH_TIMEOUT = 0.5

    def __getattr__(self, name):
        return getattr(conf, name)


@pytest.fixture
def of_each_role(ably, db):
    """Their tokens; the database's work is done before the loop begins."""
    return visitors()


@pytest.fixture
def our_tokens_may(monkeypatch):
    """`our_tokens_may("publish")`: that and no more, as with a key of that capability."""

    def only(*operations):
        async def sign(_params):
            now = int(time.time())
            claims = {"iat": now, "exp": now + 60, "x-ably-capability": json.dumps({"*": operations})}
            return jwt.encode(claims, SECRET, algorithm="HS256", headers={"kid": KEY_NAME})

        for module in (client, listening):
            monkeypatch.setattr(module, "sign_own_token", sign)

    return only


async def findings(visitors=()):
    """`{name: finding}` of one run."""
    check = AblyCheck(list(visitors), probes=3)
    return {finding.name: finding async for finding in check.findings()}


def wrong(found):
    return [name for name, finding in found.items() if finding.ok is not True]


async def test_where_all_is_well_every_line_says_so(of_each_role):
    found = await findings(of_each_role)
    assert list(found) == EVERYTHING
    assert wrong(found) == []
    assert "json/utf-8/cipher+aes-256-cbc/base64" in found["Criptografia"].said
    assert found["Token de TECNICO"].said.startswith("ouve os seus 3 canais")
    assert found["Token de GESTOR"].said.startswith("ouve os seus 6 canais")
    assert not any(finding.to_do for finding in found.values())


async def test_a_wrong_key_is_told_without_its_secret_and_the_rest_is_not_tried(ably):
    ably.ABLY_API_KEY = f"{KEY_NAME}:outro-segredo-de-teste-32-letras"
    found = await findings()
    assert "semtas.local foi recusada: o Ably recusou a chave ou a conta (código 401" in found["Chave"].said
    assert "ABLY_API_KEY" in found["Chave"].to_do
    assert {found[name].ok for name in ("Publicar e receber", "Revogação", "Ida e volta")} == {None}
    assert "outro-segredo" not in str(found)


async def test_where_nobody_answers_the_address_is_to_be_checked(ably):
    ably.ABLY_PORT = free_port()
    found = await findings()
    assert set(wrong(found)) == set(found)
    for name in ("Relógio", "Chave"):
        assert "ABLY_ENDPOINT" in found[name].to_do


async def test_a_certificate_that_nobody_trusts_is_named(ably, ably_server, tmp_path):
    ably.ABLY_TLS = True
    with Proxy(ably_server.port, self_signed(tmp_path / "unknown.pem")) as proxy:
        ably.ABLY_PORT = proxy.port
        found = await findings()
    assert set(wrong(found)) == set(found)
    for name in ("Relógio", "Chave"):
        assert "CERTIFICATE_VERIFY_FAILED" in found[name].said
        assert "SSL_CERT_FILE" in found[name].to_do


@pytest.mark.parametrize(("seconds", "direction"), [(900, "adiantado"), (-900, "atrasado")])
async def test_a_clock_that_is_off_is_told_with_its_direction(ably, monkeypatch, seconds, direction):
    off = types.SimpleNamespace(time=lambda: time.time() + seconds, monotonic=time.monotonic)
    monkeypatch.setattr(ably_check, "time", off)
    monkeypatch.setattr(inspection, "conf", Hurried())  # with a token of such a time no connection comes about
    found = await findings()
    [told] = re.findall(rf"([\d.]+) s {direction}", found["Relógio"].said)
    assert float(told) == pytest.approx(900, abs=60), "by half of what the request takes it may be wrong"
    assert "NTP" in found["Relógio"].to_do
    if seconds > 0:  # Ably revokes nothing in its future
        assert wrong(found) == ["Relógio", "Revogação"]


async def test_a_key_that_may_not_publish_is_to_be_given_publish(ably, our_tokens_may):
    our_tokens_may("subscribe", "history")
    found = await findings()
    assert wrong(found) == ["Publicar e receber", "Criptografia", "Ida e volta"]
    assert "não é possível publicar: o Ably recusou o pedido (código 40160)" in found["Publicar e receber"].said
    assert "“publish”" in found["Publicar e receber"].to_do


async def test_a_key_that_may_not_subscribe_is_to_be_given_subscribe(ably, our_tokens_may, monkeypatch):
    monkeypatch.setattr(ably_check, "conf", Hurried())
    our_tokens_may("publish", "history")
    found = await findings()
    assert wrong(found) == ["Publicar e receber", "Criptografia", "Ida e volta"]
    assert "não chegou em 0.5 s" in found["Publicar e receber"].said
    assert "“subscribe”" in found["Publicar e receber"].to_do


async def test_a_key_that_may_not_read_history_is_to_be_given_history(ably, our_tokens_may):
    our_tokens_may("publish", "subscribe")
    found = await findings()
    assert wrong(found) == ["Criptografia"]
    assert "não lê o histórico: o Ably recusou o pedido (código 40160)" in found["Criptografia"].said
    assert "“history”" in found["Criptografia"].to_do


async def test_where_http_passes_and_websockets_do_not_that_is_told(ably, monkeypatch):
    realtime = listening.realtime

    def nowhere(auth_callback):
        with override_settings(ABLY_PORT=free_port()):
            return realtime(auth_callback)

    monkeypatch.setattr(listening, "realtime", nowhere)
    monkeypatch.setattr(listening, "conf", Hurried())
    found = await findings()
    assert wrong(found) == ["Publicar e receber", "Criptografia", "Ida e volta"]
    assert "não é possível ouvir" in found["Publicar e receber"].said
    assert "WebSocket" in found["Publicar e receber"].to_do


async def test_two_checks_at_once_each_hear_their_own_probes(ably):
    for found in await asyncio.gather(findings(), findings()):
        assert [found[name] for name in wrong(found)] == []


async def test_a_history_that_lags_is_waited_for(ably, monkeypatch):
    held, asked = inspection.held, []

    async def late(*args):
        asked.append(args)
        return await held(*args) if len(asked) > 1 else []

    monkeypatch.setattr(inspection, "held", late)
    assert wrong(await findings()) == []
    assert len(asked) == 2


async def test_a_history_that_ably_cannot_give_now_is_not_blamed_on_the_key(ably, monkeypatch):
    async def fail(*args):
        raise TransportError("50003: away", "o Ably falhou (código 50003)", permanent=False)

    monkeypatch.setattr(inspection, "held", fail)
    found = await findings()
    assert wrong(found) == ["Criptografia"]
    assert found["Criptografia"].said == "o Ably falhou (código 50003) (“50003: away”)"


async def test_what_lies_at_ably_in_the_clear_is_told(ably, monkeypatch):
    announce, kept = AblyTransport.announce, []

    async def remembered(self, channel, data, **how):
        message_id = await announce(self, channel, data, **how)
        kept.append({"id": message_id, "data": json.dumps(data), "encoding": None})
        return message_id

    async def held(client, channel):
        return kept

    monkeypatch.setattr(AblyTransport, "announce", remembered)
    monkeypatch.setattr(inspection, "held", held)
    found = await findings()
    assert wrong(found) == ["Criptografia"]
    assert "em claro" in found["Criptografia"].said


async def test_what_comes_back_as_something_else_is_told(ably, monkeypatch):
    take = listening.Listening.take
    headers = {"headers": {"seq": 7}}
    changed = {"data": {"data": "???", "encoding": ""}, "headers": {"extras": headers}, "all headers": {"extras": None}}
    for change in changed.values():
        monkeypatch.setattr(
            listening.Listening,
            "take",
            lambda self, message, change=change: take(
                self,
                types.SimpleNamespace(
                    **{name: getattr(message, name) for name in ("id", "data", "encoding", "extras")} | change
                ),
            ),
        )
        found = await findings()
        assert wrong(found) == ["Criptografia"]
        assert "nossa assinatura" in found["Criptografia"].said


async def test_what_our_key_does_not_open_does_not_arrive(ably, monkeypatch):
    subscribe = AblyTransport.subscribe
    monkeypatch.setattr(AblyTransport, "subscribe", lambda self, channel, key: subscribe(self, channel, key=bytes(32)))
    monkeypatch.setattr(ably_check, "conf", Hurried())
    assert "Criptografia" in wrong(await findings())


async def test_a_token_that_hears_what_it_should_not_or_lacks_what_it_should_hear_is_told(of_each_role):
    caio, *_, gestor, _, _ = of_each_role
    foreign = gestor.own
    for visitor, channels, said in (
        (gestor, {**gestor.channels, gestor.own: False}, f"ouve {gestor.own} (código 0)"),
        (caio, {**caio.channels, foreign: True}, f"não ouve {foreign} (código 40160)"),
    ):
        found = await findings([dataclasses.replace(visitor, channels=channels)])
        [name] = wrong(found)
        assert name == f"Token de {visitor.role}"
        assert found[name].said.endswith(said)
        assert found[name].to_do


async def test_a_token_with_which_a_person_could_publish_is_told(of_each_role):
    ana = of_each_role[1]
    claims = jwt.decode(ana.token, SECRET, algorithms=["HS256"])
    claims["x-ably-capability"] = json.dumps(
        {name: ["subscribe", "publish"] for name, may in ana.channels.items() if may}
    )
    token = jwt.encode(claims, SECRET, algorithm="HS256", headers={"kid": KEY_NAME})
    found = await findings([dataclasses.replace(ana, token=token)])
    assert found["Token de TECNICO"].said == "publica (código 0)"


async def test_a_key_whose_tokens_cannot_be_revoked_is_told_with_both_ways_out(ably):
    with AblyServer(None, SECRET, "--irrevocable") as server:
        ably.ABLY_PORT = server.port
        found = await findings()
        assert wrong(found) == ["Revogação"]
        assert "o Ably não revoga" in found["Revogação"].said
        for way_out in ("Revocable tokens", "ABLY_KEY_REVOCABLE=false"):
            assert way_out in found["Revogação"].to_do
        ably.ABLY_KEY_REVOCABLE = False
        found = await findings()
        assert wrong(found) == []
        assert "desligada" in found["Revogação"].said


async def test_a_revocation_without_effect_is_told(ably, monkeypatch):
    async def says_so_and_does_nothing(self, targets, issued_before):
        pass

    monkeypatch.setattr(AblyTransport, "revoke", says_so_and_does_nothing)
    monkeypatch.setattr(ably_check, "_REVOKED_WITHIN", 0.3)
    found = await findings()
    assert "vale ainda" in found["Revogação"].said


async def test_an_ably_that_is_slow_from_here_is_told(ably):
    ably.ABLY_SLOW_AFTER = 0.0001
    found = await findings()
    assert wrong(found) == ["Ida e volta"]
    assert "mediana de 3: " in found["Ida e volta"].said
    assert "disjuntor" in found["Ida e volta"].to_do


# --- The command


def test_nobody_and_nothing_of_the_tokens_is_left_in_the_database(ably, db, ana):
    tables = (Person, Unit, BenefitType, Membership, AuditEvent)
    before = [table.objects.count() for table in tables]
    assert [visitor.role for visitor in visitors()] == Role.values
    assert [table.objects.count() for table in tables] == before


def test_the_command_writes_a_line_for_each_and_ends_well(ably, db, capsys):
    call_command("ably_check", "--probes=1")
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [f"ok    {name}" for name in EVERYTHING]


def test_the_command_ends_with_1_where_something_is_wrong_and_says_what_to_do(ably, db, capsys):
    ably.ABLY_API_KEY = f"{KEY_NAME}:outro-segredo-de-teste-32-letras"
    with pytest.raises(SystemExit) as ended:
        call_command("ably_check")
    assert ended.value.code == 1
    out = capsys.readouterr().out
    assert "ERRO  Chave: semtas.local foi recusada" in out
    assert "      O que fazer: Copie a chave inteira" in out
    assert "–     Revogação: não verificado, porque “Chave” falhou" in out


def test_as_json_it_is_one_object(ably, db, capsys):
    call_command("ably_check", "--json", "--probes=1")
    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is True
    assert [finding["name"] for finding in answer["findings"]] == EVERYTHING
    assert set(answer["findings"][0]) == {"name", "ok", "said", "to_do"}
