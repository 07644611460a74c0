"""Look up whom a producer means, by the names that other systems know, for a whole request at once."""

import functools
from collections.abc import Iterable, Iterator, Mapping

from django.db.models import Exists, OuterRef, Q, QuerySet

from notificacao import audiences
from notificacao.catalogue import notices as catalogue
from notificacao.catalogue.notices import Matter
from notificacao.content import InactiveUnit, InvalidNotification, Notice
from notificacao.models import BenefitType, Membership, Person, Producer, Unit
from notificacao.producing.faults import Fault, Faulty
from notificacao.producing.orders import EventOrder, MatterOrder, Order

_PEOPLE = ("tecnico", "aprovador", "liberador", "requester", "pendencia_author")


class Directory:
    """Hold the people, units and benefits that `orders` name and `producer` reaches, read in four queries at most.

    What does not exist and what is out of reach are told alike, so that nobody finds out which names there are.
    """

    def __init__(self, producer: Producer, orders: Iterable[Order | EventOrder]):
        people: set[str] = set()
        units: set[str] = set()
        benefits: set[str] = set()
        for order in orders:
            if isinstance(order, Order):
                people.update(order.recipients.people)
                units.update(order.recipients.units)
                benefits.update(order.recipients.benefits)
            else:
                people.update(filter(None, (getattr(order.matter, role) for role in _PEOPLE)))
                units.update(filter(None, [order.matter.unit]))
                benefits.update(filter(None, [order.matter.benefit]))
        self._holding = functools.cache(catalogue.holding)
        own = set(producer.units.values_list("pk", flat=True))
        self.people = {person.username: person for person in _reachable(own).filter(username__in=people)}
        self.units = {u.code: u for u in Unit.objects.filter(code__in=units) if not own or u.pk in own}
        self.benefits = {benefit.slug: benefit for benefit in BenefitType.objects.filter(slug__in=benefits)}

    def notice(self, index: int, order: Order | EventOrder) -> Notice:
        """Return the notice of `order`, the request's `index`th from 0. Raises Faulty."""
        fields = self._own_words(order) if isinstance(order, Order) else self._matter(order.matter)
        unknown = [field for field, found in fields if found is None]
        if unknown:
            sentence = "não existe, ou está fora do alcance deste sistema"
            raise Faulty(Fault(index, field, "unknown_recipient", sentence) for field in unknown)
        if inactive := list(self._inactive(order)):
            sentence = "esta unidade está inativa e não recebe notificações"
            raise Faulty(Fault(index, field, InactiveUnit.code, sentence) for field in inactive)
        try:
            if isinstance(order, EventOrder):
                return catalogue.notice_for(order.event, self._as_matter(order.matter), self._holding)
            content = order.model_dump(exclude={"recipients"})
            return Notice.of(channels=tuple(found for _, found in fields if found), **content)
        except InvalidNotification as error:
            raise Faulty(Fault(index, field, error.code, text) for field, text in error.errors.items()) from error

    def _inactive(self, order: Order | EventOrder) -> Iterator[str]:
        """Yield the place in `order` of each unit that is inactive."""
        if isinstance(order, Order):
            named = {f"recipients.units.{place}": code for place, code in enumerate(order.recipients.units)}
        else:
            named = {"matter.unit": order.matter.unit} if order.matter.unit else {}
        for field, code in named.items():
            if self.units[code].status == Unit.Status.INACTIVE:
                yield field

    def _own_words(self, order: Order) -> list[tuple[str, str | None]]:
        """Return `(place in the order, channel)` of each recipient; the channel is None for what was not found."""
        wanted = order.recipients
        people = {name: person for name, person in self.people.items() if person.is_active}
        return [
            *_channels("people", wanted.people, people, audiences.channel_for_user),
            *_channels("units", wanted.units, self.units, audiences.channel_for_unit),
            *_channels("benefits", wanted.benefits, self.benefits, audiences.channel_for_benefit),
            *([("recipients.everybody", audiences.SYSTEM_CHANNEL)] if wanted.everybody else []),
        ]

    def _matter(self, asked: MatterOrder) -> list[tuple[str, object]]:
        named: dict[str, Mapping[str, object]] = {
            **dict.fromkeys(_PEOPLE, self.people),
            "unit": self.units,
            "benefit": self.benefits,
        }
        return [
            (f"matter.{field}", known.get(name)) for field, known in named.items() if (name := getattr(asked, field))
        ]

    def _as_matter(self, asked: MatterOrder) -> Matter:
        known = {field.removeprefix("matter."): found for field, found in self._matter(asked)}
        return Matter(**(asked.model_dump() | known))


def _channels(field, names, known, channel_for) -> Iterator[tuple[str, str | None]]:
    for place, name in enumerate(names):
        yield f"recipients.{field}.{place}", channel_for(known[name]) if name in known else None


def _reachable(own_units: set[int]) -> QuerySet[Person]:
    """Return the people whom a producer reaches: one with `own_units` (pks) reaches nobody of other units alone."""
    people = Person.objects.all()
    if not own_units:
        return people
    held = Membership.objects.filter(person=OuterRef("pk"), unit__isnull=False)
    return people.filter(Q(Exists(held.filter(unit__in=own_units))) | ~Exists(held))
