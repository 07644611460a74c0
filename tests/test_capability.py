"""Whose channels fit in one Ably token and one connection; whoever has more is served by SSE, and is told why."""

import jwt
import pytest

from notificacao import audiences, capability, rollout, tokens
from notificacao.ably_check.visitors import visitors
from notificacao.audiences import channel_for_user
from notificacao.dispatcher.orchestrator import route
from notificacao.models import (
    BenefitType,
    BreakerState,
    Channel,
    Membership,
    Opinion,
    Person,
    Role,
    RolloutFlag,
    Unit,
)
from notificacao.rollout import plan as rollout_plan
from notificacao.rollout import survey
from notificacao.rollout.guard import figures
from notificacao.rollout.guard.counting import _compared
from notificacao.rollout.plan.overview import overview
from tests.conftest import make_person
from tests.rows import write_stamped

SECRET = "secret-of-32-characters-xxxxxxxx"
FIT = 60  # units with ids as they are given


@pytest.fixture(autouse=True)
def on_ably(db, settings):
    settings.ABLY_API_KEY = f"semtas.local:{SECRET}"
    BreakerState.objects.filter(pk="ably").update(state="closed")
    RolloutFlag.objects.filter(name="ably").update(everyone=True)


def units(number, begin=0):
    return Unit.objects.bulk_create(
        Unit(code=f"U{place}", name=f"Unidade {place}", kind=Unit.Kind.OUTRO) for place in range(begin, begin + number)
    )


def join(person, joined):
    Membership.objects.bulk_create(Membership(person=person, role=Role.TECNICO, unit=unit) for unit in joined)


@pytest.fixture
def dora(db):
    """Dora works in more units than one token can name."""
    dora = make_person("dora")
    join(dora, units(111))
    return dora


@pytest.fixture
def as_dora(client, dora):
    client.force_login(dora)
    return client


def test_dora_who_works_in_111_units_is_served_by_sse_and_told_why(as_dora):
    answer = as_dora.get("/api/v1/session/").json()
    assert (answer["transport"], answer["reason"], answer["ably"]) == ("sse", "too_many_channels", None)
    assert len(answer["channels"]) == 113
    assert {channel["key"] for channel in answer["channels"]} == {None}


def test_dora_gets_no_token_that_ably_would_refuse_for_good(as_dora):
    answer = as_dora.post("/api/v1/ably/token/")
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_channels")


def test_whoever_asks_for_a_token_of_doras_gets_none(dora):
    with pytest.raises(tokens.TooManyChannels):
        tokens.generate_token(dora, "sessao")


@pytest.mark.parametrize(
    ("flag", "breaker", "reason"),
    [(True, "closed", None), (False, "closed", "not_in_rollout"), (True, "open", "ably_out_of_use")],
)
def test_ana_is_told_why_she_is_on_sse(as_ana, flag, breaker, reason):
    RolloutFlag.objects.filter(name="ably").update(everyone=flag)
    BreakerState.objects.filter(pk="ably").update(state=breaker)
    assert as_ana.get("/api/v1/session/").json()["reason"] == reason


def test_a_page_of_anas_in_no_secure_context_is_kept_on_sse_and_told_why(as_ana):
    RolloutFlag.objects.filter(name="ably").update(everyone=True)
    told = {secure: as_ana.get(f"/api/v1/session/?secure={secure}").json() for secure in ("true", "false", "")}
    assert [(told[one]["transport"], told[one]["reason"]) for one in told] == [
        ("ably", None),
        ("sse", "not_secure"),
        ("ably", None),
    ]
    assert told["false"]["ably"] is None
    assert {channel["key"] for channel in told["false"]["channels"]} == {None}
    answer = as_ana.get("/api/v1/session/?secure=talvez")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_a_token_is_never_larger_than_it_was_thought_to_be_and_hardly_smaller(ana):
    for number in (1, 10, 49):
        join(ana, units(number, begin=number))
        channels = audiences.channels_of([ana.pk])[ana.pk]
        token = tokens.generate_token(Person.objects.get(pk=ana.pk), f"sessao {number}").token
        assert jwt.decode(token, SECRET, algorithms=["HS256"])["x-ably-capability"].count("subscribe") == len(channels)
        assert len(token) <= capability.token_size(channels) <= len(token) + 250
    assert len(channels) > FIT
    assert capability.fits(channels)


def test_even_with_the_longest_client_id_a_token_is_not_larger_than_it_was_thought_to_be(settings):
    eva = make_person("eva", public_id="e" * 64)
    settings.ABLY_API_KEY = f"aaaaaaaa.bbbbbbbb:{SECRET}"
    token = tokens.generate_token(eva, "sessao").token
    assert len(token) <= capability.token_size(audiences.channels_of([eva.pk])[eva.pk])


