"""What may be sent, and the sentences that tell staff why something may not."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from notificacao import audiences, eventlog, texts
from notificacao.content import (
    MESSAGE_MAX,
    SYSTEM_MESSAGE_MAX,
    InvalidNotification,
    Notice,
    PersonalData,
)
from notificacao.texts import DATA_DEPTH_MAX, DATA_MAX

LINKS = json.loads((Path(__file__).parent / "vectors" / "links.json").read_text())
UNIT = "private:unit:abc:notifications"
CONTROLS = ["\x00", "\t", "\r", "\x07", "\x1b", "\x7f", "\x85", "\x9f"]


@pytest.fixture(autouse=True)
def own_host(settings):
    settings.ALLOWED_HOSTS = ["semtas.example", "localhost"]


def notice(**fields):
    return Notice.of(**{"channels": (UNIT,), "title": "Título", "message": "Corpo.", **fields})


def errors_of(**fields):
    with pytest.raises(InvalidNotification) as caught:
        notice(**fields)
    return caught.value.errors


def test_what_is_not_said_has_the_models_own_defaults():
    assert notice().model_dump() == {
        "channels": (UNIT,),
        "title": "Título",
        "message": "Corpo.",
        "kind": "sistema",
        "priority": "normal",
        "link": "",
        "data": {},
        "expires_at": None,
    }


def test_a_channel_named_twice_is_one_channel_and_the_order_stays():
    assert notice(channels=("b", "a", "b")).channels == ("b", "a")


def test_white_space_around_texts_is_taken_off():
    assert notice(title="  Olá \n", message="\n corpo ").title == "Olá"


def test_a_notice_without_channels_is_refused():
    assert errors_of(channels=()) == {"channels": "falta preencher"}


@pytest.mark.parametrize("field", ["title", "message"])
@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_title_and_message_must_say_something(field, text):
    assert errors_of(**{field: text}) == {field: "falta preencher"}


def test_a_missing_field_is_one_to_fill_in():
    with pytest.raises(InvalidNotification) as caught:
        Notice.of(channels=(UNIT,))
    assert caught.value.errors == {"title": "falta preencher", "message": "falta preencher"}


def test_a_title_has_at_most_100_characters():
    assert notice(title="ç" * 100).title == "ç" * 100
    assert errors_of(title="ç" * 101) == {"title": "tem mais de 100 caracteres"}


def test_a_message_has_at_most_500_characters():
    assert len(notice(message="ã" * MESSAGE_MAX).message) == 500
    assert errors_of(message="ã" * 501) == {"message": "a mensagem tem 501 caracteres; o limite é 500"}


def test_a_message_to_the_systems_channel_alone_has_at_most_1000_characters():
    alone = (audiences.SYSTEM_CHANNEL,)
    assert len(notice(channels=alone, message="x" * SYSTEM_MESSAGE_MAX).message) == 1000
    assert errors_of(channels=alone, message="x" * 1001) == {"message": "tem mais de 1000 caracteres"}
    assert "o limite é 500" in errors_of(channels=(*alone, UNIT), message="x" * 501)["message"]


def test_a_link_has_at_most_500_characters():
    assert len(notice(link="/" + "a" * 499).link) == 500
    assert errors_of(link="/" + "a" * 500) == {"link": "tem mais de 500 caracteres"}


def test_data_takes_at_most_4096_bytes_of_json():
    fits = {"a": "x" * (DATA_MAX - len('{"a": ""}'))}
    assert notice(data=fits).data == fits
    assert errors_of(data={"a": fits["a"] + "x"}) == {"data": "4097 bytes de JSON; o limite é 4096"}


@pytest.mark.parametrize(
    "value",
    [float("nan"), {1, 2}, datetime(2030, 1, 1, tzinfo=UTC), b"bytes", "\ud800", ["deep", {"x": "\0"}]],
)
def test_data_that_cannot_travel_as_json_is_refused_and_not_met_later_by_a_stream(value):
    assert errors_of(data={"a": value}) == {"data": "só aceita o que cabe em JSON"}


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("field", ["title", "message", "link"])
def test_control_characters_are_refused(field, control):
    assert errors_of(**{field: f"/a{control}b"}) == {field: "caracteres de controle não são aceitos"}


def test_a_message_may_have_lines_but_a_title_and_a_link_have_one():
    assert notice(message="um\ndois").message == "um\ndois"
    assert errors_of(title="um\ndois") == {"title": "use uma só linha"}
    assert set(errors_of(link="/um\n/dois")) == {"link"}


INKLESS = [
    *(
        "\u200b",
        "\u2060\u2060",
        "\u3164",
        "\u115f\u1160",
        "\uffa0",
        "\u2800",
        "\u0301",
        "\ufe0f",
        "\U000e0041",
        "\u00ad",
    )
]


@pytest.mark.parametrize("text", [*INKLESS, "".join(INKLESS), "\u2800 \u3164", "\ue000"])
@pytest.mark.parametrize("field", ["title", "message"])
def test_a_text_of_which_nothing_is_seen_is_refused(field, text):
    assert errors_of(**{field: text}) == {field: "nada nele se vê: escreva um texto"}


@pytest.mark.parametrize("text", ["!", "7", "한", "👩🏽\u200d👧", "e\u0301", "\u200bé", "→"])
def test_a_text_of_which_something_is_seen_is_not(text):
    assert notice(title=text, message=text).title == text


@pytest.mark.parametrize("number", [10**309, -(10**400), [{"valor": 2 * 10**308}], 1e400, [-1e400]])
def test_a_number_that_a_browser_reads_as_infinity_is_refused_and_says_what_to_do(number):
    told = "há um número que o navegador lê como infinito: escreva-o entre aspas"
    assert errors_of(data={"a": number}) == {"data": told}


@pytest.mark.parametrize("number", [10**308, -(10**308), 1.7e308, "9" * 400, "Infinity", "NaN"])
def test_a_number_that_a_browser_reads_passes_and_so_does_one_in_quotes(number):
    assert notice(data={"a": number}).data == {"a": number}


def test_accents_and_emoji_are_no_control_characters():
    text = "Benefício 👩🏽‍👧 concedido – até já"
    assert notice(title=text, message=text).title == text


@pytest.mark.parametrize(
    "link",
    [
        "",
        "/",
        "/beneficios/42/?aba=1#topo",
        "/busca?volta=//x",
        "https://semtas.example",
        "https://semtas.example/a",
        "https://semtas.example?x=1",
        "https://localhost#a",
    ],
)
def test_a_link_leads_to_a_path_or_an_https_address_of_this_site(link):
    assert notice(link=link).link == link


CASES = [(LINKS["hosts"], *link) for link in LINKS["links"][1:]] + LINKS["by_hosts"]


@pytest.mark.parametrize(("hosts", "link", "leads"), CASES)
def test_links_are_judged_as_the_page_judges_them_and_django_its_hosts(settings, hosts, link, leads):
    settings.ALLOWED_HOSTS = hosts
    if leads:
        assert texts.link(link) == link
    else:
        with pytest.raises(ValueError, match=r"use |controle"):
            texts.link(link)


def test_without_hosts_this_machine_is_ours_in_debug_alone(settings):
    settings.ALLOWED_HOSTS = []
    assert not texts.is_our_host("localhost")
    settings.DEBUG = True
    assert texts.is_our_host("localhost:8000")


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "//evil",
        "//evil/semtas.example",
        "/\\evil",
        "\\\\evil",
        "https://evil.example/",
        "https://semtas.example.evil.example/",
        "https://semtas.example@evil.example/",
        "https://evil.example\\@semtas.example/",
        "https://semtas.example:pw@evil.example/",
        "https:/semtas.example",
        "https:semtas.example",
        "http://semtas.example/",
        "HTTPS://evil.example",
        "ftp://semtas.example/",
        "beneficios/42",
        "mailto:a@semtas.example",
        "semtas.example",
    ],
)
def test_a_link_that_runs_or_leads_away_is_refused(link):
    assert errors_of(link=link) == {"link": "use um caminho que comece com / ou um endereço https deste sistema"}


@given(st.text(alphabet="/\\:@.?# \t\n\rhtpsjavcriemloxx%"))
def test_no_accepted_link_is_read_as_another_host_by_a_browser(link):
    try:
        accepted = notice(link=link).link
    except InvalidNotification:
        return
    as_a_browser_reads_it = accepted.replace("\t", "").replace("\n", "").replace("\r", "").replace("\\", "/")
    assert accepted == "" or (as_a_browser_reads_it.startswith("/") and not as_a_browser_reads_it.startswith("//"))


@pytest.mark.django_db
def test_an_expiry_is_a_future_moment_with_a_time_zone():
    tomorrow = timezone.now() + timedelta(days=1)
    assert notice(expires_at=tomorrow).expires_at == tomorrow


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(lambda: datetime(2999, 1, 1), id="naive"),  # noqa: DTZ001
        pytest.param(lambda: timezone.now() - timedelta(seconds=1), id="past"),
        pytest.param(eventlog.now, id="now"),
    ],
)
@pytest.mark.django_db
def test_a_naive_or_past_expiry_is_refused(moment):
    assert errors_of(expires_at=moment()) == {"expires_at": "use um momento futuro, com fuso horário"}


def test_kind_and_priority_are_of_their_lists():
    assert notice(kind="alerta", priority="urgente").kind == "alerta"
    assert errors_of(kind="festa")["kind"].startswith("use um destes: 'sistema'")
    assert errors_of(priority="altíssima")["priority"].startswith("use um destes: 'baixa'")


def test_a_field_that_nobody_knows_is_refused():
    assert errors_of(titulo="x") == {"titulo": "campo desconhecido"}


def test_every_wrong_field_is_named_at_once_and_the_error_reads_as_a_sentence():
    with pytest.raises(InvalidNotification, match="title: falta preencher; link: use um caminho") as caught:
        notice(title="", link="javascript:1")
    assert set(caught.value.errors) == {"title", "link"}


def test_a_notice_does_not_change_after_it_was_validated():
    valid = notice()
    with pytest.raises(ValueError, match="frozen"):
        valid.title = "x" * 1000
    assert valid.title == "Título"


# --- Depth, directions, personal data


def nested(depth, inner=1):
    for _ in range(depth):
        inner = {"a": inner}
    return inner


def test_data_that_is_nested_so_deep_that_no_stream_could_write_it_is_refused():
    assert notice(data=nested(DATA_DEPTH_MAX)).data == nested(DATA_DEPTH_MAX)
    too_deep = {"data": "até 16 objetos e listas, um dentro do outro"}
    assert errors_of(data=nested(DATA_DEPTH_MAX + 1)) == errors_of(data=nested(300)) == too_deep
    assert errors_of(data={"a": [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}) == too_deep
    assert set(errors_of(data=nested(100_000))) == {"data"}


@pytest.mark.parametrize("control", ["\u202e", "\u2066", "\u2028", "\u2029"])
def test_what_makes_a_text_read_otherwise_than_it_is_written_is_refused(control):
    assert errors_of(title=f"a{control}b") == {"title": "caracteres de controle não são aceitos"}


PERSONAL = {
    "title": ("CPF 529.982.247-25", "CPF"),
    "message": ("Ligue para (84) 99999-1234", "telefone"),
    "link": ("/pessoas/?quem=maria%40example.org", "e-mail"),
    "data": ({"quem": ["maria@example.org"]}, "e-mail"),
}


SAID = {
    "title": "O título contém",
    "message": "A mensagem contém",
    "link": "O endereço contém",
    "data": "Os dados contêm",
}


@pytest.mark.parametrize("field", PERSONAL)
@pytest.mark.parametrize("channel", [UNIT, "private:benefit:funeral:notifications", audiences.SYSTEM_CHANNEL])
def test_personal_data_is_refused_on_a_channel_that_several_people_hear(field, channel):
    value, what = PERSONAL[field]
    with pytest.raises(PersonalData) as caught:
        notice(channels=("private:user:a:notifications", channel), **{field: value})
    assert caught.value.errors == {
        field: f"{SAID[field]} {what}. Retire-o: dados pessoais não podem ir a várias pessoas."
    }


@pytest.mark.parametrize("field", PERSONAL)
def test_on_personal_channels_and_where_it_is_allowed_personal_data_passes(field):
    value, what = PERSONAL[field]
    assert notice(channels=("private:user:a:notifications",), **{field: value}).personal_data() == {}
    assert notice(personal_data_allowed=True, **{field: value}).personal_data() == {field: what}


@pytest.mark.parametrize("before", ["Sala 9\n", "\f", "\b", "\t", "1\r\n", "\x01"])
def test_a_cpf_in_data_is_found_after_a_character_that_json_escapes(before):
    told = "Os dados contêm CPF. Retire-o: dados pessoais não podem ir a várias pessoas."
    assert errors_of(data={"a": f"{before}52998224725"}) == {"data": told}
