"""Parse what a producer asks for: a notification in its own words, or an event of the catalogue."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    ValidationError,
    field_validator,
)

from notificacao import texts
from notificacao.content import Content
from notificacao.models import Person
from notificacao.producing.faults import LISTED, Fault, Faulty
from notificacao.sentences import sentence_for

ORDERS_MAX = 1_000  # notifications in one request
PEOPLE_MAX = 200  # named in one notification
_FIELDS_MAX = 50  # of one object; all that there are together are fewer

_Name = Annotated[str, Field(min_length=1, max_length=150), AfterValidator(texts.one_line)]
# The first name that is none ends the list: two million of them in one request would be two million sentences.
_PersonName = Annotated[_Name, AfterValidator(Person.normalize_username)]  # as people are kept
_PersonNames = Annotated[tuple[_PersonName, ...], Field(max_length=PEOPLE_MAX, fail_fast=True)]
_Names = Annotated[tuple[_Name, ...], Field(max_length=PEOPLE_MAX, fail_fast=True)]
_Count = Annotated[int, Field(ge=0, le=10_000)]


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Recipients(_Shape):
    """Name people by user name, units by code, benefits by slug."""

    people: _PersonNames = ()
    units: _Names = ()
    benefits: _Names = ()
    everybody: bool = False


class Order(Content):
    """Ask for a notification in the producer's own words."""

    recipients: Recipients


class MatterOrder(_Shape):
    """Say what an event is about: the unit by its code, the benefit by its slug, people by user name."""

    protocol: Annotated[str, Field(max_length=40)] = ""
    unit: _Name | None = None
    benefit: _Name | None = None
    tecnico: _PersonName | None = None
    aprovador: _PersonName | None = None
    liberador: _PersonName | None = None
    requester: _PersonName | None = None
    pendencia_author: _PersonName | None = None
    court_order: bool = False
    days_left: _Count | None = None
    hours_left: _Count | None = None
    days_over: _Count = 0
    moment: AwareDatetime | None = None

    @field_validator("moment")
    @classmethod
    def _of_our_days(cls, moment: datetime | None) -> datetime | None:
        if moment is not None and not 2000 <= moment.year < 2100:
            raise ValueError("use um momento dos anos 2000 a 2099")
        return moment


class EventOrder(_Shape):
    """Ask for an event of the catalogue, which says who gets it, in which words and how urgently."""

    event: _Name
    matter: MatterOrder = MatterOrder()


class Orders(RootModel[Annotated[list[Order | EventOrder], Field(min_length=1, max_length=ORDERS_MAX)]]):
    """Ask for several at once."""


def parse(asked: list[Any]) -> list[Order | EventOrder]:
    """Return `asked` as orders. Raises Faulty, with what is wrong in them: as much as is told at once."""
    orders: list[Order | EventOrder] = []
    faults: list[Fault] = []
    for index, one in enumerate(asked):
        if len(faults) >= LISTED:
            break
        if _has_too_many_fields(one):
            faults.append(Fault(index, "body", "invalid", f"mais de {_FIELDS_MAX} campos em um objeto"))
            continue
        try:
            orders.append(_kind_of(one).model_validate(one))
        except ValidationError as error:
            faults += [
                Fault(index, ".".join(map(str, e["loc"])) or "body", "invalid", sentence_for(e)) for e in error.errors()
            ]
    if faults:
        raise Faulty(faults)
    return orders


def _has_too_many_fields(one: Any) -> bool:
    """Tell whether `one` has so many fields that a sentence for each unknown one would be much work."""
    parts = (one, one.get("recipients"), one.get("matter")) if isinstance(one, dict) else ()
    return any(isinstance(part, dict) and len(part) > _FIELDS_MAX for part in parts)


def _kind_of(one: Any) -> type[Order] | type[EventOrder]:
    return EventOrder if isinstance(one, dict) and "event" in one else Order
