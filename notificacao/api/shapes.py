"""Define as pydantic models what the API takes and answers: they validate it, and describe it in OpenAPI."""

import uuid
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, RootModel, ValidationError

from notificacao import metrics
from notificacao.api.problems import Problem
from notificacao.models import Receipt
from notificacao.reading import Entry, as_undo
from notificacao.sentences import sentence_for
from notificacao.wire import Moment, WireNotification

RECEIPTS_MAX = 200
_DAY_MS = 86_400_000

Shape = TypeVar("Shape", bound=BaseModel)


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ChannelState(_Shape):
    """Describe one channel of the person; keys (base64) and `key_epoch` are there only for people on Ably.

    Who has just joined gets no key until it is renewed: none under which something was sent before is for them.
    `old_keys` has keys for some minutes after a change of keys: a message may still be encrypted with one of them.
    """

    name: str
    head: int
    since: int
    key: str | None
    key_epoch: int | None
    old_keys: list[str]


class SigningKey(_Shape):
    """Carry a public key with which the server may have signed what comes by Ably: 32 bytes, in base64."""

    id: str
    key: str


class AblyAddress(_Shape):
    """Say where the browser's SDK connects, and whom to believe there; `endpoint` null means Ably's own cloud."""

    endpoint: str | None
    port: int
    tls: bool
    client_id: str
    signing_keys: list[SigningKey]


class Session(_Shape):
    """Describe a page's session; `login` is a word for this login alone, by which its pages know one another.

    `reason` says why `transport` is `sse`; it is null with `ably`.
    """

    person: str
    login: str
    transport: Literal["sse", "ably"]
    reason: Literal["not_in_rollout", "too_many_channels", "cannot_verify", "ably_out_of_use"] | None
    position: str
    channels: list[ChannelState]
    unread: int
    ably: AblyAddress | None
    stream: str


class AblyToken(_Shape):
    """Carry a JWT for Ably, with its end and the operations that it allows by channel."""

    token: str
    expires_at: Moment
    capability: dict[str, list[str]]


class Unverified(_Shape):
    """Tell what was wrong with the first message from Ably that the page did not believe, and how many there were."""

    reason: Literal[*metrics.UNVERIFIED_REASONS]  # type: ignore[valid-type]
    count: Annotated[int, Field(ge=1, le=1_000_000)]


class ActiveChannel(_Shape):
    """Count the people on one channel: with a page in the live lane, with one on Ably, with an Ably token in force.

    `since` is when the first of them came; where there is none, when the last one left.
    """

    name: str
    on_sse: int
    on_ably: int
    tokens: int
    since: Moment


class ActiveChannels(_Shape):
    """List one page of active channels; `more` says whether another page follows."""

    results: list[ActiveChannel]
    more: bool


class Step(_Shape):
    """Say one thing that is on record, in pt-BR."""

    at: Moment
    text: str


class Why(_Shape):
    """Say why a person received a notification or did not; all but the code is in pt-BR."""

    code: str
    sentence: str
    advice: str
    timeline: list[Step]


class InboxNotification(WireNotification):
    """Carry a notification with this person's reading state."""

    read: bool
    archived: bool
    acknowledged: bool

    @classmethod
    def of_entry(cls, entry: Entry) -> dict[str, Any]:
        """Return `entry` as a dict that is ready for JSON."""
        state = {"read": entry.read, "archived": entry.archived, "acknowledged": entry.acknowledged}
        return WireNotification.of(entry.row).model_dump(mode="json") | state


class CatchUp(_Shape):
    """List what lies after a cursor, ascending; nothing is missing up to the cursor `complete_to`."""

    results: list[InboxNotification]
    complete_to: str
    more: bool


class Inbox(_Shape):
    """List one page of the inbox, newest first; `next` leads to older ones."""

    results: list[InboxNotification]
    next: str | None
    previous: str | None


class Counts(_Shape):
    """Carry how many events the person has not read."""

    unread: int


class ReadAll(_Shape):
    """Name the position up to which the page showed everything, `up_to`; without it, now."""

    up_to: str | None = None


class Marked(_Shape):
    """Carry how many were marked as read, the new unread count, and the word that undoes it."""

    unread: int
    marked: int
    undo: str


class Unread(_Shape):
    """Carry how many unread ones a list has."""

    count: int


class UndoReadAll(_Shape):
    """Carry `undo`, as the act that is to be undone answered it."""

    undo: Annotated[AwareDatetime, AfterValidator(as_undo)]


class Delivered(_Shape):
    """Tell that the notification `id` was delivered, by which transport, and how long the browser held it back (ms)."""

    id: uuid.UUID
    transport: Literal[*Receipt.Transport.values]  # type: ignore[valid-type]
    held_ms: Annotated[int, Field(ge=0, le=_DAY_MS)]


class Recorded(_Shape):
    """Carry how many receipts were new."""

    recorded: int


class Deliveries(RootModel[Annotated[list[Delivered], Field(max_length=RECEIPTS_MAX)]]):
    """List what was delivered to the browser since it last sent receipts."""


class ProblemDetails(_Shape):
    """Describe an error (RFC 9457); `code` is one of docs/errors.md."""

    type: str
    title: str
    status: int
    detail: str
    code: str


class ResyncProblem(ProblemDetails):
    """Describe that the log does not answer from a cursor; `position` is the log's own."""

    position: str


class SentNotification(_Shape):
    """Name what was sent: the event, and in `ids` one notification for each recipient's channel."""

    event_id: uuid.UUID
    ids: list[uuid.UUID]


class Sent(_Shape):
    """List what was sent, in the order of what was asked."""

    results: list[SentNotification]


class FaultDetails(_Shape):
    """Describe one fault; `index` is that of the notification in the list, from 0."""

    index: int
    field: str
    code: str
    detail: str


class FaultyProblem(ProblemDetails):
    """Describe an error with the faults of single notifications in `errors`, at most 100."""

    errors: list[FaultDetails] = []


def parse(shape: type[Shape], data: Any) -> Shape:
    """Return `data` as a `shape`. Raises Problem 400, which names the field and what is wrong with it."""
    try:
        return shape.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "body"
        raise Problem(400, "invalid", f"{place}: {sentence_for(first)}") from error
