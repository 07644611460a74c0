"""Django's connections on a PostgreSQL of one's own, for tests that need several at once in one thread."""

import contextlib
from collections.abc import Iterator

import environ
from django.db import connections


@contextlib.contextmanager
def connected_to(url: str, *more: str) -> Iterator[None]:
    """Within, `default` is the database at `url`, and so is each alias of `more`, by a connection of its own."""
    before = connections.settings["default"]
    there = before | environ.Env.db_url_config(url) | {"OPTIONS": {}, "CONN_MAX_AGE": None, "TEST": {}}
    _switch({"default": there, **dict.fromkeys(more, there)})
    try:
        yield
    finally:
        for alias in more:
            connections[alias].close()
            del connections.settings[alias]
        _switch({"default": before})


def _switch(databases: dict[str, dict]) -> None:
    if hasattr(connections._connections, "default"):
        connections["default"].close()
        del connections["default"]
    connections.settings.update(databases)
