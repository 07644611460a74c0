"""What a producer may send: one validated shape for every way in."""

import json
import re
from datetime import datetime
from typing import Annotated, Any, Literal

from django.conf import settings
from django.utils import timezone
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from notificacao import audiences
from notificacao.models import Kind, Priority

MESSAGE_MAX = 500  # characters
SYSTEM_MESSAGE_MAX = 1_000  # characters, on the system's channel
DATA_MAX = 4_096  # bytes of JSON
_NOT_JSON = "só aceita o que cabe em JSON"
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")  # Unicode's category Cc, without the newline
_HTTPS = re.compile(r"https://([^/?#@\\]+)(?:[/?#]|$)")


class InvalidNotification(ValueError):
    """What was sent cannot be a notification. `errors` is `{field: sentence}`."""

    def __init__(self, errors: dict[str, str]):
        super().__init__("; ".join(f"{field}: {sentence}" for field, sentence in errors.items()))
        self.errors = errors


def _plain(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("caracteres de controle não são aceitos")
    return text


def _one_line(text: str) -> str:
    if "\n" in text:
        raise ValueError("use uma só linha")
    return _plain(text)


def _link(link: str) -> str:
    """A path of this site, or https on one of its own hosts: nothing that runs, nothing that leads away."""
    if not link or re.fullmatch(r"/(?![/\\]).*", link):
        return _one_line(link)
    host = _HTTPS.match(link)
    if not host or host[1] not in settings.ALLOWED_HOSTS:
        raise ValueError("use um caminho que comece com / ou um endereço https deste sistema")
    return _one_line(link)


def _json(data: dict[str, Any]) -> bytes:
    """What the database or a stream could not carry is refused here: NaN, half a character, NUL, a set."""
    try:
        text = json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise ValueError(_NOT_JSON) from error
    if b"\\u0000" in text:
        raise ValueError(_NOT_JSON)
    return text


class Notice(BaseModel):
    """One event for one or more channels: a row for each, one `event_id`."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True, extra="forbid")

    channels: Annotated[tuple[str, ...], Field(min_length=1)]
    title: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_one_line)]
    message: Annotated[str, Field(min_length=1, max_length=SYSTEM_MESSAGE_MAX), AfterValidator(_plain)]
    kind: Literal[*Kind.values] = Kind.SISTEMA.value  # type: ignore[valid-type]
    priority: Literal[*Priority.values] = Priority.NORMAL.value  # type: ignore[valid-type]
    link: Annotated[str, Field(max_length=500), AfterValidator(_link)] = ""
    data: dict[str, Any] = {}
    expires_at: datetime | None = None

    @field_validator("channels")
    @classmethod
    def _each_once(cls, channels: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(channels))

    @field_validator("data")
    @classmethod
    def _small(cls, data: dict[str, Any]) -> dict[str, Any]:
        size = len(_json(data))
        if size > DATA_MAX:
            raise ValueError(f"{size} bytes de JSON; o limite é {DATA_MAX}")
        return data

    @field_validator("expires_at")
    @classmethod
    def _in_the_future(cls, moment: datetime | None) -> datetime | None:
        if moment is not None and (timezone.is_naive(moment) or moment <= timezone.now()):
            raise ValueError("use um momento futuro, com fuso horário")
        return moment

    @model_validator(mode="after")
    def _length_by_channel(self) -> "Notice":
        longest = SYSTEM_MESSAGE_MAX if self.channels == (audiences.SYSTEM_CHANNEL,) else MESSAGE_MAX
        if len(self.message) > longest:
            raise ValueError(f"a mensagem tem {len(self.message)} caracteres; o limite é {longest}")
        return self

    @classmethod
    def of(cls, **fields: Any) -> "Notice":
        """Raises InvalidNotification, with a sentence for each field that is wrong."""
        try:
            return cls(**fields)
        except ValidationError as error:
            raise InvalidNotification({_field(e["loc"]): _sentence(e) for e in error.errors()}) from error


def _field(place: tuple[int | str, ...]) -> str:
    return str(place[0]) if place else "message"


def _sentence(error: Any) -> str:
    """In pt-BR for what staff can meet in a form; pydantic's own words for the rest."""
    limits = error.get("ctx", {})
    match error["type"]:
        case "string_too_long":
            return f"tem mais de {limits['max_length']} caracteres"
        case "string_too_short" | "too_short" | "missing":
            return "falta preencher"
        case "literal_error":
            return f"use um destes: {limits['expected']}"
        case "extra_forbidden":
            return "campo desconhecido"
    return error["msg"].removeprefix("Value error, ")
