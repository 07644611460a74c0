"""Show where the rollout stands and why, and let staff act on it, each time with a reason."""

import re
from datetime import date, datetime
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from notificacao import audit
from notificacao.admin import rollout_stages
from notificacao.admin.readonly import ReadOnlyAdmin
from notificacao.models import RolloutPlan
from notificacao.rollout import plan as rollout_plan
from notificacao.rollout.plan import ACTS, GATE_STATES, NotNow

# What each act does, told to whoever is about to do it. CAREFUL names those that take people off Ably.
EXPLAINED = {
    "start": "Põe no Ably as pessoas da primeira etapa. As demais continuam por SSE.",
    "pause": "O percentual fica como está e o relógio para. A verificação automática ainda reverte, se há dano.",
    "resume": "O relógio da etapa volta a andar.",
    "advance": "Põe no Ably as pessoas da etapa seguinte, sem esperar que a verificação automática a libere.",
    "step_down": "Volta ao percentual da etapa anterior; quem sai do Ably passa ao SSE em segundos, sem perder nada.",
    "roll_back": "Traz todos de volta ao SSE em segundos, sem perder nada, e encerra este plano.",
}
_VERSION = re.compile(r"[0-9]{1,9}")
CAREFUL = ("step_down", "roll_back")


@admin.register(RolloutPlan)
class RolloutPlanAdmin(ReadOnlyAdmin):
    """Replace the list of plans by one page about the newest."""

    fields = ("state", "position", "reason", "approval", "since", "looked_at")

    def get_urls(self) -> list:
        stages = self.admin_site.admin_view(never_cache(partial(rollout_stages.edit, self)))
        return [path("stages/", stages, name="notificacao_rolloutplan_stages"), *super().get_urls()]

    @method_decorator(never_cache)
    def changelist_view(self, request, extra_context=None) -> HttpResponse:
        """Show the page at GET, or with `part=state` only what changes by itself; carry out an act at POST."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            return self._act(request)
        seen = rollout_plan.overview()
        may_act = request.user.has_perm(rollout_plan.PERMISSION)
        context = {
            **self.admin_site.each_context(request),
            "title": "Transição para o Ably",
            "opts": self.opts,
            "plan": _as_shown(seen),
            "acts": [_act(act, seen["people"]["assigned_to_ably"]) for act in seen["actions"]] if may_act else [],
            "may_act": may_act,
        }
        part = "_state" if request.GET.get("part") == "state" else "change_list"
        return TemplateResponse(request, f"admin/notificacao/rolloutplan/{part}.html", context)

    def _act(self, request: HttpRequest) -> HttpResponse:
        """Carry out the act that was posted; the plan itself judges permission, version and reason."""
        name, version = request.POST.get("act", ""), request.POST.get("version", "")
        if name not in ACTS or not _VERSION.fullmatch(version):
            raise PermissionDenied
        try:
            act = getattr(rollout_plan, name)
            reason, ip = request.POST.get("reason", ""), audit.address_of(request)
            plan = act(request.user, version=int(version), reason=reason, ip=ip)
        except NotNow as why:
            self.message_user(request, str(why), messages.ERROR)
        else:
            self.message_user(request, f"Feito: o plano está “{plan.get_state_display()}”.", messages.SUCCESS)
        return redirect(request.path)


def _as_shown(plan: dict[str, Any]) -> dict[str, Any]:
    stages = [_stage(stage) for stage in plan["stages"]]
    return plan | {"stages": stages, "opinions": _opinions(plan["opinions"]), "events": _events(plan["events"])}


def _act(act: dict[str, Any], on_ably: int) -> dict[str, Any]:
    """Return an act with what it does, and to how many of the people: `on_ably` are on Ably now."""
    after = act["on_ably"]
    fewer = after is not None and after < on_ably
    effect = "" if after is None else f"Pelo Ably: {on_ably} pessoas agora, {after} depois."
    if fewer:
        effect += f" Isto tira {on_ably - after} do Ably: passam ao SSE em segundos, sem perder nada."
    return act | {"explained": EXPLAINED[act["name"]], "effect": effect, "careful": fewer or act["name"] in CAREFUL}


def _stage(stage: dict[str, Any]) -> dict[str, Any]:
    gates = [
        gate | {"state_label": GATE_STATES[gate["state"]], "figures": rollout_plan.gate_figures(gate)}
        for gate in stage["gates"]
    ]
    return stage | {"gates": gates}


def _opinions(opinions: dict[str, Any]) -> dict[str, Any]:
    arms = {
        arm: said | {"content": None if said["content"] is None else 100 * said["content"]}
        for arm, said in opinions["arms"].items()
    }
    return opinions | {"since": date.fromisoformat(opinions["since"]), "arms": arms}


def _events(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        event | {"at": datetime.fromisoformat(event["at"]), "drafts": _drafts(event["figures"])} for event in events
    ]


def _drafts(figures: dict[str, Any]) -> list[str]:
    """Return the stages before and after an edit, each as a line; nothing for other events."""
    return [_draft(figures[when]) for when in ("before", "after") if when in figures]


def _draft(draft: dict[str, Any]) -> str:
    """Return a draft as a line: `5% 48 h 300, 100% 336 h 5000; reserva 0%; com aprovação`."""
    stages = (f"{stage['percent']:g}% {stage['bake_hours']} h {stage['minimum_sample']}" for stage in draft["stages"])
    approval = "com aprovação" if draft["needs_approval"] else "sem aprovação"
    return f"{', '.join(stages)}; reserva {draft['holdback']:g}%; {approval}".replace(".", ",")
