"""What counts as somebody's personal data, and the numbers of this house that do not."""

import itertools
import random
import string
from collections.abc import Iterator
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notificacao.personal_data import found_in


@pytest.mark.parametrize(
    "text",
    [
        "529.982.247-25",
        "52998224725",
        "529 982 247 25",
        "529.982.247/25",
        "529.982.247–25",
        "CPF:529.982.247-25.",
        "O CPF é 111.444.777-35, confira",
        "５２９.９８２.２４７-２５",
        "٥٢٩٩٨٢٢٤٧٢٥",
        "529.982\u200b.247-25",
        "529\u00ad982\u00ad247\u00ad25",
        "5\u030129.982.247-25",
        '{"cpf": 52998224725}',
        "https://semtas.example/?volta=cpf%3D52998224725",
        "/abrir?de=%2F52998224725",
        "cpf=529+982+247+25",
    ],
)
def test_a_cpf_is_found_however_it_is_written(text):
    assert found_in(text) == "CPF"


@pytest.mark.parametrize("text", ["529.982.247-26", "529.982.247-15", "111.111.111-11", "00000000000"])
def test_a_number_whose_check_digits_are_wrong_is_no_cpf(text):
    assert found_in(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "(84) 99999-1234",
        "(84)99999-1234",
        "(084) 3232-1234",
        "( 84 ) 3232 1234",
        "84 99999-1234",
        "84 9 9999-1234",
        "84-3232-1234",
        "084 3232.1234",
        "84999991234",
        "084999991234",
        "5584999991234",
        "+55 84 99999-1234",
        "+558432321234",
        "tel.: 99999-1234.",
        "ligue 91234 5678",
        "(84) 99999‑1234",
        '{"tel": 84999991234}',
    ],
)
def test_a_phone_number_is_found_however_it_is_written(text):
    assert found_in(text) == "telefone"


@pytest.mark.parametrize(
    "text", ["maria@example.org", "escreva a <m.silva+x@pref.rn.gov.br>", "mailto:a@b.co", "maria＠example.org"]
)
def test_an_e_mail_address_is_found(text):
    assert found_in(text) == "e-mail"


@pytest.mark.parametrize(
    "text",
    [
        "Solicitação 2026-00017 atribuída",
        "/solicitacoes/2026-00017/",
        "Exercício 2025-2026",
        "Reunião em 24/11/2026 às 14:00",
        "Processo 0801234-56.2026.8.20.0001",
        "Processo 08412345620268200001",
        "CNPJ 12.345.678/0001-90",
        "CEP 59025-000",
        "Parcela de R$ 1.234.567,89",
        "Lote 8432321234",
        "1764028800",
        "1764028800000",
        "01890a5d-ac96-774b-bcce-b84999991234",
        "Sala 2, das 8 às 12",
        "@todos: reunião",
        "preço a R$5@unidade",
        "",
    ],
)
def test_protocols_dates_cases_and_sums_are_nobodys_personal_data(text):
    assert found_in(text) == ""


@given(st.integers(0, 999_999_999), st.sampled_from(["{}.{}.{}-{}", "{}{}{}{}", "{} {} {} {}"]))
def test_every_cpf_is_found_in_the_middle_of_a_sentence(number, form):
    digits = f"{number:09d}"
    for _ in range(2):
        rest = sum(int(d) * w for d, w in zip(digits, range(len(digits) + 1, 1, -1), strict=True)) * 10 % 11
        digits += str(rest % 10)
    written = form.format(digits[:3], digits[3:6], digits[6:9], digits[9:])
    assert (found_in(f"o CPF {written} falta") == "CPF") is (len(set(digits)) > 1)


@given(st.text())
def test_any_text_is_looked_at_without_an_error(text):
    assert found_in(text) in ("", "CPF", "telefone", "e-mail")


ID_ALPHABETS = {
    "hexadecimal of 32": ("0123456789abcdef", 32),
    "hexadecimal of 40": ("0123456789abcdef", 40),
    "hexadecimal of 64": ("0123456789ABCDEF", 64),
    "short hash": ("0123456789abcdef", 12),
    "base 62": (string.digits + string.ascii_letters, 22),
    "ULID": ("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 26),
}


def ids(shape: str, many: int, seed: int) -> Iterator[str]:
    """So many random identifiers of that shape that have a letter."""
    draw = random.Random(seed)
    if shape == "UUID":
        yield from (str(UUID(int=draw.getrandbits(128), version=4)) for _ in range(many))
        return
    alphabet, length = ID_ALPHABETS[shape]
    drawn = ("".join(draw.choices(alphabet, k=length)) for _ in itertools.count())
    yield from itertools.islice((one for one in drawn if not one.isdecimal()), many)


@pytest.mark.parametrize("shape", [*ID_ALPHABETS, "UUID"])
def test_no_identifier_with_letters_is_taken_for_anything(shape):
    for one in ids(shape, 5_000, 7):
        assert found_in(f"pedido_{one}") == found_in(one) == found_in(f'{{"id": "{one}"}}') == ""


@pytest.mark.parametrize(
    "text",
    [
        "a36a5d2d7b3e4c43990700453b03c2bc",
        "8215a43774cf45028584125e1f3785db",
        "9f52998224725e",
        "52998224725e",
        "abc52998224725",
        "k7x52998224725",
        "52998224725x7",
        "id_6f9619ff-8b86-d011-b42d-84999991234f",
        "id_84999991-8b86-9111-9842-849999912345",
    ],
)
def test_digits_within_an_identifier_are_not_somebodys(text):
    assert found_in(text) == ""


FORMS = [
    *("{}", "CPF{}", "cpf{}", "CPF: {}", "cpf={}", "{}CPF", "({})", '"{}"', "CPF_{}", "nº{}", "/pessoas/{}/", "{},"),
    *("Titular:{}.", "O CPF é {}, confira", "cpf\n{}", "[{}]", "<{}>", "{};", "doc{}", "{}nis"),
]
SEPARATED = ["{}{}{}{}", "{}.{}.{}-{}", "{} {} {} {}", "{}-{}-{}-{}", "{}.{}.{}/{}", "{}.{}.{}.{}"]


def test_ten_thousand_true_ones_are_all_found():
    draw = random.Random(11)
    for number in range(10_000):
        digits = [draw.randrange(10) for _ in range(9)]
        digits += [check_digit(digits)]
        digits += [check_digit(digits)]
        if len({*digits}) == 1:
            continue
        text = "".join(map(str, digits))
        written = SEPARATED[number % len(SEPARATED)].format(text[:3], text[3:6], text[6:9], text[9:])
        said = FORMS[number // len(SEPARATED) % len(FORMS)].format(written)
        assert found_in(said) == "CPF", said


def check_digit(digits: list[int]) -> int:
    rest = sum(digit * (len(digits) + 1 - place) for place, digit in enumerate(digits)) % 11
    return 0 if rest < 2 else 11 - rest
