"""The word by which the pages of one login know one another, and by which the server knows a page of another login."""

from django.utils.crypto import salted_hmac

HEADER = "X-Login"


def login_word(session_key: str) -> str:
    """The session's key cannot be read from it."""
    return salted_hmac("notificacao.login", session_key, algorithm="sha256").hexdigest()[:32]


def is_of_login(told: str, session_key: str) -> bool:
    """Whether a page that says `told` is one of this login's. Who says nothing is not asked."""
    return not told or told == login_word(session_key)
