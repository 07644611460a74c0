"""What counts as somebody's personal data, and the numbers of this house that do not."""

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
