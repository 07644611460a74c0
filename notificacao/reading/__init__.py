"""Keep the reading state: what a person has read, archived and acknowledged, and how much they have not read.

*Read* is a watermark per person and channel (ReadMark) plus exceptions (Receipt.read): "mark all read" is one small
write, and a unit's notice makes no row per member. An event of several rows is read, and counted, as one.
"""

from notificacao.reading.changing import acknowledge, archive, mark_read, mark_unread, unarchive
from notificacao.reading.counting import unread, unread_of
from notificacao.reading.filters import Filter, InvalidFilter
from notificacao.reading.looking import Entry, NotFound, Reader
from notificacao.reading.marking import Marked, as_undo, count_unread, mark_all_read, parse_undo, undo_marking

__all__ = [
    "Entry",
    "Filter",
    "InvalidFilter",
    "Marked",
    "NotFound",
    "Reader",
    "acknowledge",
    "archive",
    "as_undo",
    "count_unread",
    "mark_all_read",
    "mark_read",
    "mark_unread",
    "parse_undo",
    "unarchive",
    "undo_marking",
    "unread",
    "unread_of",
]
