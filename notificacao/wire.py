"""Encode a notification in the one shape that every path carries: API, SSE, Ably. docs/contract.md documents it."""

import uuid
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer

from notificacao.models import Kind, Notification, Priority


def to_iso(moment: datetime) -> str:
    """Return `moment` as RFC 3339 in UTC, with milliseconds and a Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[datetime, PlainSerializer(to_iso, return_type=str)]


class WireNotification(BaseModel):
    """Hold one row of the log, as a browser receives it."""

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
        """Build it from the stamped `row`, without validating again: that was done on the row's way into the log."""
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
    """Return `{id, seq}`: what tells a browser that the stamped `row` exists, and nothing of its content."""
    return {"id": str(row.public_id), "seq": row.seq}


def encode(row: Notification) -> str:
    """Return the row as one line of JSON: json escapes every newline within a field, so none can end an SSE line."""
    return WireNotification.of(row).model_dump_json()
