"""Derive the word by which the pages of one login recognise each other, and the server a page of another login."""

import re
from collections.abc import Mapping

from django.conf import settings
from django.utils.crypto import salted_hmac

HEADER = "X-Login"
_SESSION_KEY = re.compile(r"[A-Za-z0-9_-]{1,40}")


def session_key_in(cookies: Mapping[str, str]) -> str:
    """Return the session's key; empty where there is none, or a text that no session of ours has as its key."""
    key = cookies.get(settings.SESSION_COOKIE_NAME, "")
    return key if _SESSION_KEY.fullmatch(key) else ""


def login_word(session_key: str) -> str:
    """Return the word of a login: 32 hexadecimal digits, from which the session's key cannot be read."""
    return salted_hmac("notificacao.login", session_key, algorithm="sha256").hexdigest()[:32]


def is_of_login(told: str, session_key: str) -> bool:
    """Tell whether a page that says `told` is one of this login's; a page that says nothing is accepted."""
    return not told or told == login_word(session_key)
