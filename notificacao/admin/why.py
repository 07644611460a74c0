"""Answer on one page why somebody received a notification or did not: who, which one, a sentence, a timeline."""

import re
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone

from notificacao import audiences, staff_scope, why
from notificacao.models import Notification, Person
from notificacao.reading import search

MOST = 20  # people, and notifications, to choose from
SEARCHED = 5_000  # newest notifications of which titles and messages are searched
_NEAR = timedelta(minutes=30)
_MOMENT = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?:[ T](\d{1,2}):(\d{2}))?")


def ask(model_admin: ModelAdmin, request: HttpRequest) -> TemplateResponse:
    """Show the question, what there is to choose from, or the answer.

    `person` is a part of a name or a user name, `q` words, a moment, or an identifier. Raises PermissionDenied.
    """
    scope = staff_scope.to_see(request.user)
    if not scope:
        raise PermissionDenied
    name, words = request.GET.get("person", "").strip(), request.GET.get("q", "").strip()
    context: dict[str, Any] = {
        **model_admin.admin_site.each_context(request),
        "title": "Por que não recebeu?",
        "opts": model_admin.opts,
        "asked_person": name,
        "asked_words": words,
    }
    if name:
        context["people"] = people = _people(scope, name)
        if len(people) == 1:
            context["person"] = people[0]
            context["rows"] = rows = _rows(scope, people[0], words)
            if words and len(rows) == 1:
                context |= _answer(rows[0], people[0])
    return TemplateResponse(request, "admin/notificacao/notification/why.html", context)


def _answer(row: Notification, person: Person) -> dict[str, Any]:
    facts = why.gather(row, person)
    return {"row": row, "facts": facts, "verdict": why.judge(facts), "steps": why.timeline_of(facts)}


def _people(scope: staff_scope.Scope, name: str) -> list[Person]:
    """Return at most MOST people whose names have the words of `name`; one whose user name it is alone."""
    people = scope.people()
    exact = people.filter(username=Person.normalize_username(name))
    found = exact if exact.exists() else search.having_words(people, name, "username", "first_name", "last_name")
    return list(found.order_by("first_name", "last_name", "username")[:MOST])


def _rows(scope: staff_scope.Scope, person: Person, words: str) -> list[Notification]:
    """Return at most MOST notifications, newest first: by identifier, of a moment, with words; else the person's."""
    rows = scope.narrow(Notification.objects.order_by("-pk"))
    try:
        return list(rows.filter(public_id=uuid.UUID(words)))
    except ValueError:
        pass
    theirs = Q(channel__in=list(audiences.channels_of([person.pk]).get(person.pk, {})))
    if not words:
        return list(rows.filter(theirs)[:MOST])
    if moment := _moment(words):
        begin, end = moment
        return list(rows.filter(theirs, created_at__gte=begin, created_at__lt=end)[:MOST])
    found = search.among_the_newest(rows, SEARCHED, words, "title", "message")
    return list(found.filter(theirs).order_by("-pk")[:MOST]) or list(found.order_by("-pk")[:MOST])


def _moment(words: str) -> tuple[datetime, datetime] | None:
    """Read `dd/mm/aaaa`, a day, or `dd/mm/aaaa hh:mm`, half an hour around it, in local time; None for other words."""
    match = _MOMENT.fullmatch(words)
    if not match:
        return None
    day, month, year, hour, minute = match.groups()
    try:
        here = timezone.get_current_timezone()
        at = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), tzinfo=here)
    except (ValueError, OverflowError):
        return None
    return (at, at + timedelta(days=1)) if hour is None else (at - _NEAR, at + _NEAR)
