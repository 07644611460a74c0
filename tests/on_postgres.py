"""`pytest -p tests.on_postgres`: the tests on a PostgreSQL of their own instead of SQLite.

A plugin, since it comes before Django's settings are read.
"""

import atexit
import os

from tests.live.postgres import PostgresServer

_server = PostgresServer(fsync=False)
atexit.register(_server.close)
os.environ["DATABASE_URL"] = _server.start().url("semtas")
