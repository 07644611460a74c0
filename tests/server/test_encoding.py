"""A PostgreSQL database that cannot hold every text is refused before anything is written to it."""

import subprocess
import sys

import psycopg
import pytest

from tests.live.site import environment_for

pytestmark = pytest.mark.services


@pytest.mark.parametrize(("encoding", "refused"), [("LATIN1", True), ("SQL_ASCII", True), ("UTF8", False)])
def test_migrate_says_which_encoding_is_needed(postgres, encoding, refused):
    name = f"of_{encoding.lower()}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--database", "default"],
        env=environment_for(postgres.url(name)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode != 0) is refused
    assert ("notificacao.E009" in done.stderr) is refused
    assert ("ENCODING 'UTF8'" in done.stderr) is refused
