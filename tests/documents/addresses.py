"""Hold addresses against the site's own routes, methods and queries."""

import re
from collections.abc import Iterator
from functools import cache
from uuid import UUID

from django.contrib.staticfiles import finders
from django.urls import Resolver404, URLPattern, get_resolver, resolve

from notificacao.api.problems import NothingHere
from tests.documents import product

_METHOD = r"GET|POST|PUT|PATCH|DELETE"
_ADDRESS = re.compile(rf"(?:({_METHOD}) )?((?:/(?!/)|…/)[\w{{}}./-]*)(\?\S*)?")
_OURS = r"/(?:api/v1|health|notificacoes|entrar|sair|idioma|metrics|static)(?:[/?][\w/{}.?=-]*)?"
_WITHIN = re.compile(rf"(?<![\w.}}/>])(?:https?://[\w.:-]+)?({_OURS})")
_CATCH_ALL = "(?P<url>.*)$"


def is_address(text: str) -> bool:
    return bool(_ADDRESS.fullmatch(text))


def within(text: str) -> Iterator[tuple[int, str]]:
    """Each address of this site in a text of whatever kind, with its offset."""
    for found in _WITHIN.finditer(text):
        yield found.start(), found[1]


@cache
def _routes() -> tuple[str, ...]:
    """Each route of ours, with `{}` for what varies."""
    return tuple(re.sub(r"<[^>]+>", "{}", route) for route in _below(get_resolver(), "/"))


def _below(resolver, before: str) -> Iterator[str]:
    for entry in resolver.url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield route
        else:
            yield from _below(entry, route)


def judge(text: str) -> str:
    """Return what is wrong with `[METHOD ]/path/[?query]`; nothing where the site answers there."""
    found = _ADDRESS.fullmatch(text)
    assert found, text
    method, path, query = found.groups()
    return _wrong_path(method, path) or _wrong_query(query or "")


def _wrong_path(method: str | None, path: str) -> str:
    if path.startswith("…"):
        return "" if any(route.endswith(path[1:]) for route in _routes()) else "no address of the site ends so"
    if path.startswith("/static/"):
        return "" if finders.find(path.removeprefix("/static/")) else "there is no such static file"
    if method is None and path.endswith("/") and any(route.startswith(path) for route in _routes()):
        return ""
    return _unanswered(method, path)


def _unanswered(method: str | None, path: str) -> str:
    try:
        view = resolve(re.sub(r"\{\w+\}", str(UUID(int=0)), path))
    except Resolver404:
        return "the site has no such address"
    if view.route.endswith(_CATCH_ALL) or getattr(view.func, "view_class", None) is NothingHere:
        return "the site has no such address"
    handlers = getattr(view.func, "cls", None) or getattr(view.func, "view_class", None)
    if method and handlers and not hasattr(handlers, method.lower()):
        return f"nothing there answers to {method}"
    return ""


def _wrong_query(query: str) -> str:
    read = product.constants("api", "stream", "pages", "reading")
    unknown = [name for name in re.findall(r"[?&](\w+)=", query) if name not in read]
    return f"the code reads no {', '.join(unknown)}" if unknown else ""
