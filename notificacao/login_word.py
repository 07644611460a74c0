"""Derive the word by which the pages of one login recognise each other, and the server a page of another login."""

from django.utils.crypto import salted_hmac

HEADER = "X-Login"


def login_word(session_key: str) -> str:
    """Return the word of a login: 32 hexadecimal digits, from which the session's key cannot be read."""
    return salted_hmac("notificacao.login", session_key, algorithm="sha256").hexdigest()[:32]


def is_of_login(told: str, session_key: str) -> bool:
    """Tell whether a page that says `told` is one of this login's; a page that says nothing is accepted."""
    return not told or told == login_word(session_key)
