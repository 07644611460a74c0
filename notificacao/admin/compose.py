"""The form in which staff write a notification: what `content.Notice` refuses is told at its field."""

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget, AdminTextInputWidget, AutocompleteSelect

from notificacao import audiences
from notificacao.content import MESSAGE_MAX, SYSTEM_MESSAGE_MAX, InvalidNotification, Notice
from notificacao.models import BenefitType, Membership, Notification, Person, Unit

RECIPIENTS = ("person", "unit", "benefit", "everybody")
CONTENT = ("title", "message", "kind", "priority", "link", "expires_at")


class _LinesField(forms.CharField):
    """A browser ends a line with two characters, the log with one."""

    def to_python(self, value) -> str:
        return super().to_python(value).replace("\r\n", "\n")


class ComposeForm(forms.ModelForm):
    """Valid, it holds `notice`, ready to be sent."""

    person = forms.ModelChoiceField(
        Person.objects.filter(is_active=True),
        label="Pessoa",
        required=False,
        widget=AutocompleteSelect(Membership._meta.get_field("person"), admin.site),
        error_messages={"invalid_choice": "Esta pessoa não existe ou está inativa."},
    )
    unit = forms.ModelChoiceField(Unit.objects.all(), label="Unidade", required=False)
    benefit = forms.ModelChoiceField(BenefitType.objects.all(), label="Benefício", required=False)
    everybody = forms.BooleanField(label="Todos", required=False)
    message = _LinesField(
        label="Mensagem",
        max_length=SYSTEM_MESSAGE_MAX,
        widget=AdminTextareaWidget(attrs={"rows": 5}),
        help_text=f"Até {MESSAGE_MAX} caracteres; para todos, até {SYSTEM_MESSAGE_MAX}. "
        "Sem dados pessoais de cidadãos: protocolo, evento e link bastam.",
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

    def clean(self):
        cleaned = super().clean()
        channels = [*self._channels()]
        if len(channels) != 1 and not self.errors.keys() & {*RECIPIENTS}:
            self.add_error(None, "Escolha exatamente um destinatário: uma pessoa, uma unidade, um benefício ou todos.")
        content = {name: cleaned[name] for name in CONTENT if name in cleaned}
        try:
            self.notice = Notice.of(channels=channels, **content)
        except InvalidNotification as error:
            for field, sentence in error.errors.items():
                if field in self.fields and field not in self.errors:
                    self.add_error(field, sentence)
        return cleaned

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
