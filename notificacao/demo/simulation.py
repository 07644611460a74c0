"""Send believable events over the people in the database, at an even pace."""

import random
import select
import signal
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import count, islice, repeat

from django.utils import timezone

from notificacao.catalogue.notices import EVENTS, Matter, notice_for
from notificacao.content import Notice
from notificacao.models import BenefitType, Membership, Person, Role, Unit

OPEN_AT_ONCE = 40  # matters under way
COURT_ORDERS = 0.05  # of the matters, from their first day
OF_THE_SYSTEM = 0.02  # of the events
PROGRESS_EVERY = 5.0  # seconds

_HANDLED = ["solicitacao.status_alterado", "documento.solicitado", "solicitacao.pendencia_criada"]
_DECIDED = ["solicitacao.aprovada", "solicitacao.aprovada", "solicitacao.indeferida"]
_LATE = ["solicitacao.prazo_proximo", "solicitacao.determinacao_judicial"]
_PAID = ["pagamento.liberado", "pagamento.liberado", "pagamento.liberado", "pagamento.falhou", "pagamento.vencido"]

# Which events may follow which; one that is named twice is twice as likely. An event that none follows ends the matter.
NEXT: dict[str, list[str]] = {
    "solicitacao.criada": ["solicitacao.atribuida"],
    "solicitacao.atribuida": _HANDLED,
    "solicitacao.status_alterado": [*_DECIDED, *_LATE],
    "solicitacao.determinacao_judicial": ["solicitacao.status_alterado", *_DECIDED],
    "solicitacao.pendencia_criada": ["solicitacao.pendencia_resolvida", "solicitacao.prazo_proximo"],
    "solicitacao.pendencia_resolvida": ["solicitacao.status_alterado", *_DECIDED],
    "solicitacao.prazo_proximo": ["solicitacao.status_alterado", "solicitacao.prazo_expirado"],
    "solicitacao.prazo_expirado": [*_DECIDED, "solicitacao.determinacao_judicial"],
    "documento.solicitado": ["documento.prazo_proximo", "solicitacao.status_alterado"],
    "documento.prazo_proximo": ["solicitacao.status_alterado"],
    "solicitacao.aprovada": ["solicitacao.liberada"],
    "solicitacao.liberada": ["concessao.criada"],
    "concessao.criada": _PAID,
    "pagamento.liberado": ["pagamento.comprovante_invalidado", "concessao.prorrogada", "concessao.cessada"],
    "pagamento.falhou": ["pagamento.liberado", "concessao.bloqueada"],
    "pagamento.vencido": ["pagamento.liberado", "concessao.suspensa"],
    "pagamento.comprovante_invalidado": ["pagamento.liberado", "concessao.suspensa"],
    "concessao.suspensa": ["concessao.reativada", "concessao.cessada"],
    "concessao.bloqueada": ["concessao.reativada", "concessao.cessada"],
    "concessao.reativada": _PAID,
    "concessao.prorrogada": _PAID,
    "aluguel_social.visita_proxima": ["aluguel_social.visita_vencida", *_PAID],
    "aluguel_social.visita_vencida": _PAID,
}
_MAINTENANCE = ["manutencao.programada", "manutencao.iniciada", "manutencao.finalizada"]


class NothingToSimulate(Exception):
    """Tell that there are no units with staff, or no benefits."""


@dataclass(frozen=True)
class Place:
    """Hold a unit, what it grants and who works there."""

    unit: Unit
    benefits: list[BenefitType]
    staff: list[Person]
    deciders: list[Person]


@dataclass(frozen=True)
class Cast:
    """Hold the people and places of the stream, in the order of their rows, so that a seed gives the same stream."""

    places: list[Place]
    releasers: list[Person]
    citizens: list[Person]
    watched: bool  # whether an administrator or auditor is there to be warned

    @classmethod
    def from_database(cls) -> "Cast":
        """Read the cast from the database. Raises NothingToSimulate."""
        every_benefit = list(BenefitType.objects.order_by("pk"))
        managers = _holding(Role.GESTOR, Role.TECNICO_SEMTAS)
        places = []
        for unit in Unit.objects.filter(status=Unit.Status.ACTIVE).order_by("pk"):
            staff = _holding(Role.TECNICO, Role.ASSISTENTE_SOCIAL, unit=unit)
            deciders = _holding(Role.COORDENADOR, unit=unit) or managers
            benefits = list(unit.benefits.order_by("pk")) or every_benefit
            if staff and benefits:
                places.append(Place(unit, benefits, staff, deciders))
        if not places:
            raise NothingToSimulate("Não há unidades com técnicos e benefícios. Execute antes: manage.py demo")
        return cls(places, managers, _holding(Role.CIDADAO), bool(_holding(Role.ADMIN, Role.AUDITOR)))


def _holding(*roles: Role, unit: Unit | None = None) -> list[Person]:
    memberships = Membership.objects.filter(role__in=roles, unit=unit, person__is_active=True)
    return [membership.person for membership in memberships.select_related("person").order_by("person_id", "pk")]


