"""`pytest -p tests.on_postgres`: the tests on a PostgreSQL of their own instead of SQLite.

A plugin, since it comes before Django's settings are read.
"""

import os

from tests.live.postgres import PostgresServer

_server = PostgresServer(fsync=False)
os.environ["DATABASE_URL"] = _server.start().url("semtas")


def pytest_unconfigure():
    _server.close()
