"""Read all settings from the environment, as the only module that does; `.env.example` documents each name.

Without any variable the project runs embedded: SQLite, in-memory channel layer, one process. With DATABASE_URL and
REDIS_URL it runs on many machines: PostgreSQL, wakes by Redis, any number of processes.
"""

import base64
import datetime
import ipaddress
import json
import os
import re
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import environ
import structlog
from django.core.exceptions import ImproperlyConfigured
from structlog.typing import Processor

from semtas import csp, logs, sqlite
from semtas.env_file import EnvFile, Variables

BASE_DIR = Path(__file__).resolve().parent.parent

ENV_FILE = EnvFile(BASE_DIR / ".env")

env = environ.Env()
env.ENVIRON = variables = Variables(ENV_FILE.values | os.environ)
env.escape_proxy = True  # undoes what `Variables` does to `$`, which the library takes for the start of a name


def setting(read, name, default, *, unit="", minimum=None, maximum=None):
    """Return the variable `name`, read by `read`, or `default` where it is not set.

    Raises ImproperlyConfigured, which names the variable, where it is malformed or not within `minimum` and `maximum`;
    the process then does not start. `unit` is told with the range.
    """
    try:
        value = read(name, default=default)
    except (ValueError, environ.ImproperlyConfigured) as error:
        raise ImproperlyConfigured(
            f"{name}={env.ENVIRON.get(name)!r} is not a {read.__name__}: {error}. See .env.example."
        ) from error
    too_low = minimum is not None and value < minimum
    too_high = maximum is not None and value > maximum
    if too_low or too_high:
        raise ImproperlyConfigured(
            f"{name}={value} is out of range: use {minimum} to {maximum or 'any higher value'} {unit}.".strip()
        )
    return value


def switch(name, default):
    """Return whether the variable `name` is `true`. Raises ImproperlyConfigured for other words than true and false."""
    return choice(name, str(default).lower(), ("true", "false")) == "true"


def choice(name, default, allowed):
    """Return the variable `name`, one word of `allowed`. Raises ImproperlyConfigured for any other."""
    value = env.str(name, default=default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name}={value!r} is unknown: use one of {', '.join(allowed)}.")
    return value


def words(name, default):
    """Return the variable `name`, words with commas between them, without the blanks around each."""
    return [word.strip() for word in env.list(name, default=default) if word.strip()]


def rate(name, default):
    """Return `(a minute, at once)` of the variable `name`, such as `10/15`. Raises ImproperlyConfigured."""
    text = env.str(name, default=default)
    found = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", text)
    if not found:
        raise ImproperlyConfigured(
            f"{name}={text!r} is no rate: use A MINUTE/AT ONCE, such as 10/15, each 1 to 999999."
        )
    return int(found[1]), int(found[2])


def day(name):
    """Return the day that the variable `name` holds, such as `2027-11-30`; None where it is not set.

    Raises ImproperlyConfigured.
    """
    text = env.str(name, default="")
    try:
        return datetime.date.fromisoformat(text) if text else None
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}={text!r} is no day: use YEAR-MONTH-DAY, such as 2027-11-30.") from error


def log_format(debug, terminal):
    """Return how logs are written: for people with DEBUG on a terminal, else as JSON."""
    return "people" if debug and terminal else "json"


def signing_keys(name, default):
    """Return the one or two private keys of the variable `name`. Raises ImproperlyConfigured, which tells no key."""
    keys = words(name, default)
    try:
        sizes = {len(base64.b64decode(key, validate=True)) for key in keys}
    except ValueError:
        sizes = {0}
    if sizes != {32} or len(keys) > 2 or len(set(keys)) < len(keys):
        raise ImproperlyConfigured(
            f"{name} is malformed: one key, or two different ones and a comma, each 32 random bytes in base64 "
            "(openssl rand -base64 32)."
        )
    return keys


