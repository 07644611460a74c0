"""A hundred thousand hostile ids: none lands in a name, none widens what a token may do."""

import random
import re

import pytest
from django.db import DatabaseError, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from notificacao import audiences
from notificacao.audiences import InvalidId
from notificacao.models import BenefitType, Person, Unit

pytestmark = pytest.mark.slow

HOW_MANY = 100_000
PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
# What means something to Ably, to a parser, to a terminal; what only looks like a letter, a colon, a star.
WIDENING = [
    "*",
    ":",
    "[",
    "]",
    ",",
    "?",
    "#",
    "/",
    "\\",
    "%",
    ".",
    "..",
    "**",
    ":*",
    "*:",
    "[meta]",
    "[?rewind=1]",
    "%3A",
]
SPACE = [" ", "\n", "\r", "\r\n", "\t", "\x00", "\x0b", "\x1f", "\x7f", "\x85", "\xa0", "\u2028", "\u2029", "\ufeff"]
ALIKE = [
    "а",
    "е",
    "о",
    "Ａ",
    "１",
    "٣",
    "०",
    "ﬁ",
    "\u212a",
    "ſ",
    "İ",
    "ı",
    "：",
    "꞉",
    "∗",
    "＊",
    "‐",
    "‑",
    "−",
    "＿",
    "é",
    "e\u0301",
]
INVISIBLE = ["\u200b", "\u200c", "\u200d", "\u2060", "\u202e", "\u00ad", "\U000e0041", "\U0001f600", "\ud800"]
TRICKS = [*WIDENING, *SPACE, *ALIKE, *INVISIBLE]


def hostile_ids():
    """Seeded: the same ones each time. Tricks before, after, between and instead of plain letters; and long ones."""
    chance = random.Random(20261124)
    for number in range(HOW_MANY):
        plain = "".join(chance.choices(PLAIN, k=chance.choice((0, 1, 2, 8, 16, 63, 64))))
        if number % 20 == 0:
            yield plain + "a" * chance.choice((65, 100, 1_000, 10_000))
            continue
        for trick in chance.choices(TRICKS, k=chance.choice((1, 1, 1, 2, 5))):
            place = chance.randint(0, len(plain))
            plain = plain[:place] + trick + plain[place:]
        yield plain


BUILDERS = [
    lambda identifier: audiences.channel_for_user(Person(public_id=identifier)),
    lambda identifier: audiences.channel_for_unit(Unit(public_id=identifier)),
    lambda identifier: audiences.channel_for_benefit(BenefitType(slug=identifier)),
    lambda identifier: audiences.client_id_for(Person(public_id=identifier)),
]


def grants(resource: str, channel: str) -> bool:
    """Ably's rule: `*` as a whole segment stands for one segment, as the last one for any number of them."""
    wanted, asked = resource.split(":"), channel.split(":")
    for place, segment in enumerate(wanted):
        if segment == "*" and place == len(wanted) - 1:
            return len(asked) > place
        if place >= len(asked) or segment not in ("*", asked[place]):
            return False
    return len(wanted) == len(asked)


def test_the_rule_by_which_names_are_judged_here_is_ablys():
    assert grants("private:*", "private:user:a:notifications")
    assert grants("private:*:a:notifications", "private:user:a:notifications")
    assert not grants("private:*:notifications", "private:user:a:notifications")
    assert not grants("private:use*:a:notifications", "private:user:a:notifications")


@pytest.mark.slow
def test_no_hostile_id_lands_in_a_name():
    seen = 0
    for number, identifier in enumerate(hostile_ids()):
        with pytest.raises(InvalidId):
            BUILDERS[number % len(BUILDERS)](identifier)
        seen += 1
    assert seen == HOW_MANY


def test_no_hostile_name_is_anybodys_channel(ana, cras_norte, aluguel_social):
    """Each is put where an id stands, beside ids that exist, and compared by the database."""
    ids = [ana.public_id, cras_norte.public_id, aluguel_social.slug]
    batch = set()
    for number, hostile in enumerate(hostile_ids()):
        scope = ("user", "unit", "benefit")[number % 3]
        real = ids[number % 3]
        identifier = (hostile, real + hostile, hostile + real)[number % 5 % 3].encode("utf-8", "replace").decode()
        batch.add(f"private:{scope}:{identifier}:notifications")
        if len(batch) == 1_000 or number == HOW_MANY - 1:
            assert audiences.unknown(batch) == batch
            batch.clear()


def test_no_hostile_name_is_one_that_ana_may_listen_to(ana, cras_norte):
    own = audiences.channels_of([ana.pk])[ana.pk]
    for number, hostile in enumerate(hostile_ids()):
        name = list(own)[number % len(own)]
        place = number % (len(name) + 1)
        assert name[:place] + hostile + name[place:] not in own


@given(st.text(max_size=80))
@settings(max_examples=2_000, deadline=None)
def test_whatever_becomes_a_name_grants_itself_and_nothing_else(identifier):
    try:
        name = audiences.channel_for_user(Person(public_id=identifier))
    except InvalidId:
        assert not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", identifier)
        return
    assert name == f"private:user:{identifier}:notifications"
    assert grants(name, name)
    others = [
        "private:user:x0:notifications",
        "private:unit:x0:notifications",
        audiences.SYSTEM_CHANNEL,
        "private",
        "*",
    ]
    assert not any(grants(name, other) for other in others if other != name)


@given(st.text(alphabet=PLAIN, min_size=1, max_size=64))
@settings(max_examples=2_000, deadline=None)
def test_every_plain_id_makes_a_name_of_exactly_four_parts(identifier):
    for scope, build in zip(("user", "unit", "benefit"), BUILDERS, strict=False):
        assert build(identifier).split(":") == ["private", scope, identifier, "notifications"]


# --- However a row is written


WRITERS = [
    lambda identifier: BenefitType.objects.create(slug=identifier, name="x"),
    lambda identifier: Unit.objects.create(public_id=identifier, code=identifier[:20], name="x"),
    lambda identifier: Person.objects.create(public_id=identifier, username="x"),
    lambda identifier: BenefitType.objects.bulk_create([BenefitType(slug=identifier, name="x")]),
    lambda identifier: Person.objects.filter(username="ana").update(public_id=identifier),
    lambda identifier: Unit.objects.filter(code="CRAS01").update(public_id=identifier),
]


def test_no_hostile_id_is_ever_stored(ana):
    candidates = [identifier for identifier in hostile_ids() if "\x00" not in identifier and "\ud800" not in identifier]
    for number, identifier in enumerate(random.Random(7).sample(candidates, 100 * len(WRITERS))):
        with pytest.raises(DatabaseError), transaction.atomic():
            WRITERS[number % len(WRITERS)](identifier)


def test_a_form_says_what_an_id_may_be(db):
    form = BenefitType(slug="a:b", name="x")
    with pytest.raises(Exception, match="hífens"):
        form.full_clean()


@pytest.mark.parametrize("outside", ["../../etc", "*", "a:b,c", "ana\n"])
def test_codes_and_usernames_from_outside_are_in_no_name(outside, db):
    unit = Unit.objects.create(code=outside, name=outside, sigla=outside)
    person = Person.objects.create(username=outside, first_name=outside)
    for name in (audiences.channel_for_unit(unit), audiences.channel_for_user(person), audiences.client_id_for(person)):
        assert outside.strip() not in name
        assert re.fullmatch(r"[A-Za-z0-9_:-]+", name)
