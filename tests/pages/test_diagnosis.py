"""The page "Diagnóstico": whom it is for, and that it has a sentence for everything that its script may find."""

import json
import re
import subprocess

import pytest

from notificacao.pages.diagnosis_texts import LINKS, STATUSES, TEXTS, VERDICTS
from tests.html import Page
from tests.live.ably_server import ROOT

DIAGNOSIS = "/notificacoes/diagnostico/"
NAMES = """
import { LINKS, STATUS } from "./notificacao/static/notificacao/diagnosis/judgement.js";
console.log(JSON.stringify([LINKS, STATUS]));
"""


@pytest.fixture(scope="module")
def script():
    """The links and the codes with their status, as the page's script has them."""
    command = ["node", "--input-type=module", "-e", NAMES]
    return json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=60).stdout)


def diagnosis_of(client, person):
    client.force_login(person)
    return Page(client.get(DIAGNOSIS))


def test_it_is_for_who_is_logged_in_and_kept_by_no_cache(client, ana):
    assert client.get(DIAGNOSIS)["Location"] == f"/entrar/?next={DIAGNOSIS}"
    client.force_login(ana)
    assert "no-store" in client.get(DIAGNOSIS)["Cache-Control"]


def test_each_link_waits_on_the_page_in_the_scripts_order(client, ana, script):
    links, _ = script
    client.force_login(ana)
    waiting = re.findall(r'<li data-link="(\w+)" data-status="pending">', client.get(DIAGNOSIS).content.decode())
    assert waiting == links == list(LINKS)


def test_every_page_leads_to_it(client, ana):
    client.force_login(ana)
    assert f'href="{DIAGNOSIS}"' in client.get("/notificacoes/").content.decode()


def test_there_is_a_sentence_for_each_code_and_for_no_other(script):
    _, codes = script
    assert set(TEXTS) == set(codes)
    assert set(codes.values()) | {"pending"} == set(STATUSES)
    assert set(codes.values()) - {"skipped", "warning"} | {"pending"} == set(VERDICTS)


def test_whatever_is_broken_has_a_way_out(script):
    _, codes = script
    for code, status in codes.items():
        advice = [TEXTS[code].person, TEXTS[code].operator]
        assert TEXTS[code].sentence, code
        assert any(advice) == (status in ("warning", "failure")), code
        assert TEXTS[code].person or status != "failure", code


def test_it_tells_the_script_how_long_to_wait_for_a_heartbeat(client, ana, settings):
    settings.STREAM_HEARTBEAT = 7.0
    assert diagnosis_of(client, ana).data["heartbeat"] == 7.0


def test_it_holds_nothing_of_the_person_for_a_report_to_leak(client, ana):
    data = json.dumps(diagnosis_of(client, ana).data)
    assert ana.public_id not in data
