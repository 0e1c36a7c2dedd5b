"""Every setting of the product, read once from the environment and typed.

Each variable is described in README.md under "Settings". Nothing else in the product reads the environment.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from paperclip.board.navigation import UNFOLD as UNFOLD
from paperclip.core import hostnames, keyfile, postgres
from paperclip.core.api.document import SECURITY_SCHEMES, TAGS

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")


def _whole(name: str, default: int) -> int:
    """Return a whole number from the environment; anything else is named, not left to a bare ValueError."""
    text = env.str(name, default="").strip()
    if text and not text.isdecimal():
        raise ImproperlyConfigured(f"{name} must be a whole number, not {text!r}")
    return int(text) if text else default


def _networks(name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Return a list of networks, such as `10.0.0.0/8,127.0.0.1`; a wrong one is named."""
    try:
        return [ipaddress.ip_network(text.strip()) for text in env.list(name, default=[]) if text.strip()]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from error


# --- Where things live -----------------------------------------------------------------------------------
PAPERCLIP_HOME = (
    Path(env.str("PAPERCLIP_HOME", default=str(Path.home() / ".paperclip-django"))).expanduser().absolute()
)
RUNS_ROOT = PAPERCLIP_HOME / "runs"
AGENT_HOMES_ROOT = PAPERCLIP_HOME / "workspaces"
PROJECTS_ROOT = PAPERCLIP_HOME / "projects"
OPERATIONS_ROOT = PAPERCLIP_HOME / "operations"
SERVICES_ROOT = PAPERCLIP_HOME / "services"
BUNDLES_ROOT = PAPERCLIP_HOME / "bundles"
INSTRUCTIONS_ROOT = PAPERCLIP_HOME / "instructions"
SKILLS_ROOT = BASE_DIR / "skills"
FILES_ROOT = (
    Path(env.str("PAPERCLIP_FILES_DIR", default=str(PAPERCLIP_HOME / "files"))).expanduser().absolute()
)

# --- Web -------------------------------------------------------------------------------------------------
PORT = _whole("PORT", 3100)
BIND_HOST = env.str("PAPERCLIP_BIND_HOST", default="127.0.0.1")
PAPERCLIP_PUBLIC_URL = env.str("PAPERCLIP_PUBLIC_URL", default=f"http://localhost:{PORT}").rstrip("/")
# Where agents on this machine reach the API. Not the public address: that may lead out and back through a proxy.
API_URL = env.str("PAPERCLIP_RUNTIME_API_URL", default="").rstrip("/") or (
    f"http://{'127.0.0.1' if BIND_HOST in ('0.0.0.0', '::', '') else BIND_HOST}:{PORT}"  # noqa: S104  compared, not bound
)
WEB_WORKERS = _whole("PAPERCLIP_WEB_WORKERS", 2)
WEB_THREADS = _whole("PAPERCLIP_WEB_THREADS", 4)
# Loopback and the bound address always; further names from the environment and from `manage.py allowed-hostname`.
ALLOWED_HOSTNAMES_FILE = PAPERCLIP_HOME / "allowed-hostnames"
ALLOWED_HOSTS = hostnames.loopback_and(
    BIND_HOST,
    [
        *env.list("PAPERCLIP_ALLOWED_HOSTNAMES", default=[]),
        *(ALLOWED_HOSTNAMES_FILE.read_text().split() if ALLOWED_HOSTNAMES_FILE.exists() else []),
        environ.urlparse(PAPERCLIP_PUBLIC_URL).hostname or "localhost",
    ],
)
# Proxies whose X-Forwarded-Host, -Proto and -For are believed; nobody's are when empty.
TRUSTED_PROXIES = _networks("PAPERCLIP_TRUSTED_PROXIES")
CSRF_TRUSTED_ORIGINS = [PAPERCLIP_PUBLIC_URL]
DEBUG = env.bool("PAPERCLIP_DEBUG", default=False)
# Whether DELETE /api/companies/:id deletes; archiving is always possible.
COMPANY_DELETION = env.bool("PAPERCLIP_ENABLE_COMPANY_DELETION", default=False)

# --- Secrets ---------------------------------------------------------------------------------------------
SECRET_KEY = env.str("PAPERCLIP_SECRET_KEY", default="") or keyfile.load_or_create(
    PAPERCLIP_HOME / "secret.key"
)
# What company secrets are sealed with: in the environment, or in a file of its own that is made on first use.
SECRETS_MASTER_KEY = env.str("PAPERCLIP_SECRETS_MASTER_KEY", default="")
SECRETS_PREVIOUS_KEY = env.str("PAPERCLIP_SECRETS_PREVIOUS_KEY", default="")
SECRETS_KEY_FILE = (
    Path(env.str("PAPERCLIP_SECRETS_MASTER_KEY_FILE", default=str(PAPERCLIP_HOME / "secrets.key")))
    .expanduser()
    .absolute()
)
SECRETS_STRICT_MODE = env.bool("PAPERCLIP_SECRETS_STRICT_MODE", default=False)
SECRETS_PROVIDER = env.str("PAPERCLIP_SECRETS_PROVIDER", default="local_encrypted")
# What run tokens are signed with; without it, a key of their own that is derived from SECRET_KEY.
AGENT_JWT_SECRET = env.str("PAPERCLIP_AGENT_JWT_SECRET", default="") or env.str(
    "BETTER_AUTH_SECRET", default=""
)
AGENT_JWT_TTL_SECONDS = _whole("PAPERCLIP_AGENT_JWT_TTL_SECONDS", 172_800)
AGENT_JWT_ISSUER = env.str("PAPERCLIP_AGENT_JWT_ISSUER", default="paperclip")
AGENT_JWT_AUDIENCE = env.str("PAPERCLIP_AGENT_JWT_AUDIENCE", default="paperclip-api")

