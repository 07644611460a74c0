"""Personal data in a text: what a channel that several people hear must not carry (LGPD: necessity). Pure."""

import re
import unicodedata

_AREA = r"(?:1[1-9]|2[12478]|3[1-578]|4[1-9]|5[1345]|6[1-9]|7[134579]|8[1-9]|9[1-9])"  # the area codes that there are
_NUMBER = r"(?:9[ .]?\d{4}|[2-5]\d{3})[ .-]?\d{4}"
_ALONE = r"(?<![\d.,/-])(?:%s)(?!\d|[.,/-]\d)"  # a longer number, such as a court case's, is none of these

_CPF = re.compile(_ALONE % r"\d{3}[. /-]?\d{3}[. /-]?\d{3}[. /-]?\d{2}")
_PHONE = re.compile(
    # ten digits in a row are left alone: they may count anything
    rf"(?<!\d)(?:\+55 ?)?\( ?0?{_AREA} ?\) ?{_NUMBER}(?!\d)"
    rf"|(?<!\d)\+55[ .-]?0?{_AREA}[ .-]?{_NUMBER}(?!\d)"
    + "|"
    + _ALONE % rf"0?{_AREA}[ .-]{_NUMBER}|(?:55|0)?{_AREA}9\d{{8}}|9\d{{4}}[ .-]\d{{4}}"
)
_UUID = re.compile(
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE
)  # random, and so now and then a phone
_EMAIL = re.compile(r"[^\s@<>\"'()]+@[\w-]+(?:\.[\w-]+)+")


def found_in(text: str) -> str:
    """What `text` holds of somebody, named in pt-BR: a CPF with right check digits, a phone number, an e-mail address.

    Empty where it holds none.
    """
    text = _as_read(text)
    if any(_is_cpf(match[0]) for match in _CPF.finditer(text)):
        return "CPF"
    if _PHONE.search(text):
        return "telefone"
    return "e-mail" if _EMAIL.search(text) else ""


def _as_read(text: str) -> str:
    """Without what the eye does not see, and with the digits, dots and hyphens that it takes others for."""
    text = unicodedata.normalize("NFKC", text)
    visible = (character for character in text if unicodedata.category(character) != "Cf")
    return _UUID.sub("", "".join("-" if unicodedata.category(one) == "Pd" else one for one in visible))


def _is_cpf(text: str) -> bool:
    """By its two check digits, modulo 11 (Receita Federal); eleven times the same digit is nobody's."""
    digits = [int(character) for character in text if character.isdigit()]
    return len(set(digits)) > 1 and all(digits[n] == _check_digit(digits[:n]) for n in (9, 10))


def _check_digit(digits: list[int]) -> int:
    weights = range(len(digits) + 1, 1, -1)
    rest = sum(digit * weight for digit, weight in zip(digits, weights, strict=True)) % 11
    return 0 if rest < 2 else 11 - rest
