"""Check the form in which staff write a notification, and send it; each field shows what `content.Notice` refuses."""

import math
from uuid import uuid4

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget, AdminTextInputWidget, AutocompleteSelect

from notificacao import audiences, audit, idempotency, rates, services, staff_scope
from notificacao.api.throttling import sending_rate
from notificacao.content import MESSAGE_MAX, SYSTEM_MESSAGE_MAX, InvalidNotification, Notice
from notificacao.models import AuditEvent, BenefitType, Membership, Notification, Person, Unit

RECIPIENTS = ("person", "unit", "benefit", "everybody")
_NO_PERSONAL_DATA = "Sem dados pessoais de cidadãos: protocolo, evento e link bastam."
CONTENT = ("title", "message", "kind", "priority", "link", "expires_at")


class _LinesField(forms.CharField):
    """Turn the two characters with which a browser ends a line into the one that the log has."""

    def to_python(self, value) -> str:
        return super().to_python(value).replace("\r\n", "\n")


class ComposeForm(forms.ModelForm):
    """Hold a notification that staff write: once it is valid, `notice` is ready to be sent.

    `sender`, set on the class, is the person who fills it in. `once` is new in each form that is shown: the same value
    twice means a double click, or a page that was sent again.
    """

    sender: Person
    too_fast = 0  # seconds to wait

    person = forms.ModelChoiceField(
        Person.objects.filter(is_active=True),
        label="Pessoa",
        required=False,
        widget=AutocompleteSelect(Membership._meta.get_field("person"), admin.site),
        error_messages={"invalid_choice": "Esta pessoa não existe ou está inativa."},
    )
    unit = forms.ModelChoiceField(
        Unit.objects.filter(status=Unit.Status.ACTIVE),
        label="Unidade",
        required=False,
        error_messages={"invalid_choice": "Esta unidade não existe, está inativa ou não é das que você coordena."},
    )
    benefit = forms.ModelChoiceField(BenefitType.objects.all(), label="Benefício", required=False)
    everybody = forms.BooleanField(label="Todos", required=False)
    once = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4, required=False)
    personal_data = forms.BooleanField(
        label="Enviar mesmo com dado pessoal",
        required=False,
        help_text="CPF, telefone ou e-mail em canal compartilhado: só se a finalidade o exigir. Fica na auditoria.",
    )
    message = _LinesField(
        label="Mensagem",
        max_length=SYSTEM_MESSAGE_MAX,
        widget=AdminTextareaWidget(attrs={"rows": 5}),
        help_text=f"Até {MESSAGE_MAX} caracteres; para todos, até {SYSTEM_MESSAGE_MAX}. {_NO_PERSONAL_DATA}",
    )

    class Meta:
        model = Notification
        fields = CONTENT
        widgets = {name: AdminTextInputWidget(attrs={"class": "vLargeTextField"}) for name in ("title", "link")}
        help_texts = {
            "title": "Uma linha, até 100 caracteres.",
            "link": "Um caminho deste sistema, como /solicitacoes/2026-00017/.",
            "expires_at": "Depois deste momento não é mais entregue. Vazio: não expira.",
        }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        scope = staff_scope.to_send(self.sender)
        self.fields["unit"].queryset &= scope.units()
        if not scope.everything:
            self.fields["message"].help_text = f"Até {MESSAGE_MAX} caracteres. {_NO_PERSONAL_DATA}"

    def clean(self):
        cleaned = super().clean()
        channels = [*self._channels()]
        if any(self.data.get(name) for name in RECIPIENTS if name not in self.fields):
            self.add_error(None, "Você não pode enviar a este destinatário: escolha um dos que o formulário oferece.")
        elif len(channels) != 1 and not self.errors.keys() & {*RECIPIENTS}:
            self.add_error(None, self._choose_one())
        content = {name: cleaned[name] for name in CONTENT if name in cleaned}
        try:
            allowed = bool(cleaned.get("personal_data"))
            self.notice = Notice.of(channels=channels, personal_data_allowed=allowed, **content)
        except InvalidNotification as error:
            for field, sentence in error.errors.items():
                if field in self.fields and field not in self.errors:
                    self.add_error(field, sentence)
        if not self.errors:
            self._refuse_other_content()
            self._take_from_rate()
        return cleaned

    def _choose_one(self) -> str:
        if {*RECIPIENTS}.intersection(self.fields) == {"unit"}:
            return "Escolha a unidade."
        return "Escolha exatamente um destinatário: uma pessoa, uma unidade, um benefício ou todos."

    def _refuse_other_content(self) -> None:
        """Refuse a form whose `once` has sent other content, and renew it.

        Somebody went back and wrote something else: if they click again, they mean it.
        """
        if idempotency.was_used_otherwise(self.owner, self.token, self.asked):
            self.data = self.data.copy()
            self.data["once"] = str(uuid4())
            self.add_error(
                None, "Este formulário já foi enviado com outro conteúdo. Se é uma nova notificação, envie de novo."
            )

    @property
    def owner(self) -> str:
        return f"person:{self.sender.public_id}"

    @property
    def token(self) -> str:
        return str(self.cleaned_data.get("once") or uuid4())

    @property
    def asked(self) -> dict:
        return self.notice.model_dump(mode="json")

    def _take_from_rate(self) -> None:
        wait = rates.take(f"send:{self.sender.pk}", sending_rate(self.sender))
        if wait:
            self.too_fast = math.ceil(wait)
            self.add_error(None, f"Você enviou muitas notificações em pouco tempo: aguarde {self.too_fast} s.")

    def _channels(self):
        chosen = self.cleaned_data
        if person := chosen.get("person"):
            yield audiences.channel_for_user(person)
        if unit := chosen.get("unit"):
            yield audiences.channel_for_unit(unit)
        if benefit := chosen.get("benefit"):
            yield audiences.channel_for_benefit(benefit)
        if chosen.get("everybody"):
            yield audiences.SYSTEM_CHANNEL


def send(form: ComposeForm, ip: str | None) -> tuple[int, bool]:
    """Send the valid `form` once, and return `(pk of the row, whether an earlier click had sent it)`.

    `ip` is the sender's address, for the audit trail. Raises idempotency.OtherRequest and idempotency.UnderWay.
    """
    found = form.notice.personal_data()  # before the transaction: nobody waits for it
    return idempotency.once(form.owner, form.token, form.asked, lambda: _send(form, ip, found))


def _send(form: ComposeForm, ip: str | None, found: dict[str, str]) -> int:
    (row,) = services.notify_many([form.notice], created_by=form.sender)
    sent = {"who": form.sender.public_id, "ip": ip, "notification": str(row.public_id)}
    audit.record(AuditEvent.Action.NOTIFICATION_SENT, channel=row.channel, **sent)
    if found:
        audit.record(AuditEvent.Action.PERSONAL_DATA_SENT, found=found, **sent)
    return row.pk
