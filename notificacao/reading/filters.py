"""Parse what a person wants to see of their inbox from an address; the API and the page share the words."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import QueryDict
from django.utils.translation import gettext as _

from notificacao.models import Kind, Priority
from notificacao.reading import search


class InvalidFilter(ValueError):
    """Carry a sentence that names the filter and what it may be."""


@dataclass(frozen=True)
class Filter:
    """Hold the conditions on a list: all must be met; of several kinds or priorities, one."""

    kinds: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    channel: str = ""
    unread: bool = False
    archived: bool = False
    search: str = ""

    @classmethod
    def of(cls, asked: QueryDict) -> "Filter":
        """Read `kind`, `priority` (both may be repeated), `channel`, `unread`, `archived`, `q`. Raises InvalidFilter.

        An empty value is none: a form sends that for what nobody chose.
        """
        return cls(
            kinds=_words("kind", asked.getlist("kind"), Kind.values),
            priorities=_words("priority", asked.getlist("priority"), Priority.values),
            channel=asked.get("channel", ""),
            unread=_flag("unread", asked.get("unread", "")),
            archived=_flag("archived", asked.get("archived", "")),
            search=_text("q", asked.get("q", "")),
        )

    @property
    def narrows(self) -> bool:
        """Return whether it leaves out something of the inbox, or of the archive."""
        return bool(self.kinds or self.priorities or self.channel or self.unread or self.search)


def _words(name: str, words: Sequence[str], allowed: Sequence[str]) -> tuple[str, ...]:
    chosen = tuple(word for word in words if word)
    for word in chosen:
        if word not in allowed:
            raise InvalidFilter(
                _("%(name)s: %(word)r não existe; use %(allowed)s.")
                % {"name": name, "word": word[:40], "allowed": ", ".join(allowed)}
            )
    return chosen


def _flag(name: str, text: str) -> bool:
    if text not in ("", "true", "false"):
        raise InvalidFilter(_("%(name)s: use true ou false.") % {"name": name})
    return text == "true"


def _text(name: str, text: str) -> str:
    if len(text) > search.LONGEST:
        raise InvalidFilter(
            _("%(name)s: use no máximo %(longest)d caracteres.") % {"name": name, "longest": search.LONGEST}
        )
    return text.strip()
