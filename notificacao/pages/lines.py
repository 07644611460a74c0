"""Word a notification for a page: to whom it was sent, how long ago, on which day."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import accumulate

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, gettext, ngettext

from notificacao.database import clock
from notificacao.pages.places import name_of
from notificacao.reading import Entry


@dataclass(frozen=True)
class Line:
    """Hold one line of the list: `ago` is short, `exact` the whole moment, `day` the heading above it."""

    entry: Entry
    place: str
    ago: str
    exact: str
    day: str


def lines_of(entries: Iterable[Entry], places: Mapping[str, str]) -> list[Line]:
    """Return a line for each entry; `places` is `{channel: name}`."""
    entries = list(entries)
    now = timezone.localtime(clock.now())
    moments = [timezone.localtime(entry.row.created_at) for entry in entries]
    days = standing([moment.date() for moment in moments])
    return [_line(entry, places, at, day, now) for entry, at, day in zip(entries, moments, days, strict=True)]


def standing(days: Sequence[date]) -> list[date]:
    """Return the day under which each row stands, of the `days` when they were written, in the list's order.

    The list is ordered by seq: what was written yesterday and committed today stands above rows of today, and so under
    today's heading. Each day has one heading.
    """
    return [*accumulate(reversed(days), max)][::-1]


def _line(entry: Entry, places: Mapping[str, str], at: datetime, day: date, now: datetime) -> Line:
    return Line(
        entry,
        place=name_of(entry.row.channel, places),
        ago=ago(at, now) if at.date() == day else exact(at),
        exact=exact(at),
        day=day_of(day, now.date()),
    )


def ago(at: datetime, now: datetime) -> str:
    """Return `há 5 min`; for another day the time alone, since the list says which day.

    Both moments are in the site's time zone.
    """
    if at.date() != now.date():
        return f"{at:%H:%M}"
    minutes = int((now - at).total_seconds() // 60)
    if minutes < 1:
        return gettext("agora")
    if minutes < 60:
        return ngettext("há %(count)d min", "há %(count)d min", minutes) % {"count": minutes}
    return ngettext("há %(count)d h", "há %(count)d h", minutes // 60) % {"count": minutes // 60}


def exact(at: datetime) -> str:
    """Return the whole moment, such as `24/11/2026 às 12:00`."""
    day = date_format(at, gettext("d/m/Y"))
    return gettext("%(day)s às %(time)s") % {"day": day, "time": f"{at:%H:%M}"}


def day_of(day: date, today: date) -> str:
    """Return the name of `day`: `Hoje`, `Ontem`, `segunda-feira, 23 de novembro`; the year where it is another."""
    match (today - day).days:
        case 0:
            return gettext("Hoje")
        case 1:
            return gettext("Ontem")
    pattern = gettext(r"l, j \d\e F") if day.year == today.year else gettext(r"l, j \d\e F \d\e Y")
    name = date_format(day, pattern)
    return name.lower() if (get_language() or "").startswith("pt") else name  # Django writes days with a capital
