"""Bound the list of what was sent: a table of millions is neither counted nor searched for a page of fifty."""

import uuid

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from notificacao import audiences
from notificacao.models import DispatchState, Notification
from notificacao.reading import reach, search

LISTED = 5_000  # newest rows that the list pages through
FILTERED = 200_000  # newest rows among which a filter looks; those that failed have an index, and are all found


class ListPage(ChangeList):
    """Look up the recipients' names, and how many people acknowledged, for one page of the list at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        names = audiences.names_of(row.channel for row in self.result_list)
        gave = reach.acknowledged(self.result_list)
        for row in self.result_list:
            row.recipient = names[row.channel]
            row.acknowledged = gave.get(row.pk, 0)


class BoundedPaginator(Paginator):
    """Count no further than the list goes: a table of millions is not counted for a page of fifty."""

    @cached_property
    def count(self) -> int:
        return self.object_list[:LISTED].count()


class RecipientKind(admin.SimpleListFilter):
    """Narrow the list to what was sent to people, units, benefits or everybody."""

    title = "destinatário"
    parameter_name = "para"

    def lookups(self, request, model_admin) -> list[tuple[str, str]]:
        return [("user", "Uma pessoa"), ("unit", "Uma unidade"), ("benefit", "Um benefício"), ("system", "Para todos")]

    def queryset(self, request, queryset):
        return queryset.filter(audiences.of_kind(self.value())) if self.value() else queryset


def found(queryset: QuerySet, request: HttpRequest, term: str) -> QuerySet:
    """Narrow `queryset` to what `term` names: a whole identifier, recipients, or words of a title, among the newest."""
    try:
        return queryset.filter(public_id=uuid.UUID(term.strip()))
    except ValueError:
        pass
    if _is_filtered(request):
        last = Notification.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        queryset = queryset.filter(pk__gt=last - FILTERED)
    if not term.strip():
        return queryset
    titled = search.among_the_newest(queryset, LISTED, term, "title")
    told = queryset.filter(channel__in=search.recipients(term)).order_by("-pk")[:LISTED]
    either = (Notification.objects.filter(pk__in=rows.values("pk")).values("pk") for rows in (titled, told))
    return queryset.filter(pk__in=next(either).union(*either))


def _is_filtered(request: HttpRequest) -> bool:
    """Return whether a filter narrows the list, by which the database might look through all of the log."""
    asked = {name for name in request.GET if name.split("__")[0] in ("para", "dispatch_state", "kind", "priority")}
    return bool(asked) and request.GET.get("dispatch_state__exact") != DispatchState.FAILED
