"""Show or conduct the rollout from a shell, as the admin's page does: `manage.py rollout`."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from notificacao import checks
from notificacao.rollout import plan as rollout_plan
from notificacao.rollout.plan import GATE_STATES, NotNow, SystemActor, gate_figures

ACTS = {
    "start": rollout_plan.start,
    "pause": rollout_plan.pause,
    "resume": rollout_plan.resume,
    "advance": rollout_plan.advance,
    "step-down": rollout_plan.step_down,
    "rollback": rollout_plan.roll_back,
}
KILL = "kill"  # sets the flag to "Não", whatever the plan, and whoever acted meanwhile
INSTEAD = {"rollback": f" Para que todos recebam por SSE assim mesmo: manage.py rollout {KILL} --reason “…”."}


class Command(BaseCommand):
    help = (
        "Mostra (status) ou conduz a transição para o Ably: cada ato pede --reason e fica registrado. kill desliga a "
        "chave (Não: ninguém), haja ou não um plano; quem a devolve ao percentual é a administração."
    )
    requires_system_checks = (checks.OURS,)

    def add_arguments(self, parser) -> None:
        parser.add_argument("act", choices=["status", *ACTS, KILL])
        parser.add_argument("--reason", default="", help="o motivo do ato, para quem vier depois")
        parser.add_argument("--json", action="store_true", dest="as_json", help="tudo, como um objeto JSON")

    def handle(self, *, act: str, reason: str, as_json: bool, **options) -> None:
        if act != "status":
            try:
                self._act(act, reason)
            except NotNow as error:
                raise CommandError(f"{error}{INSTEAD.get(act, '')}") from error
        now = rollout_plan.overview()
        if as_json:
            self.stdout.write(json.dumps(now, ensure_ascii=False, indent=2))
        else:
            self._tell(now)

    def _act(self, act: str, reason: str) -> None:
        if act == KILL:
            rollout_plan.switch_off(SystemActor.SHELL, reason=reason)
        else:
            ACTS[act](SystemActor.SHELL, version=rollout_plan.newest().version, reason=reason)

    def _tell(self, now: dict[str, Any]) -> None:
        self.stdout.write(now["sentence"])
        for stage in now["stages"]:
            self.stdout.write(
                f"{'→' if stage['current'] else ' '} {stage['percent']:g}%: {stage['watched_hours']:g} de "
                f"{stage['bake_hours']} h, {stage['sample']} de {stage['minimum']} notificações"
            )
            for gate in stage["gates"] if stage["current"] else ():
                self.stdout.write(f"    {gate['label']}: {GATE_STATES[gate['state']]} ({gate_figures(gate)})")