def test_so_few_channels_that_nobody_looks_at_them_fit_with_the_longest_names():
    longest = [audiences.channel_for_benefit(BenefitType(slug=f"{place:064}")) for place in range(capability._FEW + 2)]
    assert capability.fits(longest)


def test_150_channels_fit_one_connection_and_151_do_not(monkeypatch):
    monkeypatch.setattr(capability, "TOKEN_MAX", 1_000_000)
    assert capability.fits([str(place) for place in range(150)])
    assert not capability.fits([str(place) for place in range(151)])


def test_who_has_too_many_is_found_among_many_people_by_memberships_and_by_roles(dora, ana, caio):
    gestor = make_person("gil", Role.GESTOR)
    crowd = Person.objects.bulk_create(Person(username=f"p{number}") for number in range(600))
    assert capability.beyond([ana.pk, caio.pk, dora.pk, gestor.pk]) == {dora.pk, gestor.pk}
    everybody = [person.pk for person in crowd] + [ana.pk, dora.pk, gestor.pk]
    assert capability.beyond(everybody) == {dora.pk, gestor.pk}


def test_a_coordinator_whose_units_handle_very_many_benefits_is_found_too(ana, cras_norte):
    benefits = BenefitType.objects.bulk_create(BenefitType(slug=f"beneficio-{n}", name="B") for n in range(100))
    cras_norte.benefits.set(benefits)
    bea = make_person("bea", Role.COORDENADOR, cras_norte)
    assert capability.beyond([ana.pk, bea.pk]) == {bea.pk}


def test_what_is_for_dora_alone_is_not_published_to_ably_and_what_is_for_ana_is(dora, ana):
    rows = [write_stamped(place, channel_for_user(person)) for place, person in enumerate((dora, ana), 1)]
    envelopes, outcomes = route(rows, rollout.current())
    assert [envelope.row for envelope in envelopes] == [rows[1]]
    assert list(outcomes) == [rows[0].pk]


@pytest.mark.parametrize("joined", [False, True])
def test_a_unit_whose_people_all_have_too_many_is_published_to_ably_once_somebody_else_is_there(dora, joined):
    RolloutFlag.objects.filter(name="ably").update(everyone=None, percent="99.9", salt="sal")
    unit = Unit.objects.get(code="U7")
    if joined:
        make_person("ivo", Role.TECNICO, unit)
    row = write_stamped(1, audiences.channel_for_unit(unit))
    envelopes, _ = route([row], rollout.current())
    assert [envelope.row for envelope in envelopes] == ([row] if joined else [])


def test_dora_is_in_neither_arm_of_the_guards_comparison(dora, ana):
    flag = RolloutFlag(name="ably", percent=50, salt="sal")
    assert _compared({channel_for_user(dora), channel_for_user(ana)}) == {channel_for_user(ana): ana.pk}
    alone = figures._assigned(flag)
    Person.objects.filter(pk=dora.pk).delete()
    assert figures._assigned(flag) == alone


def test_doras_answer_to_the_weekly_question_counts_for_no_side(dora, ana):
    survey.answer(dora, 5)
    survey.answer(ana, 5)
    assert dict(Opinion.objects.values_list("person__username", "arm")) == {"dora": "", "ana": "ably"}


def test_the_rollouts_page_tells_how_many_have_more_channels_than_ably_can_carry(dora, ana, admin_client):
    people = overview()["people"]
    assert (people["active"], people["assigned_to_ably"]) == (3, 2)  # with the administrator
    assert (people["assigned_to_sse"], people["too_many_channels"]) == (1, 1)
    page = admin_client.get("/admin/notificacao/rolloutplan/").content.decode()
    assert "Por SSE, embora na transição: 1 pessoa com mais canais" in page
    assert rollout_plan.newest().state == "draft"


def test_without_such_people_the_rollouts_page_says_nothing_of_them(ana, admin_client):
    assert "embora na transição" not in admin_client.get("/admin/notificacao/rolloutplan/").content.decode()


def test_a_person_in_3000_units_has_a_session_and_heads(client, caio):
    join(caio, units(3_000))
    client.force_login(caio)
    Channel.objects.create(name=channel_for_user(caio), head=7)
    answer = client.get("/api/v1/session/").json()
    assert (answer["transport"], len(answer["channels"])) == ("sse", 3_003)
    assert {channel["name"]: channel["head"] for channel in answer["channels"]}[channel_for_user(caio)] == 7


def test_ably_check_says_of_a_role_whose_channels_fit_no_token_that_sse_serves_it(db):
    units(80)
    tokens_by_role = {visitor.role: visitor.token for visitor in visitors()}
    assert [role for role, token in tokens_by_role.items() if not token] == ["TECNICO_SEMTAS", "GESTOR", "ADMIN"]
