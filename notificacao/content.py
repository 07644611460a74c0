"""Validate what a producer may send: one shape for every way in."""

import json
import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from django.utils import timezone
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from notificacao import audiences, eventlog, personal_data, texts
from notificacao.database import clock
from notificacao.models import Kind, Priority
from notificacao.models.notification import MESSAGE_MAX
from notificacao.sentences import sentence_for

SYSTEM_MESSAGE_MAX = 1_000  # characters, on the system's channel
_CONTAINS = {
    "title": "O título contém",
    "message": "A mensagem contém",
    "link": "O endereço contém",
    "data": "Os dados contêm",
}
_ESCAPE = re.compile(r"\\(?:[bfnrt]|u[0-9a-f]{4})")  # how JSON writes a control character: its letter is no text
_PERSONAL = "{where} {what}. Retire-o: dados pessoais não podem ir a várias pessoas."
EXPIRES_WITHIN = timedelta(days=3_653)


class InvalidNotification(ValueError):
    """Refuse a notification: `errors` is `{field: sentence in pt-BR}`, `code` the kind of error (docs/errors.md)."""

    code = "invalid"

    def __init__(self, errors: dict[str, str]):
        super().__init__("; ".join(f"{field}: {sentence}" for field, sentence in errors.items()))
        self.errors = errors


class PersonalData(InvalidNotification):
    """Refuse a notification that would tell several people somebody's personal data."""

    code = "personal_data"


class InactiveUnit(InvalidNotification):
    """Refuse a notification to a unit that is inactive."""

    code = "inactive_unit"


class Content(BaseModel):
    """Hold what a notification says, without its recipients."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True, extra="forbid")

    title: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(texts.one_line)]
    message: Annotated[str, Field(min_length=1, max_length=SYSTEM_MESSAGE_MAX), AfterValidator(texts.plain)]
    kind: Literal[*Kind.values] = Kind.SISTEMA.value  # type: ignore[valid-type]
    priority: Literal[*Priority.values] = Priority.NORMAL.value  # type: ignore[valid-type]
    link: Annotated[str, Field(max_length=500), AfterValidator(texts.link)] = ""
    data: dict[str, Any] = {}
    expires_at: datetime | None = None

    @field_validator("data")
    @classmethod
    def _small(cls, data: dict[str, Any]) -> dict[str, Any]:
        return texts.data(data)

    @field_validator("expires_at")
    @classmethod
    def _in_the_future(cls, moment: datetime | None) -> datetime | None:
        if moment is None:
            return None
        if timezone.is_naive(moment) or moment <= (now := _now()):
            raise ValueError("use um momento futuro, com fuso horário")
        if moment > now + EXPIRES_WITHIN:  # the year 9999 is 10000 in another time zone
            raise ValueError("use um momento dentro de dez anos")
        return moment


class Notice(Content):
    """Hold one event for one or more channels: each gets a row, all with one `event_id`."""

    channels: Annotated[tuple[str, ...], Field(min_length=1)]

    @field_validator("channels")
    @classmethod
    def _each_once(cls, channels: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(channels))

    @model_validator(mode="after")
    def _length_by_channel(self) -> "Notice":
        longest = SYSTEM_MESSAGE_MAX if self.channels == (audiences.SYSTEM_CHANNEL,) else MESSAGE_MAX
        if len(self.message) > longest:
            raise ValueError(f"a mensagem tem {len(self.message)} caracteres; o limite é {longest}")
        return self

    @classmethod
    def of(cls, *, personal_data_allowed: bool = False, **fields: Any) -> "Notice":
        """Return the notice of these fields. Raises InvalidNotification, with a sentence for each wrong field.

        Raises PersonalData where only personal data on a shared channel is wrong, and not allowed.
        """
        try:
            notice = cls(**fields)
        except ValidationError as error:
            raise InvalidNotification({_field(e["loc"]): sentence_for(e) for e in error.errors()}) from error
        if not personal_data_allowed and (found := notice.personal_data()):
            raise PersonalData(
                {field: _PERSONAL.format(where=_CONTAINS[field], what=what) for field, what in found.items()}
            )
        return notice

    def personal_data(self) -> dict[str, str]:
        """Return `{field: kind of personal data}`; empty where all channels are personal."""
        if all(map(audiences.is_personal, self.channels)):
            return {}
        texts = {"title": self.title, "message": self.message, "link": unquote(self.link), "data": _text_of(self.data)}
        return {field: what for field, text in texts.items() if (what := personal_data.found_in(text))}


def _now() -> datetime:
    """Return the time by the database's clock, without a query for each of a thousand notifications."""
    return clock.now() if clock.is_fresh else eventlog.now()


def _text_of(data: dict[str, Any]) -> str:
    return _ESCAPE.sub(" ", json.dumps(data, ensure_ascii=False))


def _field(place: tuple[int | str, ...]) -> str:
    return str(place[0]) if place else "message"
