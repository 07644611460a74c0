"""Answer a request that comes again under one key as the first was answered, without acting again."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import OperationalError, connection
from django.db.models.functions import Now

from notificacao.database import in_one_transaction
from notificacao.models import KeptAnswer

KEPT = timedelta(hours=24)
_WAIT = "5s"  # how long a request waits for another under the same key
_LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL


class OtherRequest(Exception):
    """Report that the key was used before for another request."""


class UnderWay(Exception):
    """Report that a request under the same key is still at work, after the 5 s that PostgreSQL waits for it."""


def fingerprint(asked: Any) -> str:
    """Return the SHA-256 of `asked` as JSON in hexadecimal; the order of its members does not change it."""
    text = json.dumps(asked, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def once(owner: str, key: str, asked: Any, act: Callable[[], Any]) -> tuple[Any, bool]:
    """Act once for `owner` and `key`; return `(answer of act, whether it was kept from an earlier time)`.

    `asked` and the answer are JSON. The writes of `act` and its answer are one transaction: both or neither. A request
    under the same key meanwhile waits for it. Raises OtherRequest, UnderWay, and what `act` raises: then nothing is
    kept.
    """
    return _once(owner, key, fingerprint(asked), act)


@in_one_transaction
def _once(owner: str, key: str, asked_for: str, act: Callable[[], Any]) -> tuple[Any, bool]:
    kept = _claim(owner, key, asked_for)
    if kept.fingerprint != asked_for:
        raise OtherRequest
    if kept.answer is not None:
        return kept.answer, True
    kept.answer = act()
    kept.save(update_fields=["answer"])
    return kept.answer, False


def kept_answer(owner: str, key: str, asked: Any) -> Any:
    """Return the answer that `once` would return from an earlier time, or None. Raises OtherRequest."""
    kept = KeptAnswer.objects.filter(owner=owner, key=key).first()
    if kept is not None and kept.fingerprint != fingerprint(asked):
        raise OtherRequest
    return kept and kept.answer


def was_used_otherwise(owner: str, key: str, asked: Any) -> bool:
    """Tell whether `once` would raise OtherRequest."""
    kept = KeptAnswer.objects.filter(owner=owner, key=key).first()
    return kept is not None and kept.fingerprint != fingerprint(asked)


def _claim(owner: str, key: str, asked_for: str) -> KeptAnswer:
    """Return the row of that key, made where it is missing. Raises UnderWay.

    A row without an answer was made here: no process commits one without.
    """
    try:
        if connection.vendor == "postgresql":  # there the second INSERT waits for the first one's transaction
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = '{_WAIT}'")
        ours = KeptAnswer(owner=owner, key=key, fingerprint=asked_for)
        KeptAnswer.objects.bulk_create([ours], ignore_conflicts=True)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != _LOCK_NOT_AVAILABLE:
            raise
        raise UnderWay from error
    return KeptAnswer.objects.get(owner=owner, key=key)


def forget_old_answers() -> None:
    """Delete the answers that were kept for longer than `KEPT`."""
    KeptAnswer.objects.filter(created_at__lt=Now() - KEPT).delete()