# --- Database --------------------------------------------------------------------------------------------
DATABASE_URL = env.str("DATABASE_URL", default="")
EMBEDDED_POSTGRES = not DATABASE_URL
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        **environ.Env.db_url_config(DATABASE_URL or postgres.url(PAPERCLIP_HOME)),
        "CONN_MAX_AGE": _whole("PAPERCLIP_CONN_MAX_AGE", 600),
        "CONN_HEALTH_CHECKS": True,
    }
}
DATABASES["default"].setdefault("OPTIONS", {})
DATABASES["default"]["OPTIONS"].setdefault("connect_timeout", 5)
# For the few statements that are prepared (`issues.wire.rows_prepared`); the ORM's are not.
DATABASES["default"]["OPTIONS"].setdefault("prepare_threshold", 0)
DATABASES["default"]["OPTIONS"].setdefault("options", "-c plan_cache_mode=force_generic_plan")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Runner ----------------------------------------------------------------------------------------------
RUNNER_CAPACITY = _whole("PAPERCLIP_RUNNER_CAPACITY", 8)
RUNNER_NAME = env.str("PAPERCLIP_RUNNER_NAME", default="")
RUNNER_LEASE_SECONDS = _whole("PAPERCLIP_RUNNER_LEASE_SECONDS", 20)
# So many runs in a row that nobody asked for and that brought nothing new are a loop, on an issue and without one.
LOOP_RUNS = max(_whole("PAPERCLIP_LOOP_RUNS", 5), 2)
LOOP_RUNS_WITHOUT_ISSUE = max(_whole("PAPERCLIP_LOOP_RUNS_WITHOUT_ISSUE", 20), 2)
# So many runs of an issue in a row in which agents only called each other are one too.
LOOP_RUNS_BETWEEN_AGENTS = max(_whole("PAPERCLIP_LOOP_RUNS_BETWEEN_AGENTS", 20), 4)
RUN_LOG_MAX_BYTES = _whole("PAPERCLIP_RUN_LOG_MAX_BYTES", 64 * 1024 * 1024)

# --- Recovery --------------------------------------------------------------------------------------------
# Issues made within an hour, per company, to get other work going again; what comes after is only blocked.
RECOVERY_ISSUES_PER_HOUR = _whole("PAPERCLIP_RECOVERY_ISSUES_PER_HOUR", 20)
# Whether blocked work that waits for something nobody moves gets an issue of its own, and how recent it must be.
GRAPH_AUTO_RECOVERY = env.bool("PAPERCLIP_GRAPH_AUTO_RECOVERY", default=False)
GRAPH_LOOKBACK_HOURS = min(max(_whole("PAPERCLIP_GRAPH_LOOKBACK_HOURS", 24), 1), 720)

# --- Retention, in days; 0 keeps for ever ----------------------------------------------------------------
RUN_LOG_DAYS = _whole("PAPERCLIP_RUN_LOG_DAYS", 30)
RUN_HISTORY_DAYS = _whole("PAPERCLIP_RUN_HISTORY_DAYS", 90)
SKIPPED_WAKEUP_DAYS = _whole("PAPERCLIP_SKIPPED_WAKEUP_DAYS", 14)
ACTIVITY_DAYS = _whole("PAPERCLIP_ACTIVITY_DAYS", 90)
RUN_RETENTION_DAYS = _whole("PAPERCLIP_RUN_RETENTION_DAYS", 0)

# --- Telling people ---------------------------------------------------------------------------------------
EMAIL_URL = env.str("EMAIL_URL", default="")
DEFAULT_FROM_EMAIL = env.str("PAPERCLIP_EMAIL_FROM", default="Paperclip <paperclip@localhost>")
_mail: dict[str, Any] = environ.Env.email_url_config(EMAIL_URL) if EMAIL_URL else {}
EMAIL_BACKEND = _mail.get("EMAIL_BACKEND", "django.core.mail.backends.dummy.EmailBackend")
EMAIL_HOST = _mail.get("EMAIL_HOST") or "localhost"
EMAIL_PORT = _mail.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = _mail.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = _mail.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = bool(_mail.get("EMAIL_USE_TLS"))
EMAIL_USE_SSL = bool(_mail.get("EMAIL_USE_SSL"))
EMAIL_FILE_PATH = _mail.get("EMAIL_FILE_PATH")
EMAIL_TIMEOUT = 10
# Private networks that may be called over HTTP: webhooks lead nowhere inside the house unless it is opened here.
OUTBOUND_ALLOW = _networks("PAPERCLIP_OUTBOUND_ALLOW")

