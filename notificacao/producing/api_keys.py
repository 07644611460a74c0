"""A producer's keys: issued, changed for new ones, revoked; and who it is that shows one."""

import re
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from notificacao import audit
from notificacao.models import AuditEvent, Person, Producer, ProducerKey

OVERLAP = timedelta(days=7)  # for which a key is still good after another took its place
_keys: Any = ProducerKey.objects  # the package says that they are of its own model
_KEY = re.compile(r"[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}")
_NOTED_EVERY = timedelta(minutes=1)


class KeyRefused(Exception):
    """Nobody gets in with this key. `reason`: for the audit trail; `who`: whose it is, or nobody's."""

    def __init__(self, reason: str, who: str = ""):
        super().__init__(reason)
        self.reason = reason
        self.who = who


@transaction.atomic
def issue(
    producer: Producer, name: str, expires_at: datetime, by: Person, ip: str | None = None
) -> tuple[ProducerKey, str]:
    """A new key, and its text, which nobody can read again."""
    key, text = _keys.create_key(producer=producer, name=name, expiry_date=expires_at)
    audit.record(
        AuditEvent.Action.KEY_ISSUED,
        who=by.public_id,
        ip=ip,
        producer=producer.slug,
        key=key.prefix,
        expires_at=expires_at.isoformat(),
    )
    return key, text


@transaction.atomic
def rotate(key: ProducerKey, by: Person, ip: str | None = None) -> tuple[ProducerKey, str]:
    """As `issue`, for as long as `key` was issued for; `key` is good for OVERLAP more at most."""
    new = issue(key.producer, key.name, timezone.now() + (key.expiry_date - key.created), by, ip)
    ProducerKey.objects.filter(pk=key.pk, expiry_date__gt=timezone.now() + OVERLAP).update(
        expiry_date=timezone.now() + OVERLAP
    )
    return new


@transaction.atomic
def revoke(key: ProducerKey, by: Person, ip: str | None = None) -> None:
    """It is worth nothing from the next request on."""
    if ProducerKey.objects.filter(pk=key.pk, revoked=False).update(revoked=True):
        audit.record(AuditEvent.Action.KEY_REVOKED, who=by.public_id, ip=ip, producer=key.producer.slug, key=key.prefix)


def recognise(text: str) -> ProducerKey:
    """The key whose text that is, with its producer. Raises KeyRefused."""
    if not _KEY.fullmatch(text):
        raise KeyRefused("malformed")
    try:
        key = _keys.get_from_key(text)
    except ProducerKey.DoesNotExist:
        raise KeyRefused("unknown or revoked") from None
    if key.has_expired:
        raise KeyRefused("expired", key.producer.who)
    if not key.producer.is_active:
        raise KeyRefused("producer inactive", key.producer.who)
    _note_use(key)
    return key


def _note_use(key: ProducerKey) -> None:
    """Once a minute: whether the old key is still in use is what somebody asks who changes it for a new one."""
    if key.last_used_at is None or key.last_used_at < timezone.now() - _NOTED_EVERY:
        long_ago = Q(last_used_at__isnull=True) | Q(last_used_at__lt=Now() - _NOTED_EVERY)
        ProducerKey.objects.filter(long_ago, pk=key.pk).update(last_used_at=Now())
