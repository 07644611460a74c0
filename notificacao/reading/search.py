"""Text search in titles and messages, blind to accents and case, on either database.

No index: a trigram index would be written anew at each stamp, on the path of every notification, for a question that is
seldom asked. What is looked through is bounded instead: the person's own rows, newest first, `DEPTH` of them at most.
docs/decisions.md has what that costs.
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

# Letters of Portuguese and its neighbours; an accent that is a character of its own goes.
_ACCENTED = "ÁÀÂÃÄÅÉÈÊËÍÌÎÏÓÒÔÕÖÚÙÛÜÇÑáàâãäåéèêëíìîïóòôõöúùûüçñ"
_PLAIN = "aaaaaaeeeeiiiiooooouuuucn" * 2
_MARKS = "\u0300\u0301\u0302\u0303\u0308\u0327"
_TABLE = str.maketrans(_ACCENTED, _PLAIN, _MARKS)
_LETTERS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_SQLITE_NAME = "notificacao_fold"


def fold(text: str) -> str:
    """`text` as it is compared."""
    return text.translate(_TABLE).translate(_LETTERS)


def prepare(connection, **_) -> None:
    """Teach a new SQLite connection to fold; PostgreSQL knows how."""
    if connection.vendor == "sqlite":
        connection.connection.create_function(_SQLITE_NAME, 1, fold, deterministic=True)


class _Folded(Func):
    output_field = TextField()
    function = _SQLITE_NAME

    def as_postgresql(self, compiler, connection, **context):
        template = f"translate(lower(%(expressions)s COLLATE \"C\"), '{_ACCENTED}{_MARKS}', '{_PLAIN}')"
        return self.as_sql(compiler, connection, template=template, **context)


def narrow(rows: QuerySet[Notification], text: str, channels: Mapping[str, int]) -> QuerySet[Notification]:
    """Those of `rows`, of somebody who hears `channels`, that have each word of `text` in title or message."""
    words = re.split(r"[\s\x00-\x1f]+", fold(text).strip())[:_WORDS]
    found = Q()
    for word in filter(None, words):
        found &= Q(folded__contains=word)
    within = Concat("title", Value("\n"), "message", output_field=TextField())
    return rows.annotate(folded=_Folded(within)).filter(found, seq__gt=_beginning(channels))


def _beginning(channels: Mapping[str, int]) -> int:
    """The seq after which their newest `DEPTH` rows lie."""
    before = eventlog.permitted(channels).order_by("-seq").values_list("seq", flat=True)[DEPTH : DEPTH + 1]
    return before.first() or 0
