"""The same request again does nothing: it is answered as the first one was."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now

from notificacao.models import KeptAnswer

KEPT = timedelta(hours=24)
_WAIT = "5s"  # for whoever works under the same key
_LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL


class OtherRequest(Exception):
    """The key was used for something else."""


class UnderWay(Exception):
    """Somebody is still at work under the same key."""


def fingerprint(asked: Any) -> str:
    """The same for the same JSON, in whatever order its members are written."""
    text = json.dumps(asked, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def once(owner: str, key: str, asked: Any, act: Callable[[], Any]) -> tuple[Any, bool]:
    """`(what act() answered, whether that was an earlier time)`; `asked` and the answer are JSON.

    What `act` writes and its answer are one transaction: both or neither. Whoever asks meanwhile under the same key
    waits for it. Raises OtherRequest, UnderWay, and what `act` raises: then nothing is kept.
    """
    asked_for = fingerprint(asked)
    with transaction.atomic():
        kept = _claim(owner, key, asked_for)
        if kept.fingerprint != asked_for:
            raise OtherRequest
        if kept.answer is not None:
            return kept.answer, True
        kept.answer = act()
        kept.save(update_fields=["answer"])
        return kept.answer, False


def was_used_otherwise(owner: str, key: str, asked: Any) -> bool:
    """Whether `once` would raise OtherRequest."""
    kept = KeptAnswer.objects.filter(owner=owner, key=key).first()
    return kept is not None and kept.fingerprint != fingerprint(asked)


def _claim(owner: str, key: str, asked_for: str) -> KeptAnswer:
    """The row of that key; without an answer it is ours, since nobody commits one without. Raises UnderWay."""
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
    KeptAnswer.objects.filter(created_at__lt=Now() - KEPT).delete()
