"""The servers and the processes that the fault tests break: started once, and whole again before each test.

PostgreSQL and Redis are not those that other tests share, since these tests stop them.
"""

import pytest

from tests.faults.machines import Machines
from tests.faults.proxy import Proxy
from tests.live.ably_server import AblyServer
from tests.live.postgres import PostgresServer
from tests.live.redis import RedisServer


@pytest.fixture(scope="session")
def postgres():
    with PostgresServer(fsync=False) as server:
        yield server


@pytest.fixture(scope="session")
def redis():
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="module")
def ably():
    """The server, and the way to it: what breaks is either."""
    with AblyServer() as server, Proxy(server.port) as way:
        yield server, way


@pytest.fixture(scope="session")
def all_machines(postgres, redis):
    with Machines(postgres, redis) as machines:
        yield machines


@pytest.fixture
def machines(all_machines):
    all_machines.heal()
    return all_machines
