"""Search titles and messages for words, whatever their accents and case, on either database.

There is no index: a trigram index would be written anew at each stamp, on the path of every notification, for a search
that is seldom made. The rows that are searched are bounded instead: the person's own, newest first, `DEPTH` at most.
docs/decisions.md says what that costs.
"""

import re
from collections.abc import Mapping

from django.db.models import Func, Q, QuerySet, TextField, Value
from django.db.models.functions import Concat

from notificacao import eventlog
from notificacao.models import Notification

LONGEST = 100  # characters
DEPTH = 5_000  # rows
_WORDS = 8
_BETWEEN_WORDS = re.compile(r"[\s\x00-\x1f]+")

# The letters of Portuguese and its neighbours; an accent that is a character of its own (_MARKS) is removed.
_ACCENTED = "ÁÀÂÃÄÅÉÈÊËÍÌÎÏÓÒÔÕÖÚÙÛÜÇÑáàâãäåéèêëíìîïóòôõöúùûüçñ"
_PLAIN = "aaaaaaeeeeiiiiooooouuuucn" * 2
_MARKS = "\u0300\u0301\u0302\u0303\u0308\u0327"
_TABLE = str.maketrans(_ACCENTED, _PLAIN, _MARKS)
_LETTERS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_SQLITE_NAME = "notificacao_fold"


def fold(text: str) -> str:
    """Return `text` as it is compared: without accents, in lower case."""
    return text.translate(_TABLE).translate(_LETTERS)


def prepare(connection, **_) -> None:
    """Give a new SQLite connection the function `fold`; PostgreSQL has `translate`."""
    if connection.vendor == "sqlite":
        connection.connection.create_function(_SQLITE_NAME, 1, fold, deterministic=True)


class _Folded(Func):
    output_field = TextField()
    function = _SQLITE_NAME

    def as_postgresql(self, compiler, connection, **context):
        template = f"translate(lower(%(expressions)s COLLATE \"C\"), '{_ACCENTED}{_MARKS}', '{_PLAIN}')"
        return self.as_sql(compiler, connection, template=template, **context)


def narrow(rows: QuerySet[Notification], text: str, channels: Mapping[str, int]) -> QuerySet[Notification]:
    """Return those of `rows` that have each word of `text` in title or message.

    `channels` is `{channel: since}` of the person whose rows they are. At most _WORDS words are looked for.
    """
    words = _BETWEEN_WORDS.split(fold(text).strip())[:_WORDS]
    found = Q()
    for word in filter(None, words):
        found &= Q(folded__contains=word)
    within = Concat("title", Value("\n"), "message", output_field=TextField())
    return rows.annotate(folded=_Folded(within)).filter(found, seq__gt=_beginning(channels))


def _beginning(channels: Mapping[str, int]) -> int:
    """Return the seq after which the newest `DEPTH` rows of `channels` lie."""
    before = eventlog.permitted(channels).order_by("-seq").values_list("seq", flat=True)[DEPTH : DEPTH + 1]
    return before.first() or 0