def ably_prices(text):
    """Return Ably's prices as dated rows, oldest first. Raises ImproperlyConfigured."""
    amounts = ("base", "connection_minutes", "channel_minutes", "messages")
    try:
        rows = [
            {"since": date.fromisoformat(row.pop("since")), "source": str(row.pop("source"))}
            | {name: usd(row.pop(name)) for name in amounts}
            | row  # a name that is none of these stays
            for row in json.loads(text)
        ]
        named = {"since", "source", *amounts}
        if not rows or any(row.keys() != named or not row["source"] for row in rows):
            raise ValueError("each row has exactly these names, and a source")
        if len({row["since"] for row in rows}) < len(rows):
            raise ValueError("two rows begin on one day")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ImproperlyConfigured(
            f"ABLY_PRICES is malformed ({error}): a JSON list of objects with since (YYYY-MM-DD), source, and in US "
            "dollars base (a month), connection_minutes, channel_minutes, messages (a million), as texts or numbers."
        ) from error
    return sorted(rows, key=lambda row: row["since"])


def usd(amount):
    """Return `amount` as US dollars. Raises ValueError where it is no number from 0 to 1,000,000."""
    text = str(amount).strip()
    if not re.fullmatch(r"\d{1,7}(\.\d{1,6})?", text, re.ASCII) or Decimal(text) > 1_000_000:
        raise ValueError(f"{text!r} is no amount from 0 to 1000000")
    return Decimal(text)


def monthly_costs(pairs):
    """Return `{what: US dollars a month}` of pairs such as `servidor=80`. Raises ImproperlyConfigured."""
    costs = {}
    for pair in pairs:
        what, is_pair, amount = map(str.strip, pair.rpartition("="))
        try:
            if not (is_pair and what) or what in costs:
                raise ValueError(f"{pair!r} is no new name with an amount")
            costs[what] = usd(amount)
        except ValueError as error:
            raise ImproperlyConfigured(
                f"MONTHLY_COSTS_USD: {error}: use NAME=AMOUNT, comma-separated, such as servidor=80,banco=25.50."
            ) from error
    return costs


# --- The site -------------------------------------------------------------------------------

EMBEDDED_SECRET_KEY = "embedded-secret-for-one-machine-only-set-SECRET_KEY-in-production"

DEBUG = switch("DEBUG", True)
SECRET_KEY = env.str("SECRET_KEY", default=EMBEDDED_SECRET_KEY)
SECRET_KEY_FALLBACKS = words("SECRET_KEY_FALLBACKS", [])
ALLOWED_HOSTS = words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = words("CSRF_TRUSTED_ORIGINS", [])
BEHIND_TLS = switch("BEHIND_TLS", not DEBUG)
SCRIPT_NAME = env.str("SCRIPT_NAME", default="")
if not re.fullmatch(r"(/[a-z0-9-]+)*", SCRIPT_NAME):
    raise ImproperlyConfigured(
        f"SCRIPT_NAME={SCRIPT_NAME!r} is no path: use a-z, 0-9 and hyphens, beginning with a slash and ending without."
    )
FORCE_SCRIPT_NAME = SCRIPT_NAME or None
FORWARDED_ALLOW_IPS = words("FORWARDED_ALLOW_IPS", ["127.0.0.1", "::1"])
try:
    PROXY_NETWORKS = [ipaddress.ip_network(proxy) for proxy in FORWARDED_ALLOW_IPS]
except ValueError as error:
    raise ImproperlyConfigured(
        f"FORWARDED_ALLOW_IPS: {error}. Name the proxies' addresses and networks: whoever is trusted may claim any."
    ) from error
METRICS_ALLOW = words("METRICS_ALLOW", ["127.0.0.1", "::1"] if DEBUG else [])
try:
    METRICS_NETWORKS = [ipaddress.ip_network(name) for name in METRICS_ALLOW]
except ValueError as error:
    raise ImproperlyConfigured(f"METRICS_ALLOW: {error}. Name the addresses and networks that read metrics.") from error
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
if METRICS_TOKEN and not re.fullmatch(r"[!-~]{32,256}", METRICS_TOKEN):
    raise ImproperlyConfigured("METRICS_TOKEN is malformed: 32 to 256 visible ASCII characters (openssl rand -hex 32).")

# Whose login and which producer's key `manage.py smoke` uses: settings of the machine where it runs, and of no site.
SMOKE_USER = env.str("SMOKE_USER", default="")
SMOKE_PASSWORD = env.str("SMOKE_PASSWORD", default="")
SMOKE_KEY = env.str("SMOKE_KEY", default="")

