"""Search titles and messages for words, whatever their accents and case, on either database.

There is no index: a trigram index would be written anew at each stamp, on the path of every notification, for a search
that is seldom made. The rows that are searched are bounded instead: the person's own, newest first, `DEPTH` at most.
docs/decisions.md says what that costs.
"""

import re
from collections.abc import Mapping

from django.db.models import BooleanField, Expression, Func, QuerySet, TextField, Value
from django.db.models.functions import Concat

from notificacao import audiences, eventlog
from notificacao.models import BenefitType, Notification, Person, Unit

LONGEST = 100  # characters
DEPTH = 5_000  # rows
_WORDS = 8
_RECIPIENTS = 200
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
    """Give a new SQLite connection the function `fold`; PostgreSQL has patterns."""
    if connection.vendor == "sqlite":
        connection.connection.create_function(_SQLITE_NAME, 1, fold, deterministic=True)


class _Has(Func):
    """Tell whether a text, once it is folded, has a folded word in it.

    PostgreSQL folds nothing: a pattern that finds the word in the text as it is takes a tenth of the time.
    """

    output_field = BooleanField()

    def __init__(self, text: Expression, word: Value):
        super().__init__(text, word)

    def as_sqlite(self, compiler, connection, **context):
        return self.as_sql(
            compiler, connection, template=f"instr({_SQLITE_NAME}(%(expressions)s) > 0", arg_joiner="), "
        )

    def as_postgresql(self, compiler, connection, **context):
        text, word = self.get_source_expressions()
        sql, params = compiler.compile(text)
        return f"({sql}) ~ %s", [*params, pattern(word.value)]


def pattern(word: str) -> str:
    """Return PostgreSQL's regular expression for the texts that have the folded `word` in them."""
    return f"[{_MARKS}]*".join(map(_forms, word))


def _forms(sign: str) -> str:
    """Return the regular expression for all that is folded into `sign`."""
    forms = "".join(accented for accented, plain in zip(_ACCENTED, _PLAIN, strict=True) if plain == sign)
    if sign.isascii() and sign.isalpha():
        return f"[{sign}{sign.upper()}{forms}]"
    return f"\\{sign}" if sign.isascii() and not sign.isalnum() else sign


def narrow(rows: QuerySet[Notification], text: str, channels: Mapping[str, int]) -> QuerySet[Notification]:
    """Return those of `rows` that have each word of `text` in title or message.

    `channels` is `{channel: since}` of the person whose rows they are.
    """
    found = having_words(rows, text, "title", "message")
    return found.filter(seq__gt=_beginning(channels))


def having_words(rows: QuerySet, text: str, *columns: str) -> QuerySet:
    """Return those of `rows` that have each word of `text` in one of `columns`; at most _WORDS are looked for."""
    words = _BETWEEN_WORDS.split(fold(text).strip())[:_WORDS]
    apart = [part for column in columns for part in (Value("\n"), column)]
    whole = Concat(*apart, output_field=TextField())
    return rows.filter(*(_Has(whole, Value(word)) for word in words if word))


def among_the_newest(rows: QuerySet[Notification], newest: int, text: str, *columns: str) -> QuerySet[Notification]:
    """Return those of the `newest` of `rows` that have each word of `text` in one of `columns`."""
    before = rows.order_by("-pk").values_list("pk", flat=True)[newest : newest + 1].first()
    return having_words(rows.filter(pk__gt=before or 0), text, *columns)


def recipients(text: str) -> list[str]:
    """Return the channels of the people, units and benefits whose names have each word of `text`.

    Of each they are _RECIPIENTS at most.
    """
    people = having_words(Person.objects.all(), text, "username", "first_name", "last_name").only("public_id")
    units = having_words(Unit.objects.all(), text, "code", "name", "sigla")
    benefits = having_words(BenefitType.objects.all(), text, "slug", "name")
    everybody = [audiences.SYSTEM_CHANNEL] if fold(text).strip() == "todos" else []
    return [
        *(audiences.channel_for_user(person) for person in people[:_RECIPIENTS]),
        *(audiences.channel_for_unit(unit) for unit in units[:_RECIPIENTS]),
        *(audiences.channel_for_benefit(benefit) for benefit in benefits[:_RECIPIENTS]),
        *everybody,
    ]


def _beginning(channels: Mapping[str, int]) -> int:
    """Return the seq after which the newest `DEPTH` rows of `channels` lie."""
    before = eventlog.permitted(channels).order_by("-seq").values_list("seq", flat=True)[DEPTH : DEPTH + 1]
    return before.first() or 0
