"""Text search: what is found, by whom, and how far it looks."""

import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notificacao import audiences, reading, texts
from notificacao.models import Notification
from notificacao.reading import Filter, Reader, search
from tests.stamping import fill

ALPHABET = "abcABC áàâãéêíóôõúüçÁÀÂÃÉÊÍÓÔÕÚÜÇ0129-%_\\'\""
WORDS = st.text(ALPHABET, min_size=1, max_size=12).filter(texts.is_visible)  # what is not is refused
LETTERS = st.text(ALPHABET, max_size=12)


def found(person, text, **more):
    return [row.title for row in Reader(person).inbox(Filter(search=text, **more)).order_by("-seq")]


@pytest.mark.parametrize(
    "text",
    [
        "reuniao",
        "REUNIÃO",
        "reunião",
        "réuniào",
        "uniã",
        "sala",
        "reuniao sala",
        "sala  REUNIÃO",
        "as 14h",
        "2026-00017",
    ],
)
def test_neither_accents_nor_case_nor_order_matter_and_a_part_of_a_word_is_enough(ana, of_ana, text):
    fill(of_ana, title="Reunião de equipe", message="Às 14h na sala 2, protocolo 2026-00017.")
    fill(of_ana, title="Vistoria", message="Amanhã")
    assert found(ana, text) == ["Reunião de equipe"]


@pytest.mark.parametrize("text", ["reuniao vistoria", "equipes", "%", "_", "\\", "14h%sala"])
def test_each_word_must_be_there_and_no_sign_stands_for_another(ana, of_ana, text):
    fill(of_ana, title="Reunião de equipe", message="Às 14h na sala 2.")
    assert found(ana, text) == []


@pytest.mark.parametrize("text", ["100%", "a_b", "c\\d", "d'ávila", '"aspas"'])
def test_a_sign_is_found_as_itself(ana, of_ana, text):
    fill(of_ana, title='100% a_b c\\d D\'Ávila "aspas"')
    assert len(found(ana, text)) == 1


def test_a_decomposed_accent_is_an_accent(ana, of_ana):
    fill(of_ana, title=unicodedata.normalize("NFD", "Reunião"))
    assert len(found(ana, "reuniao")) == 1
    assert len(found(ana, unicodedata.normalize("NFD", "reunião"))) == 1


def test_a_word_does_not_reach_from_the_title_into_the_message(ana, of_ana):
    fill(of_ana, title="ab", message="cd")
    assert found(ana, "abcd") == []


def test_nothing_of_others_is_found(ana, caio):
    fill(audiences.channel_for_user(caio), title="Só para Caio")
    assert found(ana, "caio") == []


def test_the_other_filters_hold_as_well(ana, of_ana):
    fill(of_ana, title="Vistoria A", kind="alerta")
    (read,) = fill(of_ana, title="Vistoria B", kind="sistema")
    reading.mark_read(ana, read.public_id)
    assert found(ana, "vistoria", kinds=("alerta",)) == ["Vistoria A"]
    assert found(ana, "vistoria", unread=True) == ["Vistoria A"]


@pytest.mark.parametrize("text", ["\x00", "  ", "\x00\x01"])
def test_a_text_without_a_word_leaves_out_nothing(ana, of_ana, text):
    fill(of_ana)
    assert len(found(ana, text)) == 1


def test_it_looks_at_the_newest_rows_of_that_person_and_no_further(ana, bia, of_ana, norte, monkeypatch):
    monkeypatch.setattr(search, "DEPTH", 2)
    fill(of_ana, title="Vistoria 1")
    fill(of_ana, of_ana, title="Vistoria 2")
    fill(audiences.channel_for_user(bia), audiences.channel_for_user(bia), title="De Bia")
    assert found(ana, "vistoria") == ["Vistoria 2"] * 2
    fill(norte, title="Outra")
    assert found(ana, "vistoria") == ["Vistoria 2"]


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=WORDS, message=WORDS, text=LETTERS)
def test_the_database_finds_what_folding_by_hand_finds(ana, of_ana, title, message, text):
    Notification.objects.all().delete()
    fill(of_ana, title=title, message=message)
    folded = search.fold(f"{title}\n{message}")
    assert bool(found(ana, text)) == all(word in folded for word in search.fold(text).split())


@pytest.mark.postgres
def test_postgresql_looks_for_a_pattern_and_folds_nothing(ana):
    assert "translate(" not in str(Reader(ana).inbox(Filter(search="reunião")).query)
