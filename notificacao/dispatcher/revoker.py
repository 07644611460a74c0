"""Revoke at Ably the tokens that are to be taken back, while this dispatcher leads."""

from collections.abc import Callable

import structlog

from notificacao import audit, doorbells, revocations, wakes
from notificacao.conf import conf
from notificacao.database import DatabaseThread, wakeful
from notificacao.models import AuditEvent, Revocation
from notificacao.transports import Transport, TransportError

logger = structlog.get_logger(__name__)


class Revoker:
    """Call Ably for each revocation that is due. One that Ably does not take is tried again.

    Its row stays until its tokens have expired by themselves. `leads` answers whether this dispatcher leads now.
    """

    def __init__(self, transport: Transport | None, leads: Callable[[], bool]):
        self._transport = transport
        self._leads = leads
        self._thread = DatabaseThread("revoke")

    async def work_off(self) -> None:
        """Revoke what is due whenever a wake comes, and every `DISPATCH_POLL` seconds, until cancelled."""
        doorbell = doorbells.Doorbell(wakes.REVOCATIONS)
        try:
            while True:
                while self._transport is not None and self._leads() and await self._call(self._transport):
                    pass
                await doorbell.wait(conf.DISPATCH_POLL)
        finally:
            doorbell.close()

    async def _call(self, transport: Transport) -> bool:
        """Make one call to Ably for the revocations that are due; return whether there were any."""
        rows = await self._thread.run(revocations.due)
        if not rows:
            return False
        issued_before = rows[0].issued_before
        assert issued_before is not None
        try:
            await transport.revoke([row.target for row in rows], issued_before)
        except TransportError as error:
            logger.warning("revocation_failed", targets=len(rows), attempts=rows[0].attempts + 1, error=str(error))
            await self._thread.run(revocations.failed, rows, error.told)
        else:
            await self._thread.run(_settle, rows)
        return True

    def close(self) -> None:
        """Stop the revoker's database thread."""
        self._thread.close()


@wakeful()
def _settle(rows: list[Revocation]) -> None:
    """Mark the revocations as done and write them to the audit trail."""
    revocations.done(rows)
    for row in rows:
        kind, _, value = row.target.partition(":")
        who = value if kind == "clientId" else ""
        audit.record(AuditEvent.Action.TOKENS_REVOKED, who=who, reason=row.reason, attempts=row.attempts + 1)
