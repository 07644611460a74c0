"""Find personal data in a text, which a channel of several people must not carry (LGPD: necessity). Pure."""

import re
import unicodedata
from urllib.parse import unquote_plus

_AREA = r"(?:1[1-9]|2[12478]|3[1-578]|4[1-9]|5[1345]|6[1-9]|7[134579]|8[1-9]|9[1-9])"  # the area codes that exist
_NUMBER = r"(?:9[ .]?\d{4}|[2-5]\d{3})[ .-]?\d{4}"
_ALONE = r"(?<!\d)(?<!\d[.,/-])(?:%s)(?!\d|[.,/-]\d)"  # not within a longer number, such as that of a court case

_CPF = re.compile(_ALONE % r"\d{3}[. /-]?\d{3}[. /-]?\d{3}[. /-]?\d{2}")
_MARKED_PHONE = re.compile(
    rf"(?<!\d)(?:\+55 ?)?\( ?0?{_AREA} ?\) ?{_NUMBER}(?!\d)|(?<!\d)\+55[ .-]?0?{_AREA}[ .-]?{_NUMBER}(?!\d)"
)
_PHONE = re.compile(  # Ten digits in a row do not count: they may be anything.
    _ALONE % rf"0?{_AREA}[ .-]{_NUMBER}|(?:55|0)?{_AREA}9\d{{8}}|9\d{{4}}[ .-]\d{{4}}"
)
_UUID = re.compile(  # its digits are random, and now and then look like a phone number
    r"(?<![0-9a-z])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-z])", re.IGNORECASE
)
_EMAIL = re.compile(r"[^\s@<>\"'()]@[\w-]+\.[\w-]")  # its innermost part is enough, and is looked for in linear time
_HEX_LETTERS = frozenset("abcdefABCDEF")
_UNSEEN = {"Cf", "Mn", "Me"}  # Unicode's categories of what has no width of its own: format characters, and accents


def found_in(text: str) -> str:
    """Return the kind of personal data that `text` holds, or nothing: `CPF`, `telefone` or `e-mail`.

    A CPF counts only with the right check digits. A number between letters counts where they are a word's, as in
    CPF52998224725, and not an identifier's, as in 9f52998224725e: its digits are random. A text with an address in it
    is also read as the address's site reads it: in cpf%3D52998224725 the D is no letter.
    """
    readings = dict.fromkeys((text, unquote_plus(text)))
    return next(filter(None, map(_found_in_reading, readings)), "")


def _found_in_reading(text: str) -> str:
    text = _as_read(text)
    if any(_is_cpf(match[0]) and _is_no_part_of_an_id(text, match) for match in _CPF.finditer(text)):
        return "CPF"
    if _MARKED_PHONE.search(text) or any(_is_no_part_of_an_id(text, match) for match in _PHONE.finditer(text)):
        return "telefone"
    return "e-mail" if _EMAIL.search(text) else ""


def _as_read(text: str) -> str:
    """Return `text` as a reader sees it: without invisible characters, with plain digits, dots and hyphens.

    Each character is normalised by itself: a text's accents would be put in order in quadratic time.
    """
    if text.isascii():
        return _UUID.sub("", text)
    plain = "".join(unicodedata.normalize("NFKD", character) for character in text)
    visible = (character for character in plain if unicodedata.category(character) not in _UNSEEN)
    return _UUID.sub("", "".join("-" if unicodedata.category(one) == "Pd" else one for one in visible))


def _is_no_part_of_an_id(text: str, number: re.Match[str]) -> bool:
    """Tell whether the letters on either side of `number` are none or a word's, with no digit beyond them.

    Letters that are all of a hexadecimal number's are no word.
    """
    return all(_is_no_part(run) for run in (_letters(text, number.start() - 1, -1), _letters(text, number.end(), 1)))


def _letters(text: str, at: int, step: int) -> tuple[str, str]:
    """Return the letters from `at` on, forwards or backwards, and the character beyond them."""
    begin = at
    while 0 <= at < len(text) and text[at].isalpha():
        at += step
    run = text[begin:at] if step > 0 else text[at + 1 : begin + 1]
    return run, text[at] if 0 <= at < len(text) else ""


def _is_no_part(run: tuple[str, str]) -> bool:
    letters, beyond = run
    return not letters or not (_HEX_LETTERS.issuperset(letters) or beyond.isdigit())


def _is_cpf(text: str) -> bool:
    """Return whether `text` is a CPF by its two check digits, modulo 11 (Receita Federal).

    Eleven equal digits pass the check, but are not issued to anybody.
    """
    digits = [int(character) for character in text if character.isdigit()]
    return len(set(digits)) > 1 and all(digits[n] == _check_digit(digits[:n]) for n in (9, 10))


def _check_digit(digits: list[int]) -> int:
    weights = range(len(digits) + 1, 1, -1)
    rest = sum(digit * weight for digit, weight in zip(digits, weights, strict=True)) % 11
    return 0 if rest < 2 else 11 - rest
