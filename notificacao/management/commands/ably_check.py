"""Check whether Ably, with this key, does all that the system asks of it: `manage.py ably_check`."""

import asyncio
import json
import logging
from dataclasses import asdict

from django.core.management.base import BaseCommand, CommandError

from notificacao import checks
from notificacao.ably_check.checks import AblyCheck, Finding
from notificacao.ably_check.visitors import visitors
from notificacao.conf import conf

WORDS = {True: "ok  ", False: "ERRO", None: "–   "}
NOT_CONFIGURED = (
    "O Ably não está configurado, e todos recebem por SSE: defina ABLY_API_KEY (appId.keyId:segredo) no ambiente ou no "
    "arquivo .env e rode de novo."
)


class Command(BaseCommand):
    help = (
        "Confere chave, relógio, envio, criptografia, tokens, revogação e demora do Ably. Termina com 1 se algo falha."
    )
    requires_system_checks = (checks.OURS,)

    def add_arguments(self, parser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json", help="um objeto JSON, em vez de linhas")
        parser.add_argument("--probes", type=int, default=10, help="idas e voltas a medir (padrão: 10)")

    def handle(self, *, as_json: bool, probes: int, **options) -> None:
        if not 1 <= probes <= 1_000:
            raise CommandError("--probes deve ser de 1 a 1000.")
        if not conf.ably_configured:
            raise CommandError(NOT_CONFIGURED)
        # asyncio complains of tasks that the SDK leaves behind at a closed connection; each finding says what matters.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        found = asyncio.run(self._look(AblyCheck(visitors(), probes), as_it_comes=not as_json))
        if as_json:
            self._tell_as_json(found)
        if any(finding.ok is not True for finding in found):
            raise SystemExit(1)

    async def _look(self, check: AblyCheck, as_it_comes: bool) -> list[Finding]:
        found = []
        async for finding in check.findings():
            found.append(finding)
            if as_it_comes:
                self._tell(finding)
        return found

    def _tell(self, finding: Finding) -> None:
        self.stdout.write(f"{WORDS[finding.ok]}  {finding.name}: {finding.said}")
        if finding.to_do:
            self.stdout.write(f"      O que fazer: {finding.to_do}")
        self.stdout.flush()

    def _tell_as_json(self, found: list[Finding]) -> None:
        answer = {"ok": all(finding.ok for finding in found), "findings": [asdict(finding) for finding in found]}
        self.stdout.write(json.dumps(answer, ensure_ascii=False, indent=2))
