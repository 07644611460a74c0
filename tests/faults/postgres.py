"""Django's connections on a database of one's own, for tests that need several at once in one thread."""

import contextlib
from collections.abc import Iterator

import environ
from django.db import connections

# Nobody waits for another, who is of the same thread; the disk is spared.
_OF_SQLITE = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 0,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;",
}


@contextlib.contextmanager
def connected_to(url: str, *more: str) -> Iterator[None]:
    """Within, `default` is the database at `url`, and so is each alias of `more`, by a connection of its own."""
    before, connection = connections.settings["default"], connections["default"]
    options = _OF_SQLITE if url.startswith("sqlite:") else {}
    there = before | environ.Env.db_url_config(url) | {"OPTIONS": options, "CONN_MAX_AGE": None, "TEST": {}}
    databases = {"default": there, **dict.fromkeys(more, there)}
    _forget("default")
    connections.settings.update(databases)
    try:
        yield
    finally:
        _forget(*databases)
        for alias in more:
            del connections.settings[alias]
        connections.settings["default"] = before
        connections["default"] = connection  # the same again: tests have their own way of emptying the database by it


def _forget(*aliases: str) -> None:
    """This thread's connections: the next use opens others, by what the settings say then."""
    for alias in aliases:
        if hasattr(connections._connections, alias):
            connections[alias].close()
            del connections[alias]
