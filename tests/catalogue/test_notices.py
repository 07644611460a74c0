"""The catalogue: each event makes a valid notification, for the right people, as urgent as it should be."""

import re
import string
from datetime import UTC, datetime

import pytest

from notificacao.audiences import SYSTEM_CHANNEL, channel_for_benefit, channel_for_unit, channel_for_user
from notificacao.catalogue.notices import EVENTS, Matter, Recipient, UnknownEvent, notice_for
from notificacao.content import InvalidNotification
from notificacao.models import Membership, Notification, Role
from notificacao.services import notify_many
from tests.conftest import make_person

DECIDERS = {"ana", "carla", "gil"}
APPLICATION = {"rui", "coordenação", "benefício"}
PAYERS = {"ana", "gil"}
ADMINS = {"ada", "ivo"}

# event: (who gets it, priority, priority under a court order)
TABLE = {
    "solicitacao.atribuida": ({"ana"}, "normal", "alta"),
    "solicitacao.status_alterado": (DECIDERS, "normal", "alta"),
    "solicitacao.pendencia_criada": ({"ana"}, "normal", "normal"),
    "solicitacao.pendencia_resolvida": ({"ana", "bia"}, "normal", "normal"),
    "solicitacao.prazo_proximo": (DECIDERS, "normal", "normal"),
    "solicitacao.prazo_expirado": (DECIDERS, "alta", "urgente"),
    "solicitacao.determinacao_judicial": (DECIDERS, "urgente", "urgente"),
    "solicitacao.criada": (APPLICATION, "normal", "alta"),
    "solicitacao.aprovada": (APPLICATION, "alta", "alta"),
    "solicitacao.indeferida": (APPLICATION, "alta", "alta"),
    "solicitacao.liberada": (APPLICATION, "alta", "alta"),
    "documento.solicitado": ({"ana", "rui"}, "normal", "normal"),
    "documento.prazo_proximo": ({"ana", "rui"}, "normal", "normal"),
    "concessao.criada": ({"ana", "unidade"}, "normal", "normal"),
    "concessao.suspensa": ({"ana", "unidade"}, "alta", "alta"),
    "concessao.bloqueada": ({"ana", "unidade"}, "alta", "alta"),
    "concessao.reativada": ({"ana", "unidade"}, "normal", "normal"),
    "concessao.prorrogada": ({"ana", "unidade"}, "normal", "normal"),
    "concessao.cessada": ({"ana", "unidade"}, "normal", "normal"),
    "pagamento.liberado": (PAYERS, "normal", "normal"),
    "pagamento.falhou": (PAYERS, "alta", "alta"),
    "pagamento.comprovante_invalidado": (PAYERS, "alta", "alta"),
    "pagamento.vencido": (PAYERS, "normal", "normal"),
    "aluguel_social.visita_proxima": ({"ana"}, "normal", "normal"),
    "aluguel_social.visita_vencida": ({"ana"}, "alta", "alta"),
    "manutencao.programada": ({"todos"}, "normal", "normal"),
    "manutencao.iniciada": ({"todos"}, "alta", "alta"),
    "manutencao.finalizada": ({"todos"}, "normal", "normal"),
    "seguranca.acesso_negado_repetido": (ADMINS, "urgente", "urgente"),
}
PROTOCOL = "SOL-000042"


@pytest.fixture
def people(ana, bia, caio, cras_norte, cras_sul):
    """Everybody of the matter by name, beside some who must never hear of it."""
    make_person("dora", Role.COORDENADOR, cras_sul)
    make_person("gone", Role.ADMIN, is_active=False)
    return {
        "ana": ana,
        "bia": bia,
        "carla": make_person("carla"),
        "gil": make_person("gil", Role.GESTOR),
        "rui": make_person("rui", Role.CIDADAO),
        "coordenação": make_person("clara", Role.COORDENADOR, cras_norte),
        "ada": make_person("ada", Role.ADMIN),
        "ivo": make_person("ivo", Role.AUDITOR),
    }


@pytest.fixture
def matter(people, cras_norte, aluguel_social):
    return Matter(
        protocol=PROTOCOL,
        unit=cras_norte,
        benefit=aluguel_social,
        tecnico=people["ana"],
        aprovador=people["carla"],
        liberador=people["gil"],
        requester=people["rui"],
        pendencia_author=people["bia"],
        days_left=3,
        days_over=6,
        moment=datetime(2026, 3, 10, 1, 0, tzinfo=UTC),
    )


@pytest.fixture
def channels(people, cras_norte, aluguel_social):
    shared = {
        "unidade": channel_for_unit(cras_norte),
        "benefício": channel_for_benefit(aluguel_social),
        "todos": SYSTEM_CHANNEL,
    }
    return {name: channel_for_user(person) for name, person in people.items()} | shared


def under_court_order(matter, **changes):
    return Matter(**vars(matter) | {"court_order": True} | changes)


def test_the_catalogue_holds_the_events_of_the_table_and_no_other():
    assert set(EVENTS) == set(TABLE)
    assert all(name == event.name for name, event in EVENTS.items())


@pytest.mark.parametrize("name", TABLE)
def test_every_event_tells_its_recipients_and_nobody_else(name, matter, channels):
    assert set(notice_for(name, matter).channels) == {channels[who] for who in TABLE[name][0]}


