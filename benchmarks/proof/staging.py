"""Measure from outside a site that runs elsewhere: one person, one producer, few notifications, nothing left behind."""

import asyncio
import contextlib
import os
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx

from benchmarks.proof.charts import chart, number_of
from benchmarks.proof.judging import Line, Section, Verdict, held_against, never
from benchmarks.proof.loaded import Harm, quantile
from benchmarks.proof.scenes.told import spread
from notificacao import plan_goals as plan
from notificacao.smoke.checks import Smoke
from notificacao.smoke.visitor import Access, Visitor

NAMES = ("SMOKE_USER", "SMOKE_PASSWORD", "SMOKE_KEY")
LOOPBACK = ("127.0.0.1", "::1", "localhost")
EVERY = 0.5  # seconds between two notifications: no more is asked of a site that others use
_PATIENCE = 10.0  # seconds


class Refused(ValueError):
    """The address is of a host that is not loopback, and that was not named."""


def allowed(url: str, own_host: str) -> str:
    """Return the address without its last slash. Raises Refused, or ValueError where it is no address."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url} não é um endereço: use https://homologacao.example.")
    if parts.hostname not in LOOPBACK and parts.hostname != own_host.lower():
        raise Refused(
            f"{parts.hostname} não é esta máquina: se o site é seu, repita o nome em --own-host {parts.hostname}."
        )
    return url.rstrip("/")


def access(url: str) -> Access:
    """Return the access that the environment gives. Raises ValueError, with the names of what is missing."""
    given = {name: os.environ.get(name, "") for name in NAMES}
    if missing := [name for name, value in given.items() if not value]:
        raise ValueError(f"Falta no ambiente: {', '.join(missing)}. O que são: manage.py smoke --help.")
    return Access(url, *given.values())


def run(access: Access, *, count: int, on_ably: bool) -> list[Section]:
    """Try the site once as `manage.py smoke` does, then send `count` notifications to the one person."""
    tried = asyncio.run(_tried(access, on_ably))
    return [tried] if tried.is_red else [tried, asyncio.run(_measured(access, count))]


async def _tried(access: Access, on_ably: bool) -> Section:
    section = Section(
        "Visita por fora", "Os passos de manage.py smoke: saúde, entrada, publicar, receber, consulta, limpeza."
    )
    async for found in Smoke(access, patience=_PATIENCE, on_ably=on_ably).findings():
        verdict = {True: Verdict.MET, False: Verdict.RED, None: Verdict.UNMEASURED}[found.ok]
        section.lines.append(Line(found.name, "", None, verdict, 1, " ".join(filter(None, (found.said, found.to_do)))))
    return section


async def _measured(access: Access, count: int) -> Section:
    visitor = Visitor(access)
    asked: dict[str, float] = {}
    came: list[tuple[dict[str, Any], float]] = []
    refused = 0
    try:
        await visitor.log_in()
        session = (await visitor.get("api/v1/session/")).json()
        async with visitor.stream(session["position"]) as events:
            listening = asyncio.create_task(_listen(events, came))
            for _ in range(count):
                began = time.monotonic()
                answer = await visitor.send(_notification(access.username))
                refused += not answer.is_success
                if answer.is_success:
                    asked.update(dict.fromkeys(answer.json()["results"][0]["ids"], began))
                await asyncio.sleep(max(0.0, EVERY - (time.monotonic() - began)))
            await _wait_for(came, asked)
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError, httpx.HTTPError):
                await listening
        await _clean_up(visitor, asked)
    finally:
        await visitor.close()
    return _section(asked, came, {one["name"] for one in session["channels"]}, refused)


async def _listen(events: AsyncIterator, came: list) -> None:
    async for name, data in events:
        if name == "notification":
            came.append((data, time.monotonic()))


async def _wait_for(came: list, asked: dict[str, float]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while asked.keys() - {row["id"] for row, _ in came} and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    await asyncio.sleep(1.0)  # what would come twice


async def _clean_up(visitor: Visitor, asked: dict[str, float]) -> None:
    for one in asked:
        for act in ("acknowledge", "read", "archive"):
            await visitor.post(f"api/v1/notifications/{one}/{act}/")
        await asyncio.sleep(0.2)  # within the rate of calls
    await visitor.log_out()


def _section(asked: dict[str, float], came: list, channels: set[str], refused: int) -> Section:
    times = Counter(row["id"] for row, _ in came)
    harm = Harm(
        lost=len(asked.keys() - times.keys()),
        twice=sum(times[one] > 1 for one in asked),
        foreign=sum(row["channel"] not in channels for row, _ in came),
        checked=len(came),
        by_one_path=len(came),
    )
    delays = [1_000 * (at - asked[row["id"]]) for row, at in came if row["id"] in asked]
    told = (
        f"{len(asked)} notificações, uma a cada {number_of(EVERY)} s; do início do POST até o fluxo SSE, rede incluída"
    )
    p95 = quantile(delays, 0.95) if delays else None
    sent = len(asked) + refused
    errors = 100 * (refused + harm.lost) / sent if sent else None
    lines = [
        held_against(plan.LATENCY_P95, p95, samples=len(delays), how=told, spread=spread(delays) if delays else ""),
        held_against(plan.ERRORS, errors, samples=sent, how=f"{refused} recusadas, {harm.lost} sem chegar"),
        never("Perdidas", harm.lost, samples=len(asked), how=told),
        never("Recebidas duas vezes", harm.twice, samples=len(came), how=told),
        never(
            "De canais que não são da pessoa", harm.foreign, samples=len(came), how="comparadas com os canais da sessão"
        ),
    ]
    drawn = chart("Atraso de cada uma", "notificação", "ms", {"SSE": list(enumerate(delays))}, 100)
    title = "Notificações a uma pessoa, por fora"
    about = "Vazão, memória e falhas não se medem de fora. De quem são os canais diz o próprio site."
    error = "" if delays else f"nada foi entregue: {refused} de {sent} recusadas"
    return Section(title, about, lines, [drawn] if drawn else [], harm, error)


def _notification(username: str) -> dict[str, Any]:
    return {
        "recipients": {"people": [username]},
        "kind": "sistema",
        "priority": "alta",
        "title": "Medida do sistema",
        "message": "Enviada por script/proof para medir a entrega. Não é preciso fazer nada.",
    }
