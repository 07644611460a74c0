"""Streams that were refused, put on record: neither the page nor the event loop waits for it."""

import asyncio
from collections.abc import Mapping
from functools import lru_cache

import structlog

from notificacao import audit
from notificacao.database import DatabaseThread
from notificacao.denials import Denials
from notificacao.models import AuditEvent, Person
from notificacao.stream.request import StreamRejected

logger = structlog.get_logger(__name__)

_ON_RECORD = {401, 403, 429}
_AT_ONCE = 100  # under a flood the rest is not counted

_refusals = Denials(AuditEvent.Action.STREAM_REFUSED)


class RejectionRecorder:
    def __init__(self) -> None:
        self._thread = DatabaseThread("refused")
        self._writing: set[asyncio.Task] = set()

    def note(self, rejected: StreamRejected, scope: Mapping) -> None:
        if rejected.rejection.status not in _ON_RECORD or len(self._writing) >= _AT_ONCE:
            return
        task = asyncio.create_task(self._write(rejected.person_pk, audit.address_in(scope), rejected.rejection.code))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write(self, person_pk: int | None, address: str | None, code: str) -> None:
        try:
            await self._thread.run(_record, person_pk, address, code)
        except Exception as error:  # the database is away: the page was refused all the same
            logger.warning("refusal_not_recorded", error=type(error).__name__)

    def close(self) -> None:
        self._thread.close()


def _record(person_pk: int | None, address: str | None, code: str) -> None:
    who = _public_id_of(person_pk) if person_pk is not None else ""
    _refusals.record(who=who, ip=address, reason=code)


@lru_cache(1_000)
def _public_id_of(person_pk: int) -> str:
    return Person.objects.values_list("public_id", flat=True).get(pk=person_pk)