@pytest.mark.parametrize("name", TABLE)
def test_every_event_is_as_urgent_as_the_table_says(name, matter):
    _, usual, court = TABLE[name]
    assert notice_for(name, matter).priority == usual
    assert notice_for(name, under_court_order(matter)).priority == court


@pytest.mark.parametrize("name", TABLE)
def test_every_event_is_accepted_by_the_way_in(name, matter):
    rows = notify_many([notice_for(name, matter)])
    assert Notification.objects.count() == len(rows) > 0


@pytest.mark.parametrize("name", [name for name in TABLE if not name.startswith(("manutencao.", "seguranca."))])
def test_every_event_of_a_request_names_its_protocol_and_links_to_it(name, matter):
    notice = notice_for(name, matter)
    assert PROTOCOL in notice.title
    assert PROTOCOL in notice.message
    assert notice.link == f"/solicitacoes/{PROTOCOL}/"
    assert notice.data == {"event": name, "protocol": PROTOCOL}


@pytest.mark.parametrize("event", EVENTS.values(), ids=lambda event: event.name)
def test_no_text_has_a_place_for_personal_data(event):
    templates = event.title + event.message + event.link
    places = {place for _, place, _, _ in string.Formatter().parse(templates) if place}
    assert places <= {"protocol", "unit", "benefit", "left", "over", "moment"}
    assert not re.search(r"cpf|\brg\b|telefone|endereço|nome|valor|r\$|motivo", templates, re.IGNORECASE)


@pytest.mark.parametrize("name", TABLE)
def test_no_notification_names_any_of_the_people(name, matter, people):
    for person in people.values():
        person.first_name, person.last_name = "Fulana", "Sobrenome"
        person.email = "fulana@example.org"
    sent = notice_for(name, matter).model_dump_json(exclude={"channels"})
    assert not re.search(r"fulan|sobrenome|@", sent, re.IGNORECASE)


def test_an_expired_deadline_under_a_court_order_is_urgent_only_after_five_days(matter):
    def priority(days_over):
        return notice_for("solicitacao.prazo_expirado", under_court_order(matter, days_over=days_over)).priority

    assert [priority(days) for days in (0, 5, 6)] == ["alta", "alta", "urgente"]


def test_deadlines_are_announced_on_the_days_and_hours_of_the_table():
    announced = {name: (event.days_before, event.hours_before) for name, event in EVENTS.items() if event.days_before}
    assert announced == {
        "solicitacao.prazo_proximo": ((7, 3, 1), (24, 12, 6)),
        "documento.prazo_proximo": ((5, 2), ()),
    }


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ({"days_left": 7}, "vence em 7 dias"),
        ({"days_left": 1}, "vence em 1 dia."),
        ({"days_left": 0}, "vence hoje"),
        ({"days_left": None, "hours_left": 12}, "vence em 12 horas"),
        ({"days_left": None, "hours_left": 1}, "vence em 1 hora."),
    ],
)
def test_what_is_left_is_said_in_days_or_hours(matter, left, said):
    assert said in notice_for("solicitacao.prazo_proximo", Matter(**vars(matter) | left)).message


def test_a_moment_is_said_in_local_time(matter):
    assert notice_for("manutencao.programada", matter).title == "Manutenção programada: 09/03 às 22:00"


def test_who_holds_two_roles_in_a_matter_is_told_once(ana, cras_norte):
    Membership.objects.create(person=ana, role=Role.COORDENADOR, unit=cras_norte)
    notice = notice_for("solicitacao.status_alterado", Matter("A-1", tecnico=ana, aprovador=ana, liberador=ana))
    assert notice.channels == (channel_for_user(ana),)


def test_the_absent_and_the_inactive_are_skipped(ana, bia):
    bia.is_active = False
    notice = notice_for("solicitacao.status_alterado", Matter("A-1", tecnico=ana, aprovador=bia, liberador=None))
    assert notice.channels == (channel_for_user(ana),)


def test_nobody_left_to_tell_is_an_error_with_a_sentence():
    with pytest.raises(InvalidNotification, match="não há ninguém a notificar"):
        notice_for("solicitacao.atribuida", Matter("A-1"))


def test_what_the_text_needs_and_the_matter_lacks_is_named(ana):
    with pytest.raises(InvalidNotification) as error:
        notice_for("solicitacao.prazo_proximo", Matter("A-1", tecnico=ana))
    assert list(error.value.errors) == ["left"]


def test_a_protocol_with_a_slash_stays_one_segment_of_the_link(ana):
    notice = notice_for("solicitacao.atribuida", Matter("2026/42?", tecnico=ana))
    assert notice.link == "/solicitacoes/2026%2F42%3F/"


def test_braces_in_a_protocol_are_only_text(ana):
    assert "{unit}" in notice_for("solicitacao.atribuida", Matter("{unit}", tecnico=ana)).title


def test_an_unknown_event_is_a_key_error_with_a_sentence():
    with pytest.raises(UnknownEvent) as error:
        notice_for("solicitacao.esquecida", Matter())
    assert isinstance(error.value, KeyError)
    assert str(error.value).startswith("O catálogo não tem o evento 'solicitacao.esquecida': use um de ")


def test_every_recipient_has_an_event():
    assert {recipient for event in EVENTS.values() for recipient in event.recipients} == set(Recipient)
