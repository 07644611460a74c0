"""The security scenario of docs/pt-br/cenario-de-seguranca.md: its commands, in its order, do what it says."""

import re
import shlex
import uuid
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from notificacao import audiences, audit, audit_chain
from notificacao.models import AuditEvent, Channel, RolloutFlag, RolloutPlan
from notificacao.rollout import plan as rollout_plan
from tests.conftest import make_person
from tests.documents import commands, markdown
from tests.documents.product import ROOT
from tests.live.ably_server import free_port
from tests.rows import write_stamped
from tests.stamping import number_changes

pytestmark = pytest.mark.django_db
SCENARIO = ROOT / "docs" / "pt-br" / "cenario-de-seguranca.md"
KEPT = ("41", "9000ec0d808530e4d337ed6e4378d84b4af3a9593c4176aee79ecb120ef92fec")  # the scenario's, of a rehearsal
FOUND = {
    "token_issued": "ana",
    "access_denied": "192.0.2.17",
    "rollout_changed": "shell",
    "tokens_revoked": "manage.py",
}
FLAGS = "/admin/notificacao/rolloutflag/"


class Drill:
    """Run the scenario's commands one after another; `next` takes what it has to begin with."""

    def __init__(self):
        fences = markdown.read(SCENARIO, ROOT).fences
        written = (line for fence in fences if fence.language == "sh" for _, line in commands.lines(fence.said.text))
        self.left = [line for line in (shlex.split(line, comments=True) for line in written) if "manage.py" in line[0]]

    def next(self, *begins: str, **instead: str) -> str:
        """Run the next command and return what it prints; `instead` is what to give in place of one of its words."""
        _, *words = self.left.pop(0)
        assert words[: len(begins)] == [*begins], words
        out = StringIO()
        call_command(*(instead.get(word, word) for word in words), stdout=out)
        return out.getvalue()


@pytest.fixture
def drill(settings):
    settings.ABLY_API_KEY = "semtas.local:" + "s" * 32
    settings.ABLY_ENDPOINT, settings.ABLY_PORT, settings.ABLY_TLS = "127.0.0.1", free_port(), False
    return Drill()


@pytest.fixture
def admin(client, bia):
    """Return somebody with a login; a plan is under way, which the incident interrupts."""
    admin = make_person("chefe", is_staff=True, is_superuser=True)
    client.force_login(admin)
    rollout_plan.start(rollout_plan.SystemActor.SHELL, version=rollout_plan.newest().version, reason="Piloto")
    audit.record(AuditEvent.Action.TOKEN_ISSUED, who="ana", ip="192.0.2.17")
    audit.record(AuditEvent.Action.ACCESS_DENIED, ip="192.0.2.17", reason="not_found notification")
    return admin


def test_the_commands_switch_off_look_into_it_and_switch_on_again(drill, admin, client, ana, cras_norte):
    unit = Channel.objects.create(name=audiences.channel_for_unit(cras_norte), key_epoch=7)

    drill.next("rollout", "kill")
    assert RolloutFlag.objects.get().everyone is False
    assert RolloutPlan.objects.last().state == RolloutPlan.State.ROLLED_BACK
    assert "A chave está em “Não”: nada vai ao Ably" in drill.next("rollout", "status")

    assert "Logins encerrados: 1." in drill.next("end_logins")
    assert client.get("/api/v1/session/").status_code == 401
    number_changes()
    unit.refresh_from_db()
    assert unit.key_epoch == 8

    audit_chain.link()
    told = drill.next("audit_verify")
    position, digest = re.search(r"posição (\d+), ([0-9a-f]{64})", told).groups()
    for action, who in FOUND.items():
        assert who in drill.next("audit_export", "--since", "2026-11-26", "--action", action)
    asked = uuid.UUID(drill.left[0][2])
    write_stamped(1, audiences.channel_for_user(ana), public_id=asked)
    assert drill.next("why").startswith("Não era para bia")

    with override_settings(DEBUG=True):  # as on the demonstration: in production it asks for secrets of one's own
        drill.next("check", "--deploy")
    with pytest.raises(SystemExit):
        drill.next("ably_check")  # nobody answers there: what it says with a key is in tests/ably_check

    with pytest.raises(CommandError, match="escolha “Vale o percentual”"):
        drill.next("rollout", "start")
    client.force_login(admin)
    address = re.search(rf"{FLAGS}\d+/change/", client.get(FLAGS).content.decode())[0]
    client.post(address, {"everyone": "unknown", "percent": "0", "note": "Chaves trocadas"})
    drill.next("rollout", "start")
    assert RolloutPlan.objects.last().state == RolloutPlan.State.RUNNING
    assert "Etapa 1 de 4" in drill.next("rollout", "status")

    audit_chain.link()
    drill.next("audit_verify", "--kept", **dict(zip(KEPT, (position, digest), strict=True)))
    assert drill.left == []
