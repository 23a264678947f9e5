"""All settings come from the environment and are safe when nothing is set.

`python manage.py check --deploy` passes with the values documented in `deploy/README.md`;
`make up` writes a demo environment with secrets of its own under SALUS_HOME.
"""

from pathlib import Path

import environ

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent

# Everything the service writes lies below this folder.
SALUS_HOME = Path(env.str("SALUS_HOME", default=str(BASE_DIR / "var"))).resolve()
SALUS_DEMO = env.bool("SALUS_DEMO", default=False)

DEBUG = env.bool("SALUS_DEBUG", default=False)
SECRET_KEY = env.str("SALUS_SECRET_KEY")  # no default: starting without one is an error
ALLOWED_HOSTS = env.list("SALUS_ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])
SALUS_PUBLIC_URL = env.str("SALUS_PUBLIC_URL", default="http://localhost:8000")
CSRF_TRUSTED_ORIGINS = env.list("SALUS_CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "channels",
    "salus",
    "accounts",
    "ledger",
    "storage",
    "wallet",
    "mobile_api",
    "interop",
    "oversight",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "salus.middleware.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.PersonTimeZoneMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "salus.urls"
ASGI_APPLICATION = "salus.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Database: SQLite on a laptop, PostgreSQL by SALUS_DATABASE_URL ---------------------------
DATABASES = {"default": env.db("SALUS_DATABASE_URL", default=f"sqlite:///{SALUS_HOME / 'db.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        # IMMEDIATE: a transaction that will write waits at its start instead of failing at its end.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # FULL: what was answered "saved" survives a power cut, outbox included.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- People -----------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.Person"
LOGIN_URL = "/"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# Browsers treat localhost as secure but do not send Secure cookies over its plain http.
_plain_http = SALUS_PUBLIC_URL.startswith("http://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not _plain_http
SECURE_SSL_REDIRECT = env.bool("SALUS_SSL_REDIRECT", default=not _plain_http)
SECURE_HSTS_SECONDS = 0 if _plain_http else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not _plain_http
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("SALUS_BEHIND_PROXY", False) else None
)
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- Language, time ---------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = USE_TZ = True
TIME_ZONE = "UTC"

# --- Static files -----------------------------------------------------------------------------
STATIC_URL = "/static/"
# Where `collectstatic` gathers them for a proxy; without it they are served from the apps' folders.
STATIC_ROOT = env.str("SALUS_STATIC_ROOT", default="") or None
# Modules import each other by relative path, so names stay as they are; WhiteNoise sends ETags.
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 60

# --- Channels ---------------------------------------------------------------------------------
SALUS_REDIS_URL = env.str("SALUS_REDIS_URL", default="")
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [SALUS_REDIS_URL]},
    }
    if SALUS_REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}

# --- REST -------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}

# --- Ledger -----------------------------------------------------------------------------------
SALUS_LEDGER_RPC = env.list(
    "SALUS_LEDGER_RPC", default=[f"http://127.0.0.1:{26657 + 10 * i}" for i in range(4)]
)
SALUS_LEDGER_GENESIS = Path(
    env.str("SALUS_LEDGER_GENESIS", default=str(SALUS_HOME / "ledger" / "genesis.json"))
)

# --- Storage ----------------------------------------------------------------------------------
SALUS_STORAGE_PROVIDERS = env.list(
    "SALUS_STORAGE_PROVIDERS",
    default=[f"folder://{SALUS_HOME / 'storage' / f'provider-{i}'}" for i in range(1, 7)],
)
SALUS_STORAGE_K = env.int("SALUS_STORAGE_K", default=4)
SALUS_STORAGE_N = env.int("SALUS_STORAGE_N", default=6)

# --- Keys of the service ----------------------------------------------------------------------
# 32 random bytes, base64url: wraps the organisations' keys and, together with the patient's own PIN,
# custodial bundles. Made by `make up` in the demo; in production it comes from a secret store.
SALUS_KEK_FILE = Path(env.str("SALUS_KEK_FILE", default=str(SALUS_HOME / "keys" / "kek")))
# Ed25519 PEM that signs access tokens.
SALUS_TOKEN_KEY_FILE = Path(env.str("SALUS_TOKEN_KEY_FILE", default=str(SALUS_HOME / "keys" / "token.pem")))
# The consortium authority's signing key, only where the authority itself runs (the demo does).
SALUS_AUTHORITY_KEY_FILE = Path(
    env.str("SALUS_AUTHORITY_KEY_FILE", default=str(SALUS_HOME / "keys" / "authority"))
)
# Organisations whose gateway this process is; empty means all that it holds keys for.
SALUS_GATEWAYS = env.list("SALUS_GATEWAYS", default=[])
SALUS_VAPID_KEY_FILE = Path(env.str("SALUS_VAPID_KEY_FILE", default=str(SALUS_HOME / "keys" / "vapid.pem")))
SALUS_VAPID_SUBJECT = env.str("SALUS_VAPID_SUBJECT", default="mailto:operator@salus.example")

# Outbox, projector, expiry and the feed's pump run inside the web process (laptop) or as
# `manage.py project` (production).
SALUS_BACKGROUND = env.bool("SALUS_BACKGROUND", default=True)

# --- Logging: one line an event, no request bodies ---------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "salus.redaction.RedactingFormatter",
            "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("SALUS_LOG_LEVEL", default="INFO")},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "botocore": {"level": "WARNING"},
        # A path can hold a sign-in token.
        "uvicorn.access": {"level": "WARNING"},
    },
}
