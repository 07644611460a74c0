"""The one shape of a notification on every path: API, SSE, Ably. The contract's page documents it."""

import uuid
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer

from notificacao.models import Kind, Notification, Priority


def to_iso(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds and a Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[datetime, PlainSerializer(to_iso, return_type=str)]


class WireNotification(BaseModel):
    """One row of the log, as a browser receives it."""

    model_config = ConfigDict(frozen=True)

    id: uuid.UUID
    event_id: uuid.UUID
    seq: int
    prev_seq: int
    channel: str
    kind: Literal[*Kind.values]  # type: ignore[valid-type]
    priority: Literal[*Priority.values]  # type: ignore[valid-type]
    title: str
    message: str
    link: str
    data: dict[str, Any]
    created_at: Moment
    expires_at: Moment | None

    @classmethod
    def of(cls, row: Notification) -> "WireNotification":
        """The stamped `row`, not validated again: what is in the log was validated on its way in."""
        assert row.seq is not None
        assert row.prev_seq is not None
        return cls.model_construct(
            id=row.public_id,
            event_id=row.event_id,
            seq=row.seq,
            prev_seq=row.prev_seq,
            channel=row.channel,
            kind=row.kind,
            priority=row.priority,
            title=row.title,
            message=row.message,
            link=row.link,
            data=row.data,
            created_at=row.created_at,
            expires_at=row.expires_at,
        )


def reference(row: Notification) -> dict[str, Any]:
    """What tells a browser that the stamped `row` is there, and nothing of what it says."""
    return {"id": str(row.public_id), "seq": row.seq}


def encode(row: Notification) -> str:
    """One line of JSON: json escapes every newline within a field, so none can end an SSE line."""
    return WireNotification.of(row).model_dump_json()
