"""Open and close alerts, each in one transaction with the notifications that tell of it.

Any number of processes may say that an alert holds: the table's constraint lets one of them open it. Nobody says that
it is over. It closes once nobody has found for a while that it holds, by the database's clock, so neither a fault that
comes and goes nor a restart in between tells anybody twice.
"""

from collections.abc import Iterable
from datetime import timedelta

import structlog
from django.db.models import QuerySet
from django.db.models.functions import Now

from notificacao import eventlog
from notificacao.alerts import telling
from notificacao.alerts.definitions import DEFINITIONS
from notificacao.database import wakeful
from notificacao.models import Alert

logger = structlog.get_logger(__name__)

SEEN_EVERY = timedelta(seconds=15)  # between two writes of `seen_at`; less than any alert's `closes_after`
DETAIL_MAX = Alert._meta.get_field("detail").max_length


def open_alerts() -> QuerySet[Alert]:
    """Return the alerts that are open, the newest first. What each means is in `DEFINITIONS`."""
    return Alert.objects.filter(closed_at=None).order_by("-opened_at", "-pk")


def open(name: str, about: str = "", detail: str = "") -> bool:
    """Say that the alert `name` holds; return whether it was opened by that, and the administrators told.

    `name` is one of `DEFINITIONS`, `detail` a sentence for staff.
    """
    with wakeful():
        told = {"detail": detail[:DETAIL_MAX]}
        alert, opened = Alert.objects.get_or_create(name=name, about=about, closed_at=None, defaults=told)
        if opened:
            alert.refresh_from_db()
            people = telling.tell_opened(alert)
    if opened:
        logger.warning("alert_opened", alert=name, about=about, told=people)
    else:
        _note_seen(open_alerts().filter(pk=alert.pk))
    return opened


def hold(name: str, about: str | None = None) -> None:
    """Keep the alerts `name` open that are, of `about` or all: it is not known, or not yet, whether they hold."""
    held = open_alerts().filter(name=name)
    _note_seen(held if about is None else held.filter(about=about))


def _note_seen(alerts: QuerySet[Alert]) -> None:
    alerts.filter(seen_at__lt=Now() - SEEN_EVERY).order_by().update(seen_at=Now())


def close(alert: Alert) -> bool:
    """Close `alert` and tell the administrators; return whether it was open."""
    with wakeful():
        closed = Alert.objects.filter(pk=alert.pk, closed_at=None).update(closed_at=Now())
        if closed:
            telling.tell_closed(alert)
    if closed:
        logger.info("alert_closed", alert=alert.name, about=alert.about)
    return bool(closed)


def close_what_is_over() -> list[Alert]:
    """Close the alerts of which nobody found for long enough that they hold; return those that stay open."""
    found, now = list(open_alerts()), eventlog.now()
    over = [one for one in found if one.name in DEFINITIONS and _is_over(one, now - one.seen_at)]
    for alert in over:
        close(alert)
    return [alert for alert in found if alert not in over]


def names_of(alerts: Iterable[Alert]) -> dict[str, int]:
    """Return `{name: how many of these alerts}`, with 0 for each name of which there is none."""
    counted = dict.fromkeys(DEFINITIONS, 0)
    for alert in alerts:
        counted[alert.name] = counted.get(alert.name, 0) + 1
    return counted


def _is_over(alert: Alert, unseen: timedelta) -> bool:
    return unseen > DEFINITIONS[alert.name].closes_after
