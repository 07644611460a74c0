"""List the channels that have subscribers and the people who are connected, summed over all web processes."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Max, Min, OuterRef, QuerySet, Subquery, Sum
from django.http import HttpResponse
from django.template.response import TemplateResponse

from notificacao import presence, staff_scope
from notificacao.admin.readonly import ReadOnlyAdmin
from notificacao.figures import channels
from notificacao.models import ActiveChannel, Connection, Person, Receipt
from notificacao.reading import search

MOST = 1_000  # channels in the list; the API has pages
PEOPLE_A_PAGE = 100
SEARCH_MAX = 100  # characters


@admin.register(ActiveChannel)
class ActiveChannelAdmin(ReadOnlyAdmin):
    def changelist_view(self, request, extra_context=None):
        """Show the sum of all processes: a row of the table is of one process."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = presence.active_channels()
        shown = sorted(found, key=lambda one: (-one.subscribers, one.channel))[:MOST]
        owners = presence.owners_of(one.channel for one in shown)
        outcomes, cut = channels.outcomes(shown)
        context = {
            **self.admin_site.each_context(request),
            "title": "Canais ativos",
            "opts": self.opts,
            "channels": [(one, owners.get(one.channel, ""), outcomes[one.channel]) for one in shown],
            "count": len(found),
            "cut": channels.MOST if cut else None,
        }
        return TemplateResponse(request, "admin/notificacao/activechannel/change_list.html", context)


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    """Show who is connected: of their own units to whoever reaches no further."""

    def has_module_permission(self, request) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request, obj=None) -> bool:
        """Tell whether the person reaches anybody; one row alone, of one process, has no page."""
        return obj is None and bool(staff_scope.to_watch(request.user))

    def changelist_view(self, request, extra_context=None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = request.GET.get("q", "")[:SEARCH_MAX].strip()
        people = _connected(staff_scope.to_watch(request.user).narrow_people(_named(asked)))
        page = Paginator(people, PEOPLE_A_PAGE).get_page(request.GET.get("p"))
        for person in page.object_list:
            person.pages = person.live + person.standby
            person.transport_label = Receipt.Transport(person.receipt_by).label if person.receipt_by else ""
        context = {
            **self.admin_site.each_context(request),
            "title": "Quem está conectado",
            "opts": self.opts,
            "page": page,
            "asked": asked,
        }
        return TemplateResponse(request, "admin/notificacao/connection/change_list.html", context)


def _named(words: str) -> QuerySet[Person]:
    """Return the people of that name; everybody where no word is given."""
    people = Person.objects.all()
    return search.having_words(people, words, "username", "first_name", "last_name") if words else people


def _connected(people: QuerySet[Person]) -> QuerySet[Any]:
    """Return those of `people` who have a page open, by name, with pages by lane, browsers, and their last receipt."""
    receipts = Receipt.objects.filter(person=OuterRef("pk"), delivered_at__isnull=False).order_by("-notification")
    here = people.filter(connections__in=presence.connections())
    return here.annotate(
        live=Sum("connections__live"),
        standby=Sum("connections__standby"),
        browsers=Max("connections__browsers"),
        connected_since=Min("connections__since"),
        receipt_at=Subquery(receipts.values("delivered_at")[:1]),
        receipt_by=Subquery(receipts.values("transport")[:1]),
    ).order_by("first_name", "last_name", "pk")
