"""Try a site from outside, as after each deploy: `manage.py smoke URL`."""

import asyncio
import logging
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError

from notificacao.ably_check.checks import Finding
from notificacao.conf import conf
from notificacao.management.commands.ably_check import WORDS
from notificacao.smoke.checks import Smoke
from notificacao.smoke.visitor import Access

NAMES = ("SMOKE_USER", "SMOKE_PASSWORD", "SMOKE_KEY")


class Command(BaseCommand):
    help = (
        "Confere um site por fora: saúde, entrada, token, publicar, receber por SSE e Ably, sondas; limpa o que fez. "
        "O acesso vem do ambiente: SMOKE_USER, SMOKE_PASSWORD e SMOKE_KEY, a chave de um sistema produtor. "
        "Termina com 1 se algo falha."
    )
    requires_system_checks = ()  # it asks another machine's site, whatever the settings here

    def add_arguments(self, parser) -> None:
        parser.add_argument("url", help="https://notificacoes.example, com o prefixo, onde houver um")
        parser.add_argument("--sse-only", action="store_true", help="deixa o Ably fora: a chave de transição está em 0")
        parser.add_argument(
            "--patience", type=float, default=10.0, help="segundos de espera em cada passo (padrão: 10)"
        )

    def handle(self, *, url: str, sse_only: bool, patience: float, **options) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise CommandError(f"{url} não é um endereço: use https://notificacoes.example.")
        if not 0.1 <= patience <= 300:
            raise CommandError("--patience deve ser de 0.1 a 300.")
        given = {name: getattr(conf, name) for name in NAMES}
        if missing := [name for name, value in given.items() if not value]:
            raise CommandError(f"Falta no ambiente: {', '.join(missing)}. O que são: manage.py smoke --help.")
        # asyncio complains of tasks that the SDK leaves behind at a closed connection; each finding says what matters.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        access = Access(url.rstrip("/"), *given.values())
        found = asyncio.run(self._look(Smoke(access, patience=patience, on_ably=not sse_only)))
        if any(finding.ok is False for finding in found):
            raise SystemExit(1)

    async def _look(self, smoke: Smoke) -> list[Finding]:
        found = []
        async for finding in smoke.findings():
            found.append(finding)
            self.stdout.write(f"{WORDS[finding.ok]}  {finding.name}: {finding.said}")
            if finding.to_do:
                self.stdout.write(f"      O que fazer: {finding.to_do}")
            self.stdout.flush()
        return found