class Story:
    """Yield `(event name, matter)` without end; the same cast, seed and day always give the same stream."""

    def __init__(self, cast: Cast, seed: int, today: date):
        self._cast = cast
        self._dice = random.Random(seed)  # noqa: S311 - a story, not a secret
        self._today = today
        self._numbers = count(self._dice.randrange(1, 900_000))
        self._open: list[tuple[str, Matter]] = []  # (the last event, the matter) of each that is under way
        self._maintenance = 0

    def __iter__(self) -> Iterator[tuple[str, Matter]]:
        while True:
            if self._dice.random() < OF_THE_SYSTEM:
                yield self._of_the_system()
            elif len(self._open) < OPEN_AT_ONCE and self._dice.random() < max(0.2, 1 - len(self._open) / 10):
                yield self._begin()
            elif self._open:
                yield self._continue()

    def _of_the_system(self) -> tuple[str, Matter]:
        if self._cast.watched and self._dice.random() < 0.5:
            return "seguranca.acesso_negado_repetido", Matter()
        name = _MAINTENANCE[self._maintenance % len(_MAINTENANCE)]
        self._maintenance += 1
        night = self._today + timedelta(days=self._dice.randint(1, 7))
        return name, Matter(moment=timezone.make_aware(datetime.combine(night, time(22))))

    def _begin(self) -> tuple[str, Matter]:
        place = self._dice.choice(self._cast.places)
        matter = Matter(
            protocol=f"SOL-{next(self._numbers):06d}",
            unit=place.unit,
            benefit=self._dice.choice(place.benefits),
            tecnico=self._dice.choice(place.staff),
            aprovador=self._one_of(place.deciders),
            liberador=self._one_of(self._cast.releasers),
            requester=self._one_of(self._cast.citizens),
            pendencia_author=self._one_of(place.deciders),
            court_order=self._dice.random() < COURT_ORDERS,
        )
        return self._remember("solicitacao.criada", matter)

    def _continue(self) -> tuple[str, Matter]:
        last, matter = self._open.pop(self._dice.randrange(len(self._open)))
        following = NEXT[last]
        if last == "concessao.criada" and matter.benefit and matter.benefit.slug == "aluguel-social":
            following = [*following, "aluguel_social.visita_proxima", "aluguel_social.visita_proxima"]
        name = self._dice.choice(following)
        return self._remember(name, self._timed(name, matter))

    def _timed(self, name: str, matter: Matter) -> Matter:
        """Return `matter` with the deadline and court order that it has when `name` happens."""
        event = EVENTS[name]
        moments = [*zip(event.days_before, repeat(None)), *zip(repeat(None), event.hours_before)]
        days_left, hours_left = self._dice.choice(moments) if moments else (None, None)
        return replace(
            matter,
            days_left=days_left,
            hours_left=hours_left,
            days_over=self._dice.randint(1, 10) if name == "solicitacao.prazo_expirado" else 0,
            court_order=matter.court_order or name == "solicitacao.determinacao_judicial",
        )

    def _remember(self, name: str, matter: Matter) -> tuple[str, Matter]:
        if name in NEXT:
            self._open.append((name, matter))
        return name, matter

    def _one_of(self, people: list[Person]) -> Person | None:
        return self._dice.choice(people) if people else None


class StopSignals:
    """Have SIGINT and SIGTERM end `wait`, now and from then on, and interrupt nothing else while this is open.

    It uses a socket rather than an Event: a handler that runs inside `Event.wait` may find the Event's own lock taken.
    """

    def __enter__(self) -> "StopSignals":
        self._reader, self._writer = socket.socketpair()
        signals = (signal.SIGINT, signal.SIGTERM)
        self._before = {number: signal.signal(number, lambda *_: self.stop()) for number in signals}
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._reader.close()
        self._writer.close()

    def stop(self) -> None:
        self._writer.send(b".")

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds`, and return whether one of the signals has come."""
        return bool(select.select([self._reader], [], [], max(0.0, seconds))[0])


@dataclass(frozen=True)
class Pace:
    """Give `rate` turns a second. `clock` is monotonic; `wait(seconds)` returns whether it is time to stop."""

    rate: float
    clock: Callable[[], float]
    wait: Callable[[float], bool]

    def turns(self) -> Iterator[float]:
        """Yield the clock at each turn, until `wait` says to stop.

        The nth is due at the start plus n / rate: a turn that comes late makes the next wait shorter, and none is lost.
        """
        started = self.clock()
        for turn in count():
            if self.wait(max(0.0, started + turn / self.rate - self.clock())):
                return
            yield self.clock()


def run(
    story: Iterable[tuple[str, Matter]],
    pace: Pace,
    send: Callable[[Notice], object],
    limit: int | None,
    progress: Callable[[int], None],
) -> int:
    """Send an event at each turn until `limit` or until `pace` ends, and return how many were sent.

    `progress` is called with that number every PROGRESS_EVERY seconds.
    """
    sent, told = 0, pace.clock()
    for now, (name, matter) in zip(islice(pace.turns(), limit), story, strict=False):
        send(notice_for(name, matter))
        sent += 1
        if now - told >= PROGRESS_EVERY:
            told = now
            progress(sent)
    return sent
