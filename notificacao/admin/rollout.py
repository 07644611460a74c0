"""Let staff change the flag that decides who is on Ably. Its history has the old and the new value of each change."""

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.formats import number_format

from notificacao import audit, rollout
from notificacao.admin.wording import Wording
from notificacao.models import Person, RolloutFlag
from notificacao.rollout import plan as rollout_plan
from notificacao.rollout.plan import Act

EVERYONE = {None: "Vale o percentual", True: "Sim", False: "Não: ninguém, todos por SSE"}
NOT_CONFIGURED = (
    "O Ably não está configurado e todos recebem por SSE: defina ABLY_API_KEY no ambiente ou no arquivo .env e "
    "reinicie o sistema, ou inicie-o por script/server, que monta um servidor local onde houver cargo."
)
OUT_OF_USE = "O Ably está fora de uso (veja o disjuntor) e, até que volte, todos recebem por SSE."


class _EveryoneSelect(forms.NullBooleanSelect):
    def __init__(self, attrs=None):
        super().__init__(attrs)
        self.choices = list(zip(("unknown", "true", "false"), EVERYONE.values(), strict=True))


class FlagForm(forms.ModelForm):
    """Change the flag only from the value that the page showed: somebody else may have changed it meanwhile."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = RolloutFlag
        fields = ("everyone", "percent", "note")
        labels = {"everyone": "Todos no Ably", "note": "Observação"}
        widgets = {"everyone": _EveryoneSelect}
        help_texts = {
            "everyone": "Vale mais que o percentual. Em caso de problema com o Ably escolha “Não”: em segundos todos "
            "passam ao SSE, e nada se perde.",
            "percent": "Quantos em cada 100 recebem pelo Ably: de 0 a 100, com uma casa decimal. Aumentar só "
            "acrescenta pessoas; diminuir só retira; 0 traz todos de volta ao SSE.",
            "note": "Para quem vier depois: por que a chave está assim.",
        }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.initial["seen"] = self.instance.modified.isoformat()

    @property
    def kills(self) -> bool:
        """Return whether the form brings everybody back to SSE.

        That is done whatever the page had shown, and whatever plan is under way.
        """
        everyone = self.cleaned_data.get("everyone")
        return everyone is False or (everyone is None and self.cleaned_data.get("percent") == 0)

    def clean(self):
        cleaned = super().clean()
        if self.kills:
            return cleaned
        if cleaned.get("seen") != self.initial["seen"]:
            raise forms.ValidationError(
                "A chave foi alterada por outra pessoa depois que esta página abriu: recarregue-a e confira os valores."
            )
        if {"everyone", "percent"} & {*self.changed_data} and rollout_plan.newest().under_way:
            raise forms.ValidationError(
                "Um plano de transição está em curso e é ele que muda o percentual: conduza-o, ou desligue tudo com "
                "“Não”."
            )
        return cleaned


@admin.register(RolloutFlag)
class RolloutFlagAdmin(Wording, admin.ModelAdmin):
    """Show the flag with its situation in a sentence, and change it."""

    form = FlagForm
    list_display = ("__str__", "percent", "for_everyone", "situation")
    sortable_by = ()
    readonly_fields = ("situation", "salt")

    def has_add_permission(self, request) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False

    def get_fields(self, request, obj=None) -> tuple[str, ...]:
        editing = self.has_change_permission(request, obj)
        return ("situation", *FlagForm.Meta.fields, "salt", *(["seen"] if editing else []))

    def save_model(self, request, obj, form, change) -> None:
        ip, before = audit.address_of(request), RolloutFlag.objects.get(pk=obj.pk)
        if form.kills and rollout_plan.kill(request.user, obj.note or "Chave desligada à mão", ip):
            obj.percent = 0
        super().save_model(request, obj, form, change)
        if (before.everyone, before.percent) != (obj.everyone, obj.percent):
            rollout_plan.put_flag_on_record(Act("flag", request.user, obj.note, ip=ip), before, obj)

    @admin.display(description="todos no Ably")
    def for_everyone(self, flag) -> str:
        return EVERYONE[flag.everyone]

    @admin.display(description="situação")
    def situation(self, flag) -> str:
        now = rollout.current()
        if not now.configured:
            return NOT_CONFIGURED
        if not now.ably_up:
            return OUT_OF_USE
        active = set(Person.objects.filter(is_active=True).values_list("pk", flat=True))
        on_ably = len(now.assigned_of(active))
        nobody = " O percentual não alcança ninguém." if now.flag.percent and not now.off and not on_ably else ""
        return f"Pelo Ably: {on_ably} de {len(active)} pessoas ativas.{nobody}"

    def construct_change_message(self, request, form, formsets, add=False):
        changed = [name for name in FlagForm.Meta.fields if name in form.changed_data]
        return (
            "; ".join(
                f"{form.fields[name].label}: {_shown(form.initial[name])} → {_shown(form.cleaned_data[name])}"
                for name in changed
            )
            or []
        )


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return EVERYONE[value]
    return f"“{value}”" if isinstance(value, str) else number_format(value, 1)
