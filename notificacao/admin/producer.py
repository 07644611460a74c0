"""Let staff manage the systems that send, and their keys. A key's text is shown once, on the page after its making."""

from datetime import datetime

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from rest_framework_api_key import admin as keys_admin
from rest_framework_api_key.models import APIKey

from notificacao import audit
from notificacao.admin import reauthentication
from notificacao.admin.asking import asks_own_password
from notificacao.admin.readonly import AddOnlyAdmin
from notificacao.admin.wording import Wording
from notificacao.catalogue.notices import EVENTS
from notificacao.models import AuditEvent, Kind, Producer, ProducerKey
from notificacao.producing import api_keys

assert keys_admin.APIKeyModelAdmin  # the package has registered its own keys, which mean nothing here
admin.site.unregister(APIKey)


class _CheckboxesField(forms.MultipleChoiceField):
    def __init__(self, choices, **kwargs):
        super().__init__(choices=choices, required=False, widget=forms.CheckboxSelectMultiple, **kwargs)


class ProducerForm(forms.ModelForm):
    """Edit a producer and its scope."""

    events = _CheckboxesField(
        [(name, name) for name in EVENTS],
        label="Eventos do catálogo",
        help_text="O catálogo diz quem recebe, com que texto e que prioridade.",
    )
    kinds = _CheckboxesField(Kind.choices, label="Tipos", help_text="Do que envia com palavras próprias.")

    class Meta:
        model = Producer
        fields = (
            "name",
            "slug",
            "is_active",
            "events",
            "kinds",
            "to_people",
            "to_units",
            "to_benefits",
            "to_everybody",
            "units",
        )


@admin.register(Producer)
class ProducerAdmin(Wording, admin.ModelAdmin):
    """Manage producers; each change of a scope goes on the audit trail."""

    feminine = False

    form = ProducerForm
    list_display = ("name", "slug", "is_active")
    filter_horizontal = ("units",)

    def has_delete_permission(self, request, obj=None) -> bool:
        return False

    def get_readonly_fields(self, request, obj=None):
        """Fix the slug of a system that exists: the audit trail names the system by it."""
        return ("slug",) if obj else ()

    def get_prepopulated_fields(self, request, obj=None):
        return {} if obj else {"slug": ("name",)}

    def save_related(self, request, form, formsets, change) -> None:
        super().save_related(request, form, formsets, change)
        scope = {name: form.cleaned_data[name] for name in form.changed_data if name not in ("units", "slug", "name")}
        audit.record(
            AuditEvent.Action.PRODUCER_CHANGED,
            who=request.user.public_id,
            ip=audit.address_of(request),
            producer=form.instance.slug,
            units=sorted(unit.code for unit in form.instance.units.all()),
            **scope,
        )


@admin.register(ProducerKey)
class ProducerKeyAdmin(Wording, reauthentication.FormKnowsWho, AddOnlyAdmin):
    """Issue, rotate and revoke keys; nobody edits or deletes one."""

    list_display = ("start", "producer", "name", "made", "expiry_date", "last_used_at", "revoked")
    list_filter = ("revoked", "producer")
    list_select_related = ("producer",)
    search_fields = ("prefix", "name")
    form = reauthentication.OwnPasswordForm
    fields = ("producer", "name", "expiry_date", reauthentication.FIELD)
    actions = ("rotate", "revoke")

    def lookup_allowed(self, lookup, value, request=None) -> bool:
        """Let nobody find a key's hash letter by letter, by which keys a list shows."""
        return not lookup.startswith("hashed_key") and super().lookup_allowed(lookup, value, request)

    def has_revoke_permission(self, request) -> bool:
        return self.may_change(request)

    def get_form(self, request, obj=None, change=False, **kwargs):
        kwargs["help_texts"] = {"name": "Onde fica guardada: “servidor de benefícios”."}
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fields(self, request, obj=None):
        return self.fields if obj is None else self.list_display

    @admin.display(description="prefixo", ordering="prefix")
    def start(self, key: ProducerKey) -> str:
        return key.prefix

    @admin.display(description="emitida em", ordering="created")
    def made(self, key: ProducerKey) -> datetime:
        return key.created

    def save_model(self, request, obj, form, change) -> None:
        made, obj.text = api_keys.issue(
            obj.producer, obj.name, obj.expiry_date, request.user, audit.address_of(request)
        )
        obj.pk, obj.prefix = made.pk, made.prefix

    def response_add(self, request, obj, post_url_continue=None) -> HttpResponse:
        return self._shown_once(request, obj, obj.text)

    @method_decorator(never_cache)
    def _shown_once(self, request: HttpRequest, key: ProducerKey, text: str) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "title": "Chave nova", "key": key, "text": text}
        return TemplateResponse(request, "admin/notificacao/producerkey/issued.html", context)

    @admin.action(description="Trocar: emitir outra; esta vale mais 7 dias", permissions=["add"])
    @asks_own_password
    def rotate(self, request, queryset) -> HttpResponse | None:
        keys = list(queryset.filter(revoked=False).select_related("producer"))
        if len(keys) != 1:
            self.message_user(request, "Escolha uma única chave que não esteja revogada.", messages.WARNING)
            return None
        return self._shown_once(request, *api_keys.rotate(keys[0], request.user, audit.address_of(request)))

    @admin.action(description="Revogar", permissions=["revoke"])
    @asks_own_password
    def revoke(self, request, queryset) -> None:
        keys = list(queryset.select_related("producer"))
        for key in keys:
            api_keys.revoke(key, request.user, audit.address_of(request))
        told = "1 chave não vale mais." if len(keys) == 1 else f"{len(keys)} chaves não valem mais."
        self.message_user(request, told, messages.SUCCESS)
