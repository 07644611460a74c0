"""`pytest -p tests.on_postgres`: the tests on a PostgreSQL of their own instead of SQLite.

A plugin, since it comes before Django's settings are read.
"""

import atexit
import os

import pytest

from tests.live.postgres import PostgresServer

_server = PostgresServer(fsync=False)
atexit.register(_server.close)
os.environ["DATABASE_URL"] = _server.start().url("semtas")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is about SQLite alone, or brings its own servers, has been run already."""
    mine = [item for item in items if not any(map(item.get_closest_marker, ("sqlite", "services", "browser")))]
    config.hook.pytest_deselected(items=[item for item in items if item not in mine])
    items[:] = mine
