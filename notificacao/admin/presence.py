"""List the channels that have subscribers, summed over all web processes."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.template.response import TemplateResponse

from notificacao import presence
from notificacao.admin.readonly import ReadOnlyAdmin
from notificacao.models import ActiveChannel

MOST = 1_000  # channels in the list; the API has pages


@admin.register(ActiveChannel)
class ActiveChannelAdmin(ReadOnlyAdmin):
    def changelist_view(self, request, extra_context=None):
        """Show the sum of all processes: a row of the table is of one process."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = presence.active_channels()
        shown = sorted(found, key=lambda one: (-one.subscribers, one.channel))[:MOST]
        owners = presence.owners_of(one.channel for one in shown)
        context = {
            **self.admin_site.each_context(request),
            "title": "Canais ativos",
            "opts": self.opts,
            "channels": [(one, owners.get(one.channel, "")) for one in shown],
            "count": len(found),
        }
        return TemplateResponse(request, "admin/notificacao/activechannel/change_list.html", context)
