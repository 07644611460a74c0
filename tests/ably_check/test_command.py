"""`manage.py ably_check`: how it tells what was found, and how it ends. What is found, `test_ably_check.py` shows."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from notificacao.ably_check.checks import Finding
from notificacao.management.commands import ably_check

WELL = Finding("Chave", True, "aceita")
WRONG = Finding("Publicar e receber", False, "não é possível publicar", "Dê à chave “publish”.")
UNSEEN = Finding("Revogação", None, "não verificado")


@pytest.fixture
def tell(settings, monkeypatch):
    """`tell(findings, *words)`: what the command writes where these are found, and its exit code."""
    settings.ABLY_API_KEY = "app.key:segredo"
    monkeypatch.setattr(ably_check, "visitors", list)

    def run(findings, *words):
        class Check:
            def __init__(self, visitors, probes):
                self.probes = probes

            async def findings(self):
                for finding in findings:
                    yield finding

        monkeypatch.setattr(ably_check, "AblyCheck", Check)
        out, code = io.StringIO(), 0
        try:
            call_command("ably_check", *words, stdout=out)
        except SystemExit as ended:
            code = ended.code
        return out.getvalue(), code

    return run


def test_a_line_for_each_and_beneath_it_what_to_do(tell):
    told, code = tell([WELL, WRONG, UNSEEN])
    assert told.splitlines() == [
        "ok    Chave: aceita",
        "ERRO  Publicar e receber: não é possível publicar",
        "      O que fazer: Dê à chave “publish”.",
        "–     Revogação: não verificado",
    ]
    assert code == 1


@pytest.mark.parametrize("words", [(), ("--json",)])
@pytest.mark.parametrize(("findings", "code"), [([WELL, WELL], 0), ([WELL, WRONG], 1), ([WELL, UNSEEN], 1)])
def test_it_ends_well_only_where_all_was_looked_at_and_is_well(tell, findings, code, words):
    assert tell(findings, *words)[1] == code


@pytest.mark.parametrize(("findings", "ok"), [([WELL], True), ([WELL, WRONG], False), ([WELL, UNSEEN], False)])
def test_as_json_it_is_one_object_and_nothing_else(tell, findings, ok):
    answer = json.loads(tell(findings, "--json")[0])
    assert answer["ok"] is ok
    assert answer["findings"][0] == {"name": "Chave", "ok": True, "said": "aceita", "to_do": ""}
    assert len(answer["findings"]) == len(findings)


def test_without_a_key_there_is_one_sentence(settings):
    settings.ABLY_API_KEY = ""
    with pytest.raises(CommandError, match=r"não está configurado.*ABLY_API_KEY"):
        call_command("ably_check")


@pytest.mark.parametrize("probes", ["0", "1001"])
def test_an_odd_number_of_probes_is_refused(tell, probes):
    with pytest.raises(CommandError, match="--probes"):
        tell([], f"--probes={probes}")
