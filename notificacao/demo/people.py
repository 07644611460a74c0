"""Make data to show the system with: units, benefits, people, the flag at half, and a few first notifications."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from itertools import count

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone

from notificacao import alerts, services
from notificacao.catalogue.notices import Matter, notice_for
from notificacao.conf import conf
from notificacao.content import Notice
from notificacao.demo import alarm
from notificacao.models import (
    Alert,
    BenefitType,
    Membership,
    Person,
    Producer,
    ProducerKey,
    Role,
    RolloutFlag,
    Unit,
)

PASSWORD = "semtas-demo"  # noqa: S105 - it is printed, and refused where DEBUG is off
PERCENT = 50
KEY_ENDS_IN = timedelta(days=10)
SALT_PREFIX = "demo-"
SALT = "demo-50"  # the first that puts pks 1 and 5 in, 2 and 3 out: a fresh database
ON_ABLY, ON_SSE = ("ana", "gil"), ("bia", "caio")

BENEFITS = {
    "natalidade": "Auxílio-natalidade",
    "funeral": "Auxílio-funeral",
    "cesta-basica": "Cesta básica",
    "aluguel-social": "Aluguel social",
    "passagem": "Passagem",
    "outro": "Outro",
}


@dataclass(frozen=True)
class Place:
    code: str
    name: str
    kind: str
    benefits: tuple[str, ...]


PLACES = [
    Place("CRAS01", "CRAS Norte", Unit.Kind.CRAS, ("natalidade", "funeral", "cesta-basica", "aluguel-social")),
    Place("CRAS02", "CRAS Sul", Unit.Kind.CRAS, ("natalidade", "cesta-basica", "passagem")),
    Place("CREAS01", "CREAS", Unit.Kind.CREAS, ("aluguel-social", "passagem", "outro")),
]


@dataclass(frozen=True)
class Login:
    """Describe a person of the demo, and where they work."""

    username: str
    first_name: str
    last_name: str
    role: Role
    unit: str | None = None
    staff: bool = False  # has access to the admin
    superuser: bool = False


LOGINS = [  # in the order of their pks in a fresh database
    Login("ana", "Ana", "Ribeiro", Role.TECNICO, "CRAS01"),
    Login("bia", "Bia", "Nogueira", Role.TECNICO, "CRAS01"),
    Login("caio", "Caio", "Barbosa", Role.TECNICO, "CRAS02"),
    Login("carla", "Carla", "Menezes", Role.COORDENADOR, "CRAS01", staff=True),
    Login("gil", "Gil", "Teixeira", Role.GESTOR),
    Login("admin", "Alice", "Moura", Role.ADMIN, staff=True, superuser=True),
]


@dataclass(frozen=True)
class Cast:
    """Hold what `prepare` found or made; `people` is `{user name: person}`."""

    people: dict[str, Person]
    flag: RolloutFlag
    sent: int  # notifications; 0 unless this was the first run


@transaction.atomic
def prepare() -> Cast:
    """Make what is missing and leave what exists: a second run undoes nothing that staff have changed."""
    first_run = not Person.objects.filter(username__in=[login.username for login in LOGINS]).exists()
    benefits = {slug: _benefit(slug, name) for slug, name in BENEFITS.items()}
    units = {place.code: _unit(place, benefits) for place in PLACES}
    people = {login.username: _person(login, units) for login in LOGINS}
    flag = _flag({username: person.pk for username, person in people.items()})
    notices = list(_first_notices(people, units, benefits)) if first_run else []
    services.notify_many(notices)
    alarm.record_what_is_behind(notices)
    told = _show_alerts() if first_run else 0
    return Cast(people, flag, len(notices) + told)


def _benefit(slug: str, name: str) -> BenefitType:
    return BenefitType.objects.get_or_create(slug=slug, defaults={"name": name})[0]


def _unit(place: Place, benefits: dict[str, BenefitType]) -> Unit:
    unit, created = Unit.objects.get_or_create(
        code=place.code, defaults={"name": place.name, "sigla": place.code, "kind": place.kind}
    )
    if created:
        unit.benefits.set(benefits[slug] for slug in place.benefits)
    return unit


def _person(login: Login, units: dict[str, Unit]) -> Person:
    person = Person.objects.filter(username=login.username).first()
    if person is None:
        person = Person.objects.create(
            username=login.username,
            first_name=login.first_name,
            last_name=login.last_name,
            password=_password(),
            is_staff=login.staff,
            is_superuser=login.superuser,
        )
    Membership.objects.get_or_create(person=person, role=login.role, unit=units[login.unit] if login.unit else None)
    return person


@cache
def _password() -> str:
    """Return the hash of PASSWORD, made once for all people: hashing is slow on purpose."""
    return make_password(PASSWORD)


def _flag(pks: dict[str, int]) -> RolloutFlag:
    """Set the flag to half, with a salt that draws ON_ABLY and leaves ON_SSE out, unless somebody has changed it.

    A flag at 0% that has a salt of the demo was at half once: somebody has put it back, and it stays.
    """
    flag, _ = RolloutFlag.objects.select_for_update().get_or_create(name=conf.ROLLOUT_FLAG)
    if flag.everyone is None and flag.percent == 0 and not flag.salt.startswith(SALT_PREFIX):
        flag.percent = PERCENT
        flag.salt = next(salt for salt in _salts() if _draws(salt, pks))
        flag.save()
    return flag


def _show_alerts() -> int:
    """Make an alert that is over and a key that ends soon, which opens another; return how many are told of.

    The leading dispatcher finds that key by itself, and keeps its alert open.
    """
    now = timezone.now()
    since, until = now - timedelta(hours=26), now - timedelta(hours=25, minutes=48)
    detail = "Motivo: o Ably está fora de alcance."
    Alert.objects.create(name="BreakerOpen", detail=detail, opened_at=since, seen_at=until, closed_at=until)
    producer = Producer.objects.create(slug="protocolo-geral", name="Protocolo Geral")
    key, _ = ProducerKey.objects.create_key(producer=producer, name="demonstração", expiry_date=now + KEY_ENDS_IN)
    day = f"{timezone.localtime(key.expiry_date):%d/%m/%Y}"
    return int(alerts.open("KeyEndsSoon", producer.slug, f"A chave do sistema “{producer.name}” vale até {day}."))


def _salts() -> Iterator[str]:
    yield SALT
    yield from (f"{SALT_PREFIX}{number}" for number in count())


def _draws(salt: str, pks: dict[str, int]) -> bool:
    flag = RolloutFlag(percent=PERCENT, salt=salt)
    return all(flag.includes(pks[name]) for name in ON_ABLY) and not any(flag.includes(pks[name]) for name in ON_SSE)


def _first_notices(
    people: dict[str, Person], units: dict[str, Unit], benefits: dict[str, BenefitType]
) -> Iterator[Notice]:
    norte = Matter(unit=units["CRAS01"], tecnico=people["ana"], aprovador=people["carla"], liberador=people["gil"])
    sul = Matter(unit=units["CRAS02"], tecnico=people["caio"], liberador=people["gil"])
    rent = replace(norte, protocol="SOL-000101", benefit=benefits["aluguel-social"])
    basket = replace(norte, protocol="SOL-000102", benefit=benefits["cesta-basica"], tecnico=people["bia"])
    passage = replace(sul, protocol="SOL-000103", benefit=benefits["passagem"], court_order=True)
    late = replace(norte, protocol="SOL-000104", benefit=benefits["cesta-basica"], days_left=3)
    yield notice_for("solicitacao.criada", rent)
    yield notice_for("solicitacao.atribuida", rent)
    yield notice_for("solicitacao.atribuida", basket)
    yield notice_for("solicitacao.atribuida", passage)
    yield notice_for("solicitacao.prazo_proximo", late)
    yield notice_for("concessao.suspensa", basket)
    yield alarm.notice()
    tomorrow = timezone.localtime() + timedelta(days=1)
    yield notice_for("manutencao.programada", Matter(moment=tomorrow.replace(hour=22, minute=0)))
