"""Record streams that were rejected, in the audit trail: neither the page nor the event loop waits for it."""

import asyncio
from collections.abc import Mapping
from functools import lru_cache

import structlog

from notificacao import audit, metrics
from notificacao.database import DatabaseThread
from notificacao.denials import Denials
from notificacao.models import AuditEvent, Person
from notificacao.outages import Repeats
from notificacao.stream.request import Rejection, StreamRejected

logger = structlog.get_logger(__name__)

_OF_LOAD = {429, 503}  # the statuses that operators are told of
_ON_RECORD = {401, 403, 429}  # the statuses that are recorded
_AT_ONCE = 100  # rejections that wait to be written; under a flood the rest is not recorded

_denials = Denials(AuditEvent.Action.STREAM_REFUSED)


class RejectionRecorder:
    """Write rejections on a database thread of its own."""

    def __init__(self) -> None:
        self._thread = DatabaseThread("rejections")
        self._writing: set[asyncio.Task] = set()
        self._told = Repeats()

    def note(self, rejected: StreamRejected, scope: Mapping) -> None:
        """Have the rejection recorded, with the address in the ASGI `scope`; under a flood the rest is not.

        All are counted.
        """
        self._count(rejected.rejection)
        if rejected.rejection.status not in _ON_RECORD or len(self._writing) >= _AT_ONCE:
            return
        task = asyncio.create_task(self._write(rejected.person_pk, audit.address_in(scope), rejected.rejection.code))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    def _count(self, rejection: Rejection) -> None:
        """Count the rejection, and log it where the process has too much to do, once a minute of each code."""
        reason = rejection.code if rejection.code in metrics.STREAM_REFUSALS else "invalid"
        metrics.STREAMS_REFUSED.labels(reason).inc()
        if rejection.status in _OF_LOAD and (times := self._told.due(reason)):
            logger.warning("streams_refused", reason=reason, times=times)

    async def _write(self, person_pk: int | None, address: str | None, code: str) -> None:
        try:
            await self._thread.run(_record, person_pk, address, code)
        except Exception as error:  # the database is away: the page was rejected all the same
            if times := self._told.due("not recorded"):
                logger.warning("refusal_not_recorded", error=type(error).__name__, times=times)

    def close(self) -> None:
        """Stop the thread; a write that runs goes on to its end."""
        self._thread.close()


def _record(person_pk: int | None, address: str | None, code: str) -> None:
    who = _public_id_of(person_pk) if person_pk is not None else ""
    _denials.record(who=who, ip=address, reason=code)


@lru_cache(1_000)
def _public_id_of(person_pk: int) -> str:
    return Person.objects.values_list("public_id", flat=True).get(pk=person_pk)
