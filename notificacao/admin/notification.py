"""Let staff write notifications, look at them, and send again those that failed; nobody edits or deletes one."""

import uuid

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from notificacao import audiences, audit, idempotency, staff_scope, texts
from notificacao.admin import compose, why
from notificacao.admin import reach as reach_page
from notificacao.admin.asking import asks_above_fifty
from notificacao.admin.compose import CONTENT, RECIPIENTS, ComposeForm
from notificacao.admin.notification_list import FILTERED, LISTED, BoundedPaginator, ListPage, RecipientKind, found
from notificacao.admin.readonly import AddOnlyAdmin
from notificacao.admin.wording import Wording
from notificacao.content import InvalidNotification
from notificacao.database import in_one_transaction
from notificacao.dispatcher import claims
from notificacao.models import AuditEvent, DispatchState, Notification, Person

PERSONAL_DATA = "notificacao.send_personal_data"
DETAIL = (
    (None, {"fields": ("recipient", "kind", "priority", "title", "message", "link", "data", "expires_at")}),
    (
        "Andamento",
        {
            "fields": (
                "dispatch_state",
                "attempts",
                "error",
                "created_at",
                "created_by",
                "producer",
                "stamped_at",
                "settled_at",
            )
        },
    ),
    ("Registro", {"fields": ("identifier", "event", "position")}),
)


@in_one_transaction
def _send_again(pks: QuerySet, request: HttpRequest) -> int:
    """Let those of `pks` that failed be sent again, on record by who asked for it; return how many they are."""
    again = claims.send_again(pks)
    if again:
        who, ip = request.user.public_id, audit.address_of(request)
        audit.record(AuditEvent.Action.SENT_AGAIN, who=who, ip=ip, notifications=again)
    return again


