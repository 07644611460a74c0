"""Offer what most tests of the dispatcher's parts need: a database thread, and a transport that keeps what it gets."""

import pytest

from notificacao.database import DatabaseThread
from tests.fake_transport import FakeTransport


@pytest.fixture
async def database(transactional_db):
    thread = DatabaseThread("test")
    yield thread
    thread.close()


@pytest.fixture
def transport():
    return FakeTransport()