INSTALLED_APPS = [
    "notificacao",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "rest_framework_api_key",  # for its abstract model; its own table stays empty
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "waffle",
    "django_prometheus",
    "django_structlog",
    "servestatic",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "csp.middleware.CSPMiddleware",
    "semtas.middleware.Sessions",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "semtas.middleware.RequestLog",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
    "semtas.middleware.permissions_policy",
    "semtas.middleware.not_stored",
    "semtas.middleware.RefuseWhatNoColumnHolds",
    "semtas.middleware.AnswerBusy",
    "semtas.middleware.in_one_thread",
]

ADMIN_PATH = env.str("ADMIN_PATH", default="admin/")
if not re.fullmatch(r"([a-z0-9-]+/)+", ADMIN_PATH):
    raise ImproperlyConfigured(f"ADMIN_PATH={ADMIN_PATH!r} is no path: use a-z, 0-9 and hyphens, ending with a slash.")
ADMIN_OTP = switch("ADMIN_OTP", False)
OTP_ADMIN_HIDE_SENSITIVE_DATA = True  # nobody reads the secret of a second factor that exists
if ADMIN_OTP:
    INSTALLED_APPS += ["django_otp", "django_otp.plugins.otp_totp"]
    MIDDLEWARE.insert(
        MIDDLEWARE.index("django.contrib.auth.middleware.AuthenticationMiddleware") + 1,
        "django_otp.middleware.OTPMiddleware",
    )

CSRF_FAILURE_VIEW = "notificacao.pages.denied.forged"

ROOT_URLCONF = "semtas.urls"
ASGI_APPLICATION = "semtas.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "semtas.context.version",
            ],
        },
    },
]

LANGUAGE_CODE = "pt-br"  # the language of the texts in the code; locale/ has the others
LANGUAGES = [("pt-br", "Português"), ("en", "English")]
LANGUAGE_COOKIE_AGE = 31_536_000
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "America/Sao_Paulo"
USE_TZ = True
USE_I18N = True

# --- Data -----------------------------------------------------------------------------------

VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var")))  # made by whoever writes there first
if not VAR_DIR.is_absolute() or (os.path.exists(VAR_DIR) and not os.path.isdir(VAR_DIR)):
    raise ImproperlyConfigured(f"VAR_DIR={str(VAR_DIR)!r} is no folder: use an absolute path, such as /var/lib/semtas.")

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SQLITE_WAIT = setting(env.float, "SQLITE_WAIT", 2.0, unit="seconds", minimum=0.1, maximum=60)
_url = env.str("DATABASE_URL", default="")
_embedded = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(VAR_DIR / "semtas.sqlite3")}
DATABASES: dict[str, dict] = {"default": env.db_url_config(_url) if _url else _embedded}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": SQLITE_WAIT,
        "cached_statements": 16,  # a batch of hundreds has a statement of its own, of 100 KB: 128 a thread add up
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        **({} if _url else {"factory": sqlite.Connection}),
    }
DATABASE_POOL_MIN = setting(env.int, "DATABASE_POOL_MIN", 0, unit="connections", minimum=0, maximum=100)
DATABASE_POOL_MAX = setting(env.int, "DATABASE_POOL_MAX", 20, unit="connections", minimum=16, maximum=500)
if DATABASE_POOL_MIN > DATABASE_POOL_MAX:
    raise ImproperlyConfigured(f"DATABASE_POOL_MIN={DATABASE_POOL_MIN} is more than DATABASE_POOL_MAX.")
DATABASE_POOL_RESERVED = setting(env.int, "DATABASE_POOL_RESERVED", 11, unit="connections", minimum=1, maximum=499)
if DATABASE_POOL_RESERVED >= DATABASE_POOL_MAX:
    raise ImproperlyConfigured(
        f"DATABASE_POOL_RESERVED={DATABASE_POOL_RESERVED} leaves requests none of {DATABASE_POOL_MAX}."
    )
