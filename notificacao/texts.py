"""Check what the parts of a notification may hold, whoever writes it. All is pure, and raises ValueError in pt-BR."""

import json
import math
import re
import unicodedata
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http.request import split_domain_port, validate_host
from django.utils import timezone

DATA_MAX = 4_096  # bytes of JSON
DATA_DEPTH_MAX = 16  # objects and lists within each other; the encoder of the streams fails at some depth
_encode = json.JSONEncoder(ensure_ascii=False).encode
_NOT_JSON = "só aceita o que cabe em JSON"
# Unicode's category Cc without the newline, its line and paragraph separators, and what changes the writing direction
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_SEEN = "LNPS"  # Unicode's categories of what leaves ink: letters, numbers, punctuation, symbols
_INKLESS = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # fillers of Hangul and Braille, which count as letter or symbol
_PERHAPS_INFINITE = re.compile(r"[0-9]{309,}|Infinity|NaN")  # a double has no more places before its point
_PATH = re.compile(r"/(?![/\\]).*")
_HTTPS = re.compile(r"https://([^/?#@\\]+)(?:[/?#]|$)")


def to_the_second(moment: datetime) -> str:
    """Return `moment` in local time, as staff read it: 25/11/2026 09:30:00."""
    return f"{timezone.localtime(moment):%d/%m/%Y %H:%M:%S}"


def plain(text: str) -> str:
    """Return `text`, which may have several lines but no control characters, and shows something unless it is empty.

    Raises ValueError.
    """
    if _CONTROL.search(text):
        raise ValueError("caracteres de controle não são aceitos")
    if text and not is_visible(text):
        raise ValueError("nada nele se vê: escreva um texto")
    return text


def is_visible(text: str) -> bool:
    """Tell whether a reader sees anything of `text`."""
    return any(unicodedata.category(one)[0] in _SEEN and one not in _INKLESS for one in text)


def one_line(text: str) -> str:
    """Return `text`, which must be one line without control characters. Raises ValueError."""
    if "\n" in text:
        raise ValueError("use uma só linha")
    return plain(text)


def link(link: str) -> str:
    """Return `link`, which must be empty, a path of this site, or https on one of its hosts. Raises ValueError.

    So no link runs a script, and none leads to another site.
    """
    if not link or _PATH.fullmatch(link):
        return one_line(link)
    host = _HTTPS.match(link)
    if not host or not is_our_host(host[1]):
        raise ValueError("use um caminho que comece com / ou um endereço https deste sistema")
    return one_line(link)


def is_our_host(host: str) -> bool:
    """Tell whether `host`, perhaps with a port, is one of this site's, as Django reads ALLOWED_HOSTS."""
    name, _ = split_domain_port(host)
    return bool(name) and validate_host(name, our_hosts())


def our_hosts() -> list[str]:
    """Return the hosts of this site, and the patterns for them, as Django takes them: in DEBUG some by default."""
    return settings.ALLOWED_HOSTS or ([".localhost", "127.0.0.1", "[::1]"] if settings.DEBUG else [])


def data(data: Any) -> Any:
    """Return `data`, which must be a JSON object within DATA_MAX and DATA_DEPTH_MAX. Raises ValueError."""
    if not isinstance(data, dict):
        raise ValueError("use um objeto")
    text = _json(data)
    if len(text) > DATA_MAX:
        raise ValueError(f"{len(text)} bytes de JSON; o limite é {DATA_MAX}")
    if text.count(b"{") + text.count(b"[") > DATA_DEPTH_MAX < depth_of(data):
        raise ValueError(f"até {DATA_DEPTH_MAX} objetos e listas, um dentro do outro")
    return data


def _json(data: dict[str, Any]) -> bytes:
    """Return `data` as JSON. Raises ValueError for what the database or a stream cannot carry: NaN, half a character,
    NUL, a set.
    """
    try:
        written = _encode(data)
        text = written.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(_NOT_JSON) from error
    if b"\\u0000" in text:
        raise ValueError(_NOT_JSON)
    if _PERHAPS_INFINITE.search(written):
        json.loads(written, parse_int=_double, parse_constant=_double)
    return text


def _double(digits: str) -> float:
    """Return the number as a browser reads it. Raises ValueError where that is infinity, or no number."""
    number = float(digits)
    if math.isnan(number):
        raise ValueError(_NOT_JSON)
    if math.isinf(number):
        raise ValueError("há um número que o navegador lê como infinito: escreva-o entre aspas")
    return number


def depth_of(data: Any) -> int:
    """Return how many objects and lists lie within each other."""
    level, depth = [data], 0
    while level := [one for one in level if isinstance(one, dict | list | tuple)]:
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
        depth += 1
    return depth
