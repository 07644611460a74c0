"""Who hears what, from both sides: the channels of a person, and the subscribers of a channel."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notificacao import audiences, metrics
from notificacao.audiences import InvalidId, channels_of, subscribers
from notificacao.models import BenefitType, LogHead, Membership, Person, Role, Unit
from tests.conftest import make_person
from tests.plans import plan_of

# scope of the channel → the roles that hear it; `own` is the unit of the membership, `other` is another one.
HEARD_BY = {
    "system": set(Role),
    "own personal": set(Role),
    "somebody else's personal": set(),
    "own unit": {"TECNICO", "ASSISTENTE_SOCIAL", "COORDENADOR", "TECNICO_SEMTAS", "GESTOR", "ADMIN"},
    "other unit": {"TECNICO_SEMTAS", "GESTOR", "ADMIN"},
    "benefit of own unit": {"COORDENADOR", "TECNICO_SEMTAS", "GESTOR", "ADMIN"},
    "benefit of other unit": {"TECNICO_SEMTAS", "GESTOR", "ADMIN"},
    "benefit of no unit": {"TECNICO_SEMTAS", "GESTOR", "ADMIN"},
}
HOSTILE = [
    "",
    "*",
    "a:b",
    "[x]a",
    "a,b",
    "a b",
    "a\n",
    "\na",
    "a\x00",
    "a/b",
    "a.b",
    "a%3Ab",
    "а" * 3,  # Cyrillic
    "ａ",  # full width
    "１２",  # full-width digits
    "é",
    "a\u200b",
    "a\uff1ab",  # full-width colon
    "x" * 65,
]


@pytest.fixture
def places(cras_norte, cras_sul):
    """The channels of each scope but the personal ones."""
    benefits = {name: BenefitType.objects.create(slug=name, name=name) for name in ("norte", "sul", "nenhum")}
    cras_norte.benefits.add(benefits["norte"])
    cras_sul.benefits.add(benefits["sul"])
    return {
        "system": audiences.SYSTEM_CHANNEL,
        "own unit": audiences.channel_for_unit(cras_norte),
        "other unit": audiences.channel_for_unit(cras_sul),
        "benefit of own unit": audiences.channel_for_benefit(benefits["norte"]),
        "benefit of other unit": audiences.channel_for_benefit(benefits["sul"]),
        "benefit of no unit": audiences.channel_for_benefit(benefits["nenhum"]),
    }


def of(person):
    return channels_of([person.pk]).get(person.pk, {})


def join(person, role, unit=None, since=0):
    membership = Membership.objects.create(person=person, role=role, unit=unit)
    Membership.objects.filter(pk=membership.pk).update(since=since)


@pytest.mark.parametrize("scope", HEARD_BY)
@pytest.mark.parametrize("role", Role)
def test_each_role_hears_each_scope_as_the_matrix_says_from_both_sides(role, scope, places, cras_norte):
    person = make_person("dora", role, cras_norte if role in Role.of_a_unit() else None)
    places["own personal"] = audiences.channel_for_user(person)
    places["somebody else's personal"] = audiences.channel_for_user(make_person("eva"))
    hears = role in HEARD_BY[scope]
    assert (places[scope] in of(person)) is hears
    assert subscribers(places[scope]).filter(pk=person.pk).exists() is hears


@pytest.mark.parametrize("role", Role)
def test_a_role_hears_nothing_beyond_the_scopes_of_the_matrix(role, places, cras_norte):
    person = make_person("dora", role, cras_norte if role in Role.of_a_unit() else None)
    places["own personal"] = audiences.channel_for_user(person)
    assert set(of(person)) == {name for scope, name in places.items() if role in HEARD_BY[scope]}


def test_both_sides_agree_for_people_of_several_roles(places, cras_norte, cras_sul):
    people = [make_person(f"p{number}") for number in range(5)]
    join(people[0], Role.TECNICO, cras_norte)
    join(people[0], Role.COORDENADOR, cras_sul)
    join(people[1], Role.COORDENADOR, cras_norte)
    join(people[1], Role.GESTOR)
    join(people[2], Role.AUDITOR)
    join(people[2], Role.ASSISTENTE_SOCIAL, cras_sul)
    join(people[3], Role.CIDADAO)
    heard = channels_of([person.pk for person in people])
    every = set(places.values()) | {audiences.channel_for_user(person) for person in people}
    for channel in every:
        listening = list(subscribers(channel).values_list("pk", flat=True))
        assert len(listening) == len(set(listening)), "nobody is listed twice"
        assert set(listening) == {pk for pk, channels in heard.items() if channel in channels}


@pytest.mark.postgres
@pytest.mark.parametrize("scope", ["own unit", "benefit of own unit"])
def test_whoever_hears_a_channel_is_found_without_reading_every_membership(places, scope):
    plan = plan_of(subscribers(places[scope], 7))
    assert "Seq Scan" not in plan
    assert "one_membership_without_unit" in plan, "it has the roles alone that are held in no unit"
    assert "notificacao_membership_unit_id" in plan


def test_somebody_without_a_role_hears_their_own_channel_and_the_systems(places):
    person = make_person("dora")
    assert of(person) == {audiences.channel_for_user(person): 0, audiences.SYSTEM_CHANNEL: 0}


def test_inactive_people_hear_nothing(places, cras_norte):
    person = make_person("dora", Role.GESTOR, is_active=False)
    join(person, Role.TECNICO, cras_norte)
    assert channels_of([person.pk]) == {}
    for channel in [*places.values(), audiences.channel_for_user(person)]:
        assert not subscribers(channel).filter(pk=person.pk).exists()


def test_people_that_do_not_exist_are_left_out(ana):
    assert set(channels_of([ana.pk, 999_999])) == {ana.pk}
    assert channels_of([]) == {}


def test_since_is_the_smallest_of_the_memberships_that_lead_to_the_channel(places, cras_norte):
    person = make_person("dora")
    join(person, Role.COORDENADOR, cras_norte, since=30)
    join(person, Role.TECNICO, cras_norte, since=10)
    join(person, Role.GESTOR, since=20)
    heard = of(person)
    assert heard[places["own unit"]] == 10  # all three
    assert heard[places["benefit of own unit"]] == 20  # coordenador and gestor
    assert heard[places["other unit"]] == 20  # gestor alone


def test_the_system_is_heard_since_the_person_exists_and_the_personal_channel_since_ever(db):
    LogHead.objects.filter(pk=1).update(seq=12)
    person = make_person("dora")
    assert of(person) == {audiences.channel_for_user(person): 0, audiences.SYSTEM_CHANNEL: 12}


def test_ending_a_membership_ends_what_it_let_hear(ana, places):
    ana.memberships.all().delete()
    assert places["own unit"] not in of(ana)
    assert ana not in subscribers(places["own unit"])


def test_taking_a_benefit_from_a_unit_ends_what_its_coordinator_hears(places, cras_norte):
    person = make_person("dora", Role.COORDENADOR, cras_norte)
    cras_norte.benefits.clear()
    assert places["benefit of own unit"] not in of(person)
    assert person not in subscribers(places["benefit of own unit"])


@pytest.mark.parametrize("role", [Role.TECNICO, Role.COORDENADOR, Role.GESTOR])
def test_the_channels_of_two_hundred_people_cost_at_most_five_queries(role, places, django_assert_max_num_queries):
    people = Person.objects.bulk_create(Person(username=f"p{number}") for number in range(200))
    units = Unit.objects.all() if role in Role.of_a_unit() else [None]
    Membership.objects.bulk_create(Membership(person=p, role=role, unit=unit) for p in people for unit in units)
    with django_assert_max_num_queries(5):
        heard = channels_of(person.pk for person in people)
    assert len(heard) == 200
    expected = {"TECNICO": 2 + 2, "COORDENADOR": 2 + 4, "GESTOR": 2 + 5}[role]
    assert {len(channels) for channels in heard.values()} == {expected}


def test_more_people_cost_no_more_queries_even_with_every_role_at_once(places, cras_norte):
    people = Person.objects.bulk_create(Person(username=f"p{number}") for number in range(50))
    for role in Role:
        unit = cras_norte if role in Role.of_a_unit() else None
        Membership.objects.bulk_create(Membership(person=person, role=role, unit=unit) for person in people)
    costs = []
    for some in (people[:2], people):
        with CaptureQueriesContext(connection) as queries:
            assert len(channels_of(person.pk for person in some)) == len(some)
        costs.append(len(queries))
    assert costs[0] == costs[1]


@pytest.mark.parametrize("identifier", HOSTILE)
def test_no_hostile_id_becomes_part_of_a_name(identifier):
    for build in (
        lambda: audiences.channel_for_user(Person(public_id=identifier)),
        lambda: audiences.channel_for_unit(Unit(public_id=identifier)),
        lambda: audiences.channel_for_benefit(BenefitType(slug=identifier)),
        lambda: audiences.client_id_for(Person(public_id=identifier)),
    ):
        with pytest.raises(InvalidId):
            build()


@pytest.mark.parametrize("identifier", ["a", "Z9_-", "x" * 64])
def test_ids_of_1_to_64_plain_characters_make_names(identifier):
    assert audiences.channel_for_user(Person(public_id=identifier)) == f"private:user:{identifier}:notifications"
    assert audiences.channel_for_unit(Unit(public_id=identifier)) == f"private:unit:{identifier}:notifications"
    assert audiences.channel_for_benefit(BenefitType(slug=identifier)) == f"private:benefit:{identifier}:notifications"
    assert audiences.client_id_for(Person(public_id=identifier)) == identifier


@pytest.mark.parametrize(
    "name",
    [
        "",
        "*",
        "system",
        "system:notifications:x",
        "System:notifications",
        "[meta]system:notifications",
        "private:user:*:notifications",
        "private:user:{ana}:notifications:extra",
        "private:user:{ana}",
        "x:private:user:{ana}:notifications",
        "private:user:{ana}:notifications\n",
        "PRIVATE:user:{ana}:notifications",
        "private:unit:nowhere:notifications",
        "private:benefit:nothing:notifications",
        "private:city:{ana}:notifications",
    ],
)
def test_a_name_that_is_nobodys_has_no_subscribers_and_is_unknown(name, ana):
    make_person("gil", Role.GESTOR)
    name = name.format(ana=ana.public_id)
    assert not subscribers(name).exists()
    assert audiences.unknown([name]) == {name}


def test_unknown_tells_the_bad_names_from_the_good_in_three_queries(
    ana, cras_norte, aluguel_social, django_assert_max_num_queries
):
    good = [
        audiences.SYSTEM_CHANNEL,
        audiences.channel_for_user(ana),
        audiences.channel_for_unit(cras_norte),
        audiences.channel_for_benefit(aluguel_social),
    ]
    crossed = f"private:unit:{ana.public_id}:notifications"
    with django_assert_max_num_queries(3):
        assert audiences.unknown([*good, crossed, "private:user:*:notifications"]) == {
            crossed,
            "private:user:*:notifications",
        }


def test_only_a_persons_channel_is_personal(ana, places):
    assert audiences.is_personal(audiences.channel_for_user(ana))
    assert not any(audiences.is_personal(name) for name in places.values())


def test_persons_of_names_the_active_owners_of_personal_channels_and_nobody_else(ana, bia, caio, places):
    Person.objects.filter(pk=bia.pk).update(is_active=False)
    names = [audiences.channel_for_user(ana), audiences.channel_for_user(bia), *places.values()]
    assert audiences.persons_of(names) == {audiences.channel_for_user(ana): ana.pk}


def test_owners_tells_whose_each_channel_is_without_another_query(
    ana, cras_norte, aluguel_social, django_assert_max_num_queries
):
    channels = {
        audiences.channel_for_user(ana): ana,
        audiences.channel_for_unit(cras_norte): cras_norte,
        audiences.channel_for_benefit(aluguel_social): aluguel_social,
    }
    with django_assert_max_num_queries(3):
        found = audiences.owners([*channels, audiences.SYSTEM_CHANNEL, "private:unit:nobody:notifications"])
        assert [str(found[channel]) for channel in channels] == [str(owner) for owner in channels.values()]
    assert found == channels


def test_somebody_of_all_units_hears_the_benefits_as_well_as_the_units(places):
    gil = make_person("gil", Role.GESTOR)
    assert set(places.values()) <= channels_of([gil.pk])[gil.pk].keys()


def test_an_id_that_is_refused_is_named(ana):
    ana.public_id = "a:b"
    with pytest.raises(InvalidId, match=r"a:b.*clientId"):
        audiences.client_id_for(ana)
    with pytest.raises(InvalidId, match=r"a:b.*1 to 64"):
        audiences.channel_for_user(ana)


def test_the_metrics_tell_apart_each_scope_and_the_system():
    assert (*audiences.SCOPES, "system") == metrics.KINDS