DATABASE_WAIT = setting(env.float, "DATABASE_WAIT", 10.0, unit="seconds", minimum=1, maximum=120)
if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    DATABASES["default"] |= {
        "ENGINE": "semtas.postgresql",
        "CONN_MAX_AGE": 0,  # the pool keeps them
        "OPTIONS": {
            # The pool reconnects ever more seldom, and requests wait with it: after an outage of a minute for as long
            # again. Up to `reconnect_timeout` its pauses are four seconds at most; then it begins anew.
            "pool": {
                "min_size": DATABASE_POOL_MIN,
                "max_size": DATABASE_POOL_MAX,
                "timeout": 10,
                "reconnect_timeout": 10,
            },
            # A network that swallows everything is found out in seconds, and a server that is frozen by DATABASE_WAIT.
            "connect_timeout": 5,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
            **DATABASES["default"].get("OPTIONS", {}),
        },
    }

REDIS_URL = env.str("REDIS_URL", default="")
if REDIS_URL and not re.fullmatch(r"rediss?://[^\s/]+(/\d*)?", REDIS_URL):
    raise ImproperlyConfigured("REDIS_URL is malformed: it reads redis://:password@host:port/number, or rediss://.")
WAKES = switch("WAKES", True)
CHANNEL_LAYERS: dict[str, dict] = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
if REDIS_URL:
    _redis = {"address": REDIS_URL, "socket_connect_timeout": 1, "socket_timeout": 2, "socket_keepalive": True}
    CHANNEL_LAYERS["default"] = {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [_redis], "prefix": "semtas"},
    }

# Caches are in each process's own memory: what they hold is secret, or not worth a round trip to a shared cache.
CACHES = {
    name: {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": name,
        "OPTIONS": {"MAX_ENTRIES": most},
    }
    for name, most in (("default", 10_000), ("tokens", 10_000))
}

# --- People and their sessions --------------------------------------------------------------

PASSWORD_HASHERS = ["notificacao.hashing.QueuedArgon2", "notificacao.hashing.QueuedPBKDF2"]  # the latter reads old ones
AUTH_USER_MODEL = "notificacao.Person"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = LOGOUT_REDIRECT_URL = f"{SCRIPT_NAME}/entrar/"
LOGIN_REDIRECT_URL = f"{SCRIPT_NAME}/notificacoes/"

SESSION_COOKIE_PATH = LANGUAGE_COOKIE_PATH = f"{SCRIPT_NAME}/"
if SCRIPT_NAME:  # what else is on the host may be Django too, with cookies of Django's names
    SESSION_COOKIE_NAME = "semtas_sessionid"
    CSRF_COOKIE_NAME = "semtas_csrftoken"  # its path is /, since a bell reads it on any page of the host
SESSION_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = BEHIND_TLS
SECURE_SSL_REDIRECT = BEHIND_TLS
SECURE_REDIRECT_EXEMPT = [rf"^{SCRIPT_NAME[1:]}/?health/", rf"^{SCRIPT_NAME[1:]}/?metrics$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = BEHIND_TLS
X_FRAME_OPTIONS = "DENY"

# --- Static files ---------------------------------------------------------------------------

STATIC_URL = f"{SCRIPT_NAME}/static/"
STATIC_ROOT = VAR_DIR / "static"
# The browser's packages are served from where npm puts them.
NODE_MODULES = BASE_DIR / "node_modules"
STATICFILES_DIRS = [
    (package, NODE_MODULES / path)
    for package, path in (
        ("ably", "ably/build"),
        ("eventsource-parser", "eventsource-parser/dist"),
        ("uplot", "uplot/dist"),
    )
    if (NODE_MODULES / path).is_dir()
]
if not DEBUG:
    STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "semtas.storage.HashedStaticFiles"},
    }
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = DEBUG

# --- API ------------------------------------------------------------------------------------

