"""Show the runbook within the admin, so that an operator at night needs no other site."""

import re
from functools import cache
from itertools import pairwise

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.safestring import mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

FILE = settings.BASE_DIR / "docs/pt-br/plantao.md"  # in a checkout and in an image alike
OPERATORS = ("view_alert", "view_figureminute", "view_connection", "force_breaker", "run_rollout")
_NAME = re.compile(r"([A-Za-z]+): \S")
_DOCUMENT = re.compile(r"(?!https?:)[^#]*\.md(#.*)?")


def may_read(user) -> bool:
    """Tell whether somebody does any of an operator's work."""
    return any(user.has_perm(f"notificacao.{name}") for name in OPERATORS)


def show(request: HttpRequest) -> HttpResponse:
    """Show the page."""
    if not may_read(request.user):
        raise PermissionDenied
    html, alerts = rendered(text())
    context = {**admin.site.each_context(request), "title": "Plantão", "runbook": html, "alerts": alerts}
    return TemplateResponse(request, "admin/plantao.html", context)


def rendered(markdown: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the runbook as HTML, and `(id, heading)` of each alert in it.

    The heading of an alert has its name as its id. HTML in the text stays text, since it is disabled; a
    link to another document of the project leads nowhere in an admin, and is left out.
    """
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(markdown)
    alerts = []
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            opening.tag = _within_the_page(opening.tag)
            if match := _NAME.match(inline.content):
                opening.attrSet("id", match[1])
                alerts.append((match[1], inline.content))
        elif opening.type == "heading_close":
            opening.tag = _within_the_page(opening.tag)
        if inline.type == "inline" and inline.children:
            inline.children = _without_dead_links(inline.children)
    html = reader.renderer.render(tokens, reader.options, {})
    return mark_safe(html), alerts  # nosec  # noqa: S308 - HTML is disabled


def _within_the_page(tag: str) -> str:
    """Return a heading's tag one below that of the page itself, which is the first."""
    return f"h{min(6, int(tag[1]) + 1)}"


def _without_dead_links(tokens: list[Token]) -> list[Token]:
    """Return the tokens of a line without the links to other documents; their texts stay."""
    kept, dead = [], False
    for token in tokens:
        if token.type == "link_open" and _DOCUMENT.fullmatch(str(token.attrGet("href"))):
            dead = True
        elif token.type == "link_close" and dead:
            dead = False
        else:
            kept.append(token)
    return kept


def urls(site: admin.AdminSite) -> list:
    """Return the addresses that the admin has beside its lists."""
    return [path("plantao/", site.admin_view(show), name="plantao")]


@cache
def text() -> str:
    """Return the runbook; an image that lacks it has an empty one."""
    try:
        return FILE.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