@admin.register(Notification)
class NotificationAdmin(Wording, AddOnlyAdmin):
    """List, show and send notifications; an existing one has no form."""

    heading = "Notificações enviadas"

    list_display = ("title", "recipient", "kind", "priority", "created", "dispatch_state", "reached")
    list_filter = (RecipientKind, "dispatch_state", "kind", "priority")
    list_per_page = 50
    ordering = ("-id",)
    sortable_by = ()
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    search_fields = ("title",)  # Django shows the search box for them; `get_search_results` decides
    search_help_text = (
        "Pessoa, unidade, benefício, palavras do título, ou identificador inteiro; acentos não importam. "
        f"A lista vai até as {LISTED} mais recentes; use a busca ou os filtros, que veem as {FILTERED} mais recentes "
        "e todas as que falharam."
    )
    actions = ("send_again",)

    # --- Permissions

    def has_module_permission(self, request) -> bool:
        return self.has_view_permission(request) or self.has_add_permission(request)

    def has_view_permission(self, request, obj=None) -> bool:
        return bool(staff_scope.to_see(request.user))

    def has_add_permission(self, request) -> bool:
        return bool(staff_scope.to_send(request.user))

    def has_send_again_permission(self, request) -> bool:
        return bool(staff_scope.to_send_again(request.user))

    def get_queryset(self, request):
        """Return what the person may see: list, detail, history, search and actions all begin here."""
        return staff_scope.to_see(request.user).narrow(super().get_queryset(request))

    # --- Looking

    def get_changelist(self, request, **kwargs) -> type[ChangeList]:
        return ListPage

    def get_search_results(self, request, queryset, search_term):
        return found(queryset, request, search_term), False

    def get_object(self, request, object_id, from_field=None) -> Notification | None:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            row.recipient = audiences.names_of([row.channel])[row.channel]
        return row

    @admin.display(description="para")
    def recipient(self, row) -> str:
        return row.recipient

    @admin.display(description="criada em")
    def created(self, row) -> str:
        return texts.to_the_second(row.created_at)

    @admin.display(description="ciência")
    def reached(self, row) -> str:
        """Return a link to the notification's reach; where it asks for acknowledgement, with how many gave it."""
        said = (
            f"{row.acknowledged} ciência{'' if row.acknowledged == 1 else 's'}"
            if row.asks_for_acknowledgement
            else "Alcance"
        )
        return format_html('<a href="{}">{}</a>', reverse("admin:notificacao_notification_reach", args=[row.pk]), said)

    @admin.display(description="identificador")
    def identifier(self, row) -> uuid.UUID:
        return row.public_id

    @admin.display(description="evento")
    def event(self, row) -> uuid.UUID:
        return row.event_id

    @admin.display(description="nº", empty_value="–")
    def position(self, row) -> int | None:
        return row.seq

    # --- Composing

    def get_fieldsets(self, request, obj=None):
        if obj is not None:
            return DETAIL
        to = self._recipient_fields(request)
        extras = ["once", *(["personal_data"] if request.user.has_perm(PERSONAL_DATA) else [])]
        return [
            ("Para (exatamente um)" if len(to) > 1 else "Para", {"fields": to}),
            (None, {"fields": [*CONTENT, *extras]}),
        ]

    def _recipient_fields(self, request) -> list[str]:
        """Return the names of the recipient fields: those within the person's scope.

        Without permission to see people there is no search for them.
        """
        if not staff_scope.to_send(request.user).everything:
            return ["unit"]
        may_see_people = self.admin_site.get_model_admin(Person).has_view_permission(request)
        return [name for name in RECIPIENTS if name != "person" or may_see_people]

    def get_form(self, request, obj=None, change=False, **kwargs):
        if change:
            return super().get_form(request, obj, change, **kwargs)
        form = super().get_form(request, obj, change, form=ComposeForm, **kwargs)
        for name in {*RECIPIENTS} - {*self._recipient_fields(request)}:
            del form.base_fields[name]
        if not request.user.has_perm(PERSONAL_DATA):
            del form.base_fields["personal_data"]
        form.sender = request.user
        return form

    def save_model(self, request, obj, form, change) -> None:
        """Send what the form holds, and make `obj` the row that was written, perhaps by an earlier click."""
        obj.pk, obj.sent_before = compose.send(form, audit.address_of(request))
        obj.refresh_from_db()

    def add_view(self, request, *args, **kwargs) -> HttpResponse:
        try:
            return super().add_view(request, *args, **kwargs)
        except (idempotency.OtherRequest, idempotency.UnderWay):
            self.message_user(request, "Este formulário já está sendo enviado: confira a lista.", messages.WARNING)
            return redirect("admin:notificacao_notification_changelist")
        except InvalidNotification as error:  # a unit that was deactivated after the form was checked
            self.message_user(request, f"Nada foi enviado: {'; '.join(error.errors.values())}.", messages.ERROR)
            return redirect("admin:notificacao_notification_add")

    def log_addition(self, request, obj, message):
        return None if obj.sent_before else super().log_addition(request, obj, message)

    def response_add(self, request, obj, post_url_continue=None) -> HttpResponse:
        whom = audiences.names_of([obj.channel])[obj.channel]
        reached = audiences.subscribers(obj.channel).count()
        people = f"{reached} pessoa" if reached == 1 else f"{reached} pessoas"
        if obj.sent_before:
            self.message_user(request, f"Esta notificação já foi enviada para {whom} ({people}).", messages.WARNING)
        else:
            self.message_user(request, f"Notificação enviada para {whom} ({people}).", messages.SUCCESS)
        if not self.has_view_permission(request, obj):
            return self.response_post_save_add(request, obj)
        return redirect("admin:notificacao_notification_reach", obj.pk)

    def render_change_form(self, request, context, *, obj=None, **more) -> HttpResponse:
        if obj is None:
            context["title"] = "Enviar notificação"
        else:
            failed = obj.dispatch_state == DispatchState.FAILED
            context["may_send_again"] = failed and self.has_send_again_permission(request)
        response = super().render_change_form(request, context, obj=obj, **more)
        if wait := getattr(context["adminform"].form, "too_fast", 0):
            response.status_code = 429
            response["Retry-After"] = wait
        return response

    # --- Sending again

    @admin.action(description="Enviar novamente as que falharam no Ably", permissions=["send_again"])
    @asks_above_fifty
    def send_again(self, request, queryset) -> None:
        within = staff_scope.to_send_again(request.user).narrow(queryset)
        failed = within.filter(dispatch_state=DispatchState.FAILED).values_list("channel", flat=True).distinct()
        if closed := ", ".join(sorted(unit.code for unit in audiences.inactive_units(failed))):
            self.message_user(request, f"Unidade inativa, que não recebe notificações: {closed}.", messages.WARNING)
        match _send_again(within.values("pk"), request):
            case 0:
                self.message_user(request, "Nada foi enviado: nenhuma delas havia falhado.", messages.WARNING)
            case 1:
                self.message_user(request, "1 notificação voltou à fila de envio.", messages.SUCCESS)
            case again:
                self.message_user(request, f"{again} notificações voltaram à fila de envio.", messages.SUCCESS)

    def get_urls(self):
        view = self.admin_site.admin_view(self.send_again_view)
        return [
            path("<int:pk>/send-again/", view, name="notificacao_notification_send_again"),
            path("<int:pk>/reach/", self.admin_site.admin_view(self.reach_view), name="notificacao_notification_reach"),
            path("why/", self.admin_site.admin_view(self.why_view), name="notificacao_notification_why"),
            *super().get_urls(),
        ]

    @method_decorator(never_cache)
    def why_view(self, request) -> HttpResponse:
        return why.ask(self, request)

    @method_decorator(never_cache)
    def reach_view(self, request, pk: int) -> HttpResponse:
        row = self.get_object(request, pk)
        if row is None:  # or it is beyond what the person may see: the two look alike
            raise Http404
        return reach_page.show(self, request, row, row.recipient)

    @method_decorator(require_POST)
    def send_again_view(self, request, pk: int) -> HttpResponse:
        if not self.has_send_again_permission(request):
            raise PermissionDenied
        self.send_again(request, self.get_queryset(request).filter(pk=pk))
        return redirect("admin:notificacao_notification_change", pk)