DATA_UPLOAD_MAX_MEMORY_SIZE = 8_388_608  # bytes: 1,000 notifications of a producer; other calls take far less
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["notificacao.api.authentication.SiteSession"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["notificacao.api.throttling.PersonThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["notificacao.api.parsing.BoundedJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "notificacao.api.problems.as_problem",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "SEMTAS notificações",
    "DESCRIPTION": "Live notifications for the staff of SEMTAS.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "CONTACT": {"name": "SEMTAS"},
    "SERVERS": [{"url": "/", "description": "This site"}],
    "TAGS": [
        {"name": "notifications", "description": "The inbox, and catch-up."},
        {"name": "reading state", "description": "What is read, archived, acknowledged."},
        {"name": "producers", "description": "What other systems send."},
        {"name": "session", "description": "What a page needs to begin with."},
        {"name": "stream", "description": "Server-sent events; docs/api/asyncapi.yaml describes them."},
        {"name": "receipts", "description": "The browser's word that a notification was delivered."},
        {"name": "ably", "description": "Tokens, and who is on which channel."},
        {"name": "rollout", "description": "Who is on Ably, and how the transition stands."},
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "notificacao.api.problems.name_their_type",
        "notificacao.api.examples.give_examples",
    ],
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
}
API_DOCS_PUBLIC = switch("API_DOCS_PUBLIC", False)

# --- How often: a minute/at once, by person ------------------------------------------------------

RATE_USER = rate("RATE_USER", "10/15")
RATE_STAFF = rate("RATE_STAFF", "50/75")
RATE_SYSTEM = rate("RATE_SYSTEM", "100/150")
RATE_CALLS = setting(env.int, "RATE_CALLS", 12, unit="calls for each notification", minimum=1, maximum=1_000)
RATE_KEYS = rate("RATE_KEYS", "10/30")
RATE_STREAMS = rate("RATE_STREAMS", "60/60")
RATE_LOGIN = rate("RATE_LOGIN", "10/15")
RATE_LOGIN_ADDRESS = rate("RATE_LOGIN_ADDRESS", "300/300")
ALARM_REFUSALS = setting(env.int, "ALARM_REFUSALS", 20, unit="refusals", minimum=1, maximum=100_000)
ALARM_WINDOW = setting(env.int, "ALARM_WINDOW", 600, unit="seconds", minimum=60, maximum=86_400)

# --- Rollout --------------------------------------------------------------------------------

WAFFLE_FLAG_MODEL = "notificacao.RolloutFlag"
WAFFLE_ENABLE_ADMIN_PAGES = False  # its switches and samples decide nothing here
ROLLOUT_FLAG = "ably"
ROLLOUT_APPROVAL = switch("ROLLOUT_APPROVAL", True)
ROLLOUT_DRY_RUN = switch("ROLLOUT_DRY_RUN", False)

# --- Ably -----------------------------------------------------------------------------------

ABLY_API_KEY = env.str("ABLY_API_KEY", default="")
if ABLY_API_KEY and not re.fullmatch(r"[\w-]+\.[\w-]+:[^:\s]+", ABLY_API_KEY):
    raise ImproperlyConfigured("ABLY_API_KEY is malformed: it reads appId.keyId:secret, as Ably's dashboard shows it.")
ABLY_ENDPOINT = env.str("ABLY_ENDPOINT", default="")
ABLY_PORT = setting(env.int, "ABLY_PORT", 443, minimum=1, maximum=65_535)
ABLY_TLS = switch("ABLY_TLS", True)
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": csp.policy(csp.ably_sources(ABLY_ENDPOINT, ABLY_PORT, tls=ABLY_TLS) if ABLY_API_KEY else []),
}
# Ably refuses tokens that live longer than an hour where the key's tokens can be revoked, else than a day.
ABLY_KEY_REVOCABLE = switch("ABLY_KEY_REVOCABLE", True)
ABLY_TOKEN_TTL = setting(
    env.int,
    "ABLY_TOKEN_TTL",
    900,
    unit=f"seconds with ABLY_KEY_REVOCABLE={str(ABLY_KEY_REVOCABLE).lower()}",
    minimum=60,
    maximum=3_600 if ABLY_KEY_REVOCABLE else 86_400,
)
ABLY_TOKENS_PER_MINUTE = setting(
    env.int, "ABLY_TOKENS_PER_MINUTE", 30, unit="tokens for one person", minimum=1, maximum=6_000
)
ABLY_PAYLOAD = choice("ABLY_PAYLOAD", "encrypted", ("encrypted", "reference"))
ABLY_PUBLISH_TIMEOUT = setting(env.float, "ABLY_PUBLISH_TIMEOUT", 5.0, unit="seconds", minimum=0.1, maximum=30)
ABLY_PUBLISH_ATTEMPTS = setting(env.int, "ABLY_PUBLISH_ATTEMPTS", 3, unit="attempts", minimum=1, maximum=10)
ABLY_IN_FLIGHT = setting(env.int, "ABLY_IN_FLIGHT", 8, unit="requests", minimum=1, maximum=64)
ABLY_BATCH = setting(env.int, "ABLY_BATCH", 25, unit="messages", minimum=1, maximum=100)
ABLY_SLOW_AFTER = setting(env.float, "ABLY_SLOW_AFTER", 0.5, unit="seconds", minimum=0.05, maximum=30)
BREAKER_WINDOW = setting(env.float, "BREAKER_WINDOW", 60.0, unit="seconds", minimum=1, maximum=3_600)
BREAKER_MINIMUM = setting(env.int, "BREAKER_MINIMUM", 5, unit="requests", minimum=1, maximum=50)
BREAKER_THRESHOLD = setting(
    env.float, "BREAKER_THRESHOLD", 0.5, unit="(share of requests that failed)", minimum=0.01, maximum=1
)
BREAKER_SLOW_THRESHOLD = setting(
    env.float, "BREAKER_SLOW_THRESHOLD", 0.5, unit="(share of requests failed or slow)", minimum=0.01, maximum=1
)
BREAKER_COOLDOWN = setting(env.float, "BREAKER_COOLDOWN", 5.0, unit="seconds", minimum=0.5, maximum=600)
CANARY_EVERY = setting(env.float, "CANARY_EVERY", 15.0, unit="seconds", minimum=1, maximum=300)
CANARY_MISSES = setting(env.int, "CANARY_MISSES", 3, unit="probes in a row", minimum=0, maximum=100)
EMBEDDED_ENCRYPTION_SECRET = "embedded-master-secret-for-one-machine-only"
ENCRYPTION_SECRET = env.str("ENCRYPTION_SECRET", default=EMBEDDED_ENCRYPTION_SECRET)
ENCRYPTION_SECRET_FALLBACKS = words("ENCRYPTION_SECRET_FALLBACKS", [])
ENCRYPTION_SECRET_ENDS = day("ENCRYPTION_SECRET_ENDS")
EMBEDDED_SIGNING_KEY = base64.b64encode(b"embedded-signing-key-one-machine").decode()
SIGNING_KEYS = signing_keys("SIGNING_KEYS", [EMBEDDED_SIGNING_KEY])
SIGNING_KEYS_END = day("SIGNING_KEYS_END")

