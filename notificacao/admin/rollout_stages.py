"""Let staff edit the stages of the rollout in a form; the plan itself judges what it is given."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from notificacao import audit
from notificacao.rollout import plan as rollout_plan
from notificacao.rollout.plan import Draft, NotNow, Stage
from notificacao.rollout.plan.acts import REASON_MAX
from notificacao.rollout.plan.editing import BAKE_MAX, HOLDBACK_MAX, SAMPLE_MAX, STAGES_MAX, why_fixed

APPROVAL = {"yes": "Espera que alguém aprove cada etapa seguinte.", "no": "Avança sozinho quando a etapa cumpre tudo."}


class PlanForm(forms.Form):
    """Hold what concerns the whole plan; `version` is that of the plan which the page showed."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    holdback = forms.DecimalField(
        label="Reserva, em % das pessoas",
        min_value=0,
        max_value=HOLDBACK_MAX,
        decimal_places=1,
        help_text="Quem fica por SSE até o fim, para que haja com quem comparar: de 0 a 2. A última etapa é a de todos "
        "menos a reserva.",
    )
    approval = forms.ChoiceField(
        label="Ao fim de cada etapa o plano", choices=APPROVAL.items(), widget=forms.RadioSelect
    )
    reason = forms.CharField(
        label="Motivo (fica no histórico)", max_length=REASON_MAX, widget=forms.Textarea({"rows": 2})
    )


class StageForm(forms.Form):
    """Hold one stage."""

    percent = forms.DecimalField(label="Pessoas no Ably (%)", min_value=0.1, max_value=100, decimal_places=1)
    bake_hours = forms.IntegerField(label="Observação (horas)", min_value=1, max_value=BAKE_MAX)
    minimum_sample = forms.IntegerField(label="Amostra mínima (notificações)", min_value=1, max_value=SAMPLE_MAX)


class _StageFormSet(forms.BaseFormSet):
    """Hold a row for each stage; a row that is left blank is none."""

    def get_form_kwargs(self, index) -> dict[str, Any]:
        return super().get_form_kwargs(index) | {"empty_permitted": True, "use_required_attribute": False}

    def add_fields(self, form, index) -> None:
        super().add_fields(form, index)
        for field in form.fields.values():
            field.widget.attrs["aria-label"] = f"{field.label}, etapa {index + 1}"

    @property
    def stages(self) -> tuple[Stage, ...]:
        return tuple(Stage(**form.cleaned_data) for form in self.forms if form.has_changed())


StageFormSet = forms.formset_factory(
    StageForm, formset=_StageFormSet, extra=2, max_num=STAGES_MAX, absolute_max=STAGES_MAX
)


def edit(model_admin, request: HttpRequest) -> HttpResponse:
    """Show the form at GET, or why the stages may not be edited; change them at POST. Raises PermissionDenied."""
    if not (model_admin.has_view_permission(request) and request.user.has_perm(rollout_plan.PERMISSION)):
        raise PermissionDenied
    plan = rollout_plan.newest()
    data = request.POST if request.method == "POST" else None
    draft = Draft.of(plan)
    initial = {"version": plan.version, "holdback": draft.holdback, "approval": "yes" if draft.needs_approval else "no"}
    form = PlanForm(data, initial=initial)
    rows = StageFormSet(data) if data else StageFormSet(initial=[stage._asdict() for stage in draft.stages])
    if data and form.is_valid() and rows.is_valid() and _is_done(request, form, rows.stages):
        model_admin.message_user(request, "Feito: as etapas foram alteradas.", messages.SUCCESS)
        return redirect("admin:notificacao_rolloutplan_changelist")
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Editar etapas",
        "opts": model_admin.opts,
        "fixed": why_fixed(plan),
        "form": form,
        "rows": rows,
        "columns": [field.label for field in StageForm.base_fields.values()],
    }
    return TemplateResponse(request, "admin/notificacao/rolloutplan/stages.html", context)


def _is_done(request: HttpRequest, form: PlanForm, stages: tuple[Stage, ...]) -> bool:
    """Edit the plan and return True, or tell the form why not and return False."""
    given = form.cleaned_data
    draft = Draft(stages, given["holdback"], given["approval"] == "yes")
    if faults := list(draft.faults()):
        form.add_error(None, faults)
        return False
    try:
        ip = audit.address_of(request)
        rollout_plan.edit(request.user, version=given["version"], reason=given["reason"], draft=draft, ip=ip)
    except NotNow as why:
        form.add_error(None, str(why))
        return False
    return True
