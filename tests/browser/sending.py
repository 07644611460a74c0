"""What another system sends over the API, and what the site knows of its delivery: no process for each notification."""

import sqlite3
from contextlib import closing

import httpx
import psycopg

from tests.browser.desk import Desk
from tests.browser.rest import until
from tests.live.site import Site
from tests.waiting import PATIENCE

_TRIES = 10
_RECEIPTS = """
SELECT username, transport FROM notificacao_receipt
JOIN notificacao_notification ON notificacao_notification.id = notification_id
JOIN notificacao_person ON notificacao_person.id = person_id
WHERE title = ? AND delivered_at IS NOT NULL AND transport <> ''
"""


class Sender:
    """Another system, with a key that lets it send everything to everybody."""

    def __init__(self, site: Site, key: str):
        self._site = site
        self._http = httpx.Client(base_url=site.address, headers={"Authorization": f"Api-Key {key}"}, timeout=PATIENCE)

    def __call__(self, *titles: str, to: dict | None = None, **fields) -> None:
        """One notification with each of `titles`, to CRAS Norte or to the `recipients` of the API."""
        recipients = to or {"units": ["CRAS01"]}
        common = {"recipients": recipients, "message": "Texto.", "kind": "sistema", **fields}
        sent = self._http.post("/api/v1/notifications/", json=[{"title": title, **common} for title in titles])
        assert sent.is_success, sent.text

    def to_everybody(self, title: str, **fields) -> None:
        self(title, to={"everybody": True}, **fields)

    def transports(self, title: str) -> dict[str, str]:
        """`{username: transport}` of the receipts that have come so far, read in the site's database itself."""
        if isinstance(self._site.database, str):
            with psycopg.connect(self._site.database) as server:
                return dict(server.execute(_RECEIPTS.replace("?", "%s"), [title]).fetchall())
        with closing(sqlite3.connect(self._site.database)) as database:
            return dict(database.execute(_RECEIPTS, [title]).fetchall())

    def until_it_comes_by(self, transport: str, desk: Desk, username: str, title: str) -> int:
        """Send to CRAS Norte until one comes to that person by `transport`; how many that took.

        What Ably has not taken a second after its stamp comes by the stream as well, and the first to come is shown.
        """
        for number in range(1, _TRIES + 1):
            numbered = f"{title} {number}"
            self(numbered)
            desk.sees(numbered)
            if until(desk.page, lambda one=numbered: self.transports(one).get(username)) == transport:
                return number
        raise AssertionError(f"of {_TRIES} notifications none came to {username} by {transport}")

    def close(self) -> None:
        self._http.close()