# --- What it costs, in US dollars --------------------------------------------------------------

ABLY_PRICES_2026_11 = """[{"since": "2026-11-01", "source": "ably.com/pricing, Standard, novembro de 2026",
"base": "29", "connection_minutes": "1", "channel_minutes": "1", "messages": "2.50"}]"""
ABLY_PRICES = ably_prices(env.str("ABLY_PRICES", default=ABLY_PRICES_2026_11))
MONTHLY_COSTS_USD = monthly_costs(words("MONTHLY_COSTS_USD", []))
MONTHLY_BUDGET_USD = setting(env.float, "MONTHLY_BUDGET_USD", 160.0, unit="US dollars", minimum=1, maximum=1_000_000)

# --- The log and its streams ----------------------------------------------------------------

DISPATCHER = choice("DISPATCHER", "embedded", ("embedded", "external"))
DISPATCH_POLL = setting(env.float, "DISPATCH_POLL", 0.4, unit="seconds", minimum=0.01, maximum=60)
STAMP_PACE = setting(env.float, "STAMP_PACE", 0.008, unit="seconds", minimum=0, maximum=0.1)
WAKE_CHANNELS = switch("WAKE_CHANNELS", True)
DISPATCH_LEASE = setting(env.float, "DISPATCH_LEASE", 30.0, unit="seconds", minimum=1, maximum=600)
REQUEST_HEAD_MAX = setting(env.int, "REQUEST_HEAD_MAX", 32_768, unit="bytes", minimum=8_192, maximum=1_048_576)
REQUEST_HEAD_WITHIN = setting(env.float, "REQUEST_HEAD_WITHIN", 10.0, unit="seconds", minimum=1, maximum=60)
REQUEST_BODY_MAX = setting(env.int, "REQUEST_BODY_MAX", 1_048_576, unit="bytes", minimum=65_536, maximum=8_388_608)
REQUEST_BODY_WITHIN = setting(env.float, "REQUEST_BODY_WITHIN", 60.0, unit="seconds", minimum=5, maximum=600)
# A page takes a stream for dead that it has not heard for 40 seconds (lane.js): one heartbeat may be lost.
STREAM_HEARTBEAT = setting(env.float, "STREAM_HEARTBEAT", 15.0, unit="seconds", minimum=0.5, maximum=20)
STREAM_BUFFER = setting(env.int, "STREAM_BUFFER", 262_144, unit="bytes", minimum=4_096)
STREAMS_PER_PROCESS = setting(env.int, "STREAMS_PER_PROCESS", 20_000, unit="streams", minimum=1)
STREAMS_PER_ADDRESS = setting(env.int, "STREAMS_PER_ADDRESS", 2_000, unit="streams", minimum=1, maximum=1_000_000)
STREAMS_PER_PERSON = setting(env.int, "STREAMS_PER_PERSON", 5, unit="streams", minimum=1, maximum=100)
CHANNEL_IDLE = setting(env.int, "CHANNEL_IDLE", 300, unit="seconds", minimum=0, maximum=86_400)
RETENTION_DAYS = setting(env.int, "RETENTION_DAYS", 120, unit="days", minimum=0, maximum=36_500)
ARCHIVE_READ_AFTER_DAYS = setting(env.int, "ARCHIVE_READ_AFTER_DAYS", 30, unit="days", minimum=0, maximum=36_500)
REPLAY_LIMIT = setting(env.int, "REPLAY_LIMIT", 10_000, unit="notifications", minimum=1)
AUDIT_RETENTION_DAYS = setting(env.int, "AUDIT_RETENTION_DAYS", 730, unit="days", minimum=0, maximum=36_500)
HISTORY_DAYS = setting(env.int, "HISTORY_DAYS", 30, unit="days", minimum=1, maximum=3_650)
RECEIPT_SHARED_SAMPLE = setting(
    env.float, "RECEIPT_SHARED_SAMPLE", 1.0, unit="(share of receipts kept on shared channels)", minimum=0, maximum=1
)