# Where archives of repositories come from when a package is imported from GitHub; a mirror answers as well.
GITHUB_ARCHIVE_URL = env.str("PAPERCLIP_GITHUB_ARCHIVE_URL", default="https://codeload.github.com").rstrip(
    "/"
)

# --- Limits ----------------------------------------------------------------------------------------------
REQUEST_MAX_BYTES = 10 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = REQUEST_MAX_BYTES
ATTACHMENT_MAX_BYTES = _whole("PAPERCLIP_ATTACHMENT_MAX_BYTES", 10 * 1024 * 1024)
# What company images may be; attachments of issues may be anything.
ASSET_TYPES = env.list(
    "PAPERCLIP_ALLOWED_ATTACHMENT_TYPES",
    default=["image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp", "image/svg+xml"],
)

# --- Applications ----------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # the plain one would put its own admin site in place of ours
    "unfold.contrib.filters",
    "paperclip.board.apps.BoardConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "django_q",
    "paperclip.core.apps.CoreConfig",
    "paperclip.companies.apps.CompaniesConfig",
    "paperclip.governance.apps.GovernanceConfig",
    "issues.apps.IssuesConfig",
    "workspaces.apps.WorkspacesConfig",
    "heartbeat.apps.HeartbeatConfig",
    "routines.apps.RoutinesConfig",
    "paperclip.portability.apps.PortabilityConfig",
    "paperclip.mcp.apps.McpConfig",
    "paperclip.board.demo",
]

MIDDLEWARE = [
    "paperclip.core.hosts.HostGuardMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "paperclip.core.middleware.RequestGuardMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "paperclip.urls"
WSGI_APPLICATION = "paperclip.wsgi.application"
AUTH_USER_MODEL = "companies.User"
APPEND_SLASH = False
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
# Whether anybody may make an account without an invitation; such an account sees no company.
SIGN_UP_CLOSED = env.bool("PAPERCLIP_AUTH_DISABLE_SIGN_UP", default=True)
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "/admin/"

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
            ],
        },
    }
]

LANGUAGE_CODE = "en"
TIME_ZONE = env.str("PAPERCLIP_TIME_ZONE", default="UTC")
USE_TZ = True
USE_I18N = False

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "paperclip" / "board" / "assets"]
WHITENOISE_USE_FINDERS = True

SESSION_COOKIE_NAME = "paperclip-session"
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = PAPERCLIP_PUBLIC_URL.startswith("https://")
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- API -------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["paperclip.companies.auth.ActorAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["paperclip.core.api.rendering.JsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["paperclip.core.api.parsing.JsonParser"],
    "EXCEPTION_HANDLER": "paperclip.core.api.errors.answer",
    "DEFAULT_SCHEMA_CLASS": "paperclip.core.api.schema.Schema",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Paperclip for Django",
    "DESCRIPTION": "The control plane for companies of AI agents.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.1",  # 3.0 cannot say that an object may also be null
    "APPEND_COMPONENTS": {"securitySchemes": SECURITY_SCHEMES},
    "TAGS": [{"name": name, "description": text} for name, text in TAGS.items()],
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    # Choices stay with their field: a dozen resources have a `status`, and none shares its words.
    "POSTPROCESSING_HOOKS": [],
}

# Doors of higher floors that lower floors must reach, by dotted path (as DRF does with its classes).
SIGN_IN_LINK_FACTORY = "paperclip.companies.signin.create_link"
RUN_LOOKUP = "heartbeat.queries.run_identity"
LAST_TICK_AGE = "heartbeat.queries.last_tick_age_seconds"
RUNNER_RESTS = "heartbeat.runners.rests"

# --- django-q2 -------------------------------------------------------------------------------------------
# retry > timeout x (2 + queue_limit / workers): the retry clock starts when a task is fetched, not started.
REDIS_URL = env.str("PAPERCLIP_REDIS_URL", default="")
Q_CLUSTER: dict[str, Any] = {
    "name": "paperclip",
    "workers": _whole("PAPERCLIP_Q_WORKERS", 1),
    "timeout": 60,
    "retry": 300,
    "max_attempts": 3,
    "queue_limit": 2,
    "bulk": 1,
    "poll": 1,
    "catch_up": False,
    "ack_failures": True,
    "save_limit": 250,
    "recycle": 500,
    "label": "Scheduler",
    **({"redis": REDIS_URL} if REDIS_URL else {"orm": "default"}),
}

LOG_LEVEL = env.str("PAPERCLIP_LOG_LEVEL", default="INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django.request": {"level": "ERROR"},
        # It tells of every task it takes and gives back; what fails is told at this level too.
        "django-q": {"level": "WARNING"},
    },
}
