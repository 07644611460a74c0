"""What a site answers that is not well is told with what to do; the steps alone, without a site."""

from types import SimpleNamespace

import httpx
import pytest

from notificacao.smoke.checks import Smoke, Wrong


def answering(code: int, **body):
    """A visitor to whom every question is answered alike."""
    request = httpx.Request("GET", "http://site.example/")

    async def get(*_, **__):
        return httpx.Response(code, json=body, request=request)

    return SimpleNamespace(get=get, log_in=get)


@pytest.fixture
def steps():
    smoke = Smoke.__new__(Smoke)
    smoke._access, smoke._patience = SimpleNamespace(username="ana"), 1.0
    return smoke


async def test_a_site_that_is_not_ready_says_what_it_lacks(steps):
    async def get(path):
        request = httpx.Request("GET", path)
        alive = path.endswith("live")
        return httpx.Response(200 if alive else 503, json={"failing": ["migrations"]}, request=request)

    steps._visitor = SimpleNamespace(get=get)
    with pytest.raises(Wrong, match="não está pronto: migrations"):
        await steps._health()


async def test_a_site_that_nobody_leads_is_told_of(steps):
    steps._visitor = answering(200, nobody_leads=True)
    with pytest.raises(Wrong, match="nenhum despachante está no comando"):
        await steps._health()


@pytest.mark.parametrize(("status", "said"), [(200, "nome ou senha recusados"), (403, "403")])
async def test_a_login_that_is_refused_is_told_of(steps, status, said):
    steps._visitor = answering(status)
    with pytest.raises(Wrong, match=said):
        await steps._log_in()


async def test_a_probe_that_fails_names_the_breaker(steps):
    steps._visitor = answering(503, breaker="open")
    with pytest.raises(Wrong, match="disjuntor: open"):
        await steps._probes()
    steps._visitor = answering(200, status="not_configured")
    assert "todos por SSE" in await steps._probes()


async def test_an_answer_that_is_a_fault_is_a_finding(steps):
    async def fails():
        answer = await answering(500).get()
        answer.raise_for_status()

    finding = await steps._find("Saúde", fails)
    assert "Veja os registros" in str(finding)
