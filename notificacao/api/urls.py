"""Route each call of the contract (docs/contract.md) to its view."""

from csp.decorators import csp_update
from django.urls import path

from notificacao.api import ably, document, notifications, producing, receipts, rollout, session, stream, why

# Swagger's stylesheet draws its arrows from data: URLs. It needs nothing else beyond the policy of every page.
docs = csp_update({"img-src": ["'self'", "data:"]})(document.Page.as_view())

urlpatterns = [
    path("session/", session.session, name="session"),
    path("ably/token/", ably.TokenView.as_view(), name="ably-token"),
    path("ably/unverified/", ably.unverified, name="ably-unverified"),
    path("ably/channels/", ably.channels, name="ably-channels"),
    path("stream/", stream.stream, name="stream"),
    path("notifications/", producing.NotificationsView.as_view(), name="notifications"),
    path("notifications/read-all/", notifications.read_all, name="read-all"),
    path("notifications/read-all/undo/", notifications.undo_read_all, name="undo-read-all"),
    path("notifications/<uuid:public_id>/read/", notifications.read, name="read"),
    path("notifications/<uuid:public_id>/unread/", notifications.unread, name="unread"),
    path("notifications/<uuid:public_id>/archive/", notifications.archive, name="archive"),
    path("notifications/<uuid:public_id>/unarchive/", notifications.unarchive, name="unarchive"),
    path("notifications/<uuid:public_id>/acknowledge/", notifications.acknowledge, name="acknowledge"),
    path("notifications/<uuid:public_id>/why/", why.why, name="why"),
    path("receipts/", receipts.receipts, name="receipts"),
    path("rollout/", rollout.rollout, name="rollout"),
    path("schema/", document.Schema.as_view(), name="schema"),
    path("docs/", docs, name="docs"),
]