# --- Traces: empty sends none, and costs nothing ------------------------------------------------

TRACES_ENDPOINT = env.str("TRACES_ENDPOINT", default="")
if TRACES_ENDPOINT and not re.fullmatch(r"https?://[^\s/?#]+/[^\s?#]+", TRACES_ENDPOINT):
    raise ImproperlyConfigured(
        "TRACES_ENDPOINT is malformed: it reads http://host:4318/v1/traces, the collector's address for OTLP over HTTP."
    )
TRACES_SAMPLE = setting(env.float, "TRACES_SAMPLE", 1.0, unit="(share of traces that are kept)", minimum=0, maximum=1)

# --- Logs: JSON, or for people on a terminal; never a title, a body or a name -----------------

LOG_LEVEL = choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
ENV_FILE.refuse_unknown(variables.asked)
_log_processors: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    logs.add_trace_id,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
structlog.configure(
    processors=[*_log_processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": structlog.processors.JSONRenderer(),
            "foreign_pre_chain": [*_log_processors, structlog.processors.format_exc_info],
        },
        "people": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
            "foreign_pre_chain": _log_processors,
        },
    },
    "filters": {"news": {"()": "django.utils.log.CallbackFilter", "callback": logs.is_news}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": log_format(DEBUG, sys.stderr.isatty())}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        "channels_redis": {"level": "CRITICAL"},  # a traceback a second while Redis is gone; `wakes` tells of it once
        "ably": {"level": "CRITICAL"},  # it logs each failure with its traceback; the orchestrator tells of it
        "django.request": {"filters": ["news"]},
        "django_structlog": {"level": "WARNING"},
        "django_structlog.middlewares.request": {"filters": ["news"]},
    },
}
