"""What goes in and comes out, as pydantic models: validated by them, and documented by them in the OpenAPI document."""

import uuid
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from notificacao.api.problems import Problem
from notificacao.models import Receipt
from notificacao.reading import Entry
from notificacao.sentences import sentence_for
from notificacao.wire import Moment, WireNotification

RECEIPTS_MAX = 200
_DAY_MS = 86_400_000

Shape = TypeVar("Shape", bound=BaseModel)


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ChannelState(_Shape):
    """One channel that the person hears; the keys (base64) and `key_epoch` only for those on Ably.

    A message may still be encrypted with one of `old_keys`: for minutes after a change of keys there are some.
    """

    name: str
    head: int
    since: int
    key: str | None
    key_epoch: int | None
    old_keys: list[str]


class AblyAddress(_Shape):
    """Where the browser's SDK connects; `endpoint` null: Ably's own cloud."""

    endpoint: str | None
    port: int
    tls: bool
    client_id: str


class Session(_Shape):
    """`login` is a word for this login alone, by which its pages know one another."""

    person: str
    login: str
    transport: Literal["sse", "ably"]
    position: str
    channels: list[ChannelState]
    unread: int
    ably: AblyAddress | None
    stream: str


class AblyToken(_Shape):
    token: str
    expires_at: Moment
    capability: dict[str, list[str]]


class ActiveChannel(_Shape):
    """People who listen to one channel: with a page in the live lane, with one on Ably, with an Ably token in force.

    `since`: when the first of them came; where there is none, when the last one left.
    """

    name: str
    on_sse: int
    on_ably: int
    tokens: int
    since: Moment


class ActiveChannels(_Shape):
    results: list[ActiveChannel]
    more: bool


class InboxNotification(WireNotification):
    """The notification, and how it stands with this person."""

    read: bool
    archived: bool
    acknowledged: bool

    @classmethod
    def of_entry(cls, entry: Entry) -> dict[str, Any]:
        """Ready for JSON."""
        state = {"read": entry.read, "archived": entry.archived, "acknowledged": entry.acknowledged}
        return WireNotification.of(entry.row).model_dump(mode="json") | state


class CatchUp(_Shape):
    results: list[InboxNotification]
    complete_to: str
    more: bool


class Inbox(_Shape):
    results: list[InboxNotification]
    next: str | None
    previous: str | None


class Counts(_Shape):
    unread: int


class ReadAll(_Shape):
    """`up_to`: the position up to which the page showed everything; without it, now."""

    up_to: str | None = None


class Delivered(_Shape):
    id: uuid.UUID
    transport: Literal[*Receipt.Transport.values]  # type: ignore[valid-type]
    held_ms: Annotated[int, Field(ge=0, le=_DAY_MS)]


class Recorded(_Shape):
    recorded: int


class Deliveries(RootModel[Annotated[list[Delivered], Field(max_length=RECEIPTS_MAX)]]):
    """What the browser kept since its last receipts."""


class ProblemDetails(_Shape):
    type: str
    title: str
    status: int
    detail: str
    code: str


class SentNotification(_Shape):
    """`ids`: one for each recipient's channel; the event's own where there is one."""

    event_id: uuid.UUID
    ids: list[uuid.UUID]


class Sent(_Shape):
    """In the order of what was asked."""

    results: list[SentNotification]


class FaultDetails(_Shape):
    """`index`: of the notification in the list, from 0."""

    index: int
    field: str
    code: str
    detail: str


class FaultyProblem(ProblemDetails):
    """`errors`, at most 100, where single notifications are wrong."""

    errors: list[FaultDetails] = []


def parse(shape: type[Shape], data: Any) -> Shape:
    """Raises Problem 400 that names the field and what is wrong with it."""
    try:
        return shape.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "body"
        raise Problem(400, "invalid", f"{place}: {sentence_for(first)}") from error
