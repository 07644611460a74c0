"""Check the settings for mixtures that cannot work, before anything starts."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connection

from notificacao.conf import conf

OURS = "notificacao"
"""The tag of these checks: all that a command needs before it runs. The others, of `serve`, `migrate` and `check`, load
every page and every template, which takes half a second."""

SECRET_MINIMUM = 32  # characters
SQLITE, POSTGRESQL = "django.db.backends.sqlite3", "semtas.postgresql"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@register(Tags.security, OURS)
def secrets_are_ours(**kwargs) -> list[CheckMessage]:
    """Refuse the embedded secrets while DEBUG is off (E001, E002, E008): everybody can read them in the repository.

    E002 also refuses an ENCRYPTION_SECRET, or a fallback, of less than `SECRET_MINIMUM` characters.
    """
    if settings.DEBUG:
        return []
    found: list[CheckMessage] = []
    if settings.SECRET_KEY == settings.EMBEDDED_SECRET_KEY:
        found.append(
            Error(
                "SECRET_KEY is the embedded one while DEBUG is off.",
                hint="Set SECRET_KEY to 50 random characters or more.",
                id="notificacao.E001",
            )
        )
    secrets = [settings.ENCRYPTION_SECRET, *settings.ENCRYPTION_SECRET_FALLBACKS]
    if settings.EMBEDDED_ENCRYPTION_SECRET in secrets or min(map(len, secrets)) < SECRET_MINIMUM:
        found.append(
            Error(
                "ENCRYPTION_SECRET, or a fallback, is the embedded one or too short while DEBUG is off.",
                hint=f"Set ENCRYPTION_SECRET to {SECRET_MINIMUM} random characters or more, the same in all processes.",
                id="notificacao.E002",
            )
        )
    if settings.EMBEDDED_SIGNING_KEY in settings.SIGNING_KEYS:
        found.append(
            Error(
                "SIGNING_KEYS has the embedded key while DEBUG is off: anybody could sign messages at Ably.",
                hint="Set SIGNING_KEYS to a key of your own (openssl rand -base64 32), the same in all processes.",
                id="notificacao.E008",
            )
        )
    return found


@register(Tags.database, OURS)
def database_fits(**kwargs) -> list[CheckMessage]:
    """Refuse a database on which the log cannot keep its promises: with ATOMIC_REQUESTS (E003), or untried (E004)."""
    database = settings.DATABASES["default"]
    found: list[CheckMessage] = []
    if database.get("ATOMIC_REQUESTS"):
        found.append(
            Error(
                "ATOMIC_REQUESTS is on: a stream would hold a transaction.",
                hint="Remove it from DATABASES; open transactions where they are needed.",
                id="notificacao.E003",
            )
        )
    if database["ENGINE"] not in (SQLITE, POSTGRESQL):
        found.append(
            Error(
                f"DATABASE_URL leads to {database['ENGINE']}, which the log was never tried on.",
                hint="Use sqlite:///path or postgres://user:password@host:port/name.",
                id="notificacao.E004",
            )
        )
    return found


@register(Tags.database, OURS)
def database_holds_every_text(databases: Sequence[str] | None = None, **kwargs) -> list[CheckMessage]:
    """Refuse a PostgreSQL database of another encoding than UTF8 (E009), when `migrate` or `check --database` asks.

    LATIN1 refuses a name such as Łucja in the middle of a request; SQL_ASCII keeps bytes whose letters nobody knows.
    """
    if "default" not in (databases or ()) or connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_encoding")
        encoding = cursor.fetchone()[0]
    if encoding == "UTF8":
        return []
    return [
        Error(
            f"The database's encoding is {encoding}.",
            hint="Create it anew: CREATE DATABASE semtas TEMPLATE template0 ENCODING 'UTF8'.",
            id="notificacao.E009",
        )
    ]


@register(OURS)
def sqlite_file_has_one_name(**kwargs) -> list[CheckMessage]:
    """Refuse an SQLite file that has a second name (E010).

    SQLite keeps its journal beside the name by which it was opened, and so does our lock: by two names at once the file
    is damaged, and who may read the folder of the second has nothing to do with the first.
    """
    name = Path(str(settings.DATABASES["default"]["NAME"]))
    if settings.DATABASES["default"]["ENGINE"] != SQLITE or not name.is_file() or name.stat().st_nlink == 1:
        return []
    return [
        Error(
            f"The SQLite file {name} has another name too, by a hard link: used by both, it is damaged.",
            hint="Remove the other name (find -samefile), or make it a symbolic link.",
            id="notificacao.E010",
        )
    ]


@register(OURS)
def somebody_stamps(**kwargs) -> list[CheckMessage]:
    """Refuse DISPATCHER=external with SQLite (E005): the dispatcher lives in the web process, and there is no other."""
    if settings.DISPATCHER == "embedded" or settings.DATABASES["default"]["ENGINE"] != SQLITE:
        return []
    return [
        Error(
            "DISPATCHER=external with SQLite: nothing would ever be delivered.",
            hint="Use DISPATCHER=embedded, or set DATABASE_URL to a PostgreSQL and REDIS_URL.",
            id="notificacao.E005",
        )
    ]


@register(OURS)
def wakes_reach_everybody(**kwargs) -> list[CheckMessage]:
    """Report that wakes do not cross processes, with PostgreSQL and without Redis or WAKES (E007, W002).

    It is an error where the dispatcher is another process and WAKES is on, a warning in all other cases: WAKES=false
    asks for polling alone.
    """
    if settings.DATABASES["default"]["ENGINE"] != POSTGRESQL or (conf.wakes_cross_processes and settings.WAKES):
        return []
    if settings.DISPATCHER == "external" and settings.WAKES:
        return [
            Error(
                "DISPATCHER=external with the in-memory channel layer: no wake would reach the dispatcher or return.",
                hint="Set REDIS_URL, or WAKES=false to live by polling alone.",
                id="notificacao.E007",
            )
        ]
    return [
        Warning(
            "No wake crosses processes: what another process writes is found by polling, up to DISPATCH_POLL later.",
            hint="Set REDIS_URL, and leave WAKES on.",
            id="notificacao.W002",
        )
    ]


@register(Tags.security, OURS)
def ably_is_reached_safely(**kwargs) -> list[CheckMessage]:
    """Refuse to reach Ably without TLS, except on this machine (E006): tokens must not cross a network in the clear."""
    if not settings.ABLY_API_KEY or settings.ABLY_TLS or _host(settings.ABLY_ENDPOINT) in _LOOPBACK:
        return []
    return [
        Error(
            "ABLY_TLS is off, and ABLY_ENDPOINT is not this machine.",
            hint="Set ABLY_TLS=true, or ABLY_ENDPOINT to 127.0.0.1 for the local server.",
            id="notificacao.E006",
        )
    ]


def _host(endpoint: str) -> str:
    return urlsplit(f"//{endpoint}").hostname or ""


@register(Tags.staticfiles, OURS)
def browser_packages_are_there(**kwargs) -> list[CheckMessage]:
    """Warn where npm's packages for the browser are missing (W001): without them no page receives anything live.

    Once collectstatic has run, as in the image, production serves what it collected.
    """
    places = [settings.NODE_MODULES] + ([] if settings.DEBUG else [settings.STATIC_ROOT])
    missing = [name for name in ("ably", "eventsource-parser") if not any((place / name).is_dir() for place in places)]
    if not missing:
        return []
    return [
        Warning(
            f"The browser's packages are missing: {', '.join(missing)}.",
            hint="Run script/bootstrap, or npm ci.",
            id="notificacao.W001",
        )
    ]
