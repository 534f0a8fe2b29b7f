"""The names that follow from the app's, `infra:app`: each fits where it is used. Pure.

What Workers, containers and Postgres allow is less than what people call an app: `Acme Shop` is `acme-shop` there, and
`acme_shop` in Postgres. A plan says so (`adapted`). Each name can be set by itself instead, by the key of its own.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING, Final

from components.errors import ConfigurationError
from components.postgres.server.settings import database_reason, user_reason
from components.xata.branches.names import PROJECT_PATTERN

if TYPE_CHECKING:
    from stacks.settings import DevSettings, Settings

LONGEST_APP: Final = 100
"""As Xata's projects have it."""
LONGEST_SHORT: Final = 40
"""Of a Worker's 63 characters the rest is its environment's: a dash and a stack's name, or `-pr-999999999`."""

_DIGEST: Final = 6
_IDENTIFIER: Final = re.compile(r"(?!pg_)[a-z_][a-z0-9_]*")


def app_reason(app: str) -> str:
    """Why an app cannot be called so; empty when it can."""
    wrong = not app.isprintable() or len(app) > LONGEST_APP or not re.search(r"[a-z0-9]", _folded(app))
    return "it has no short form" if wrong else ""


def short(app: str) -> str:
    """The name as Workers and containers have it: lower case, digits and single dashes, 40 characters at most.

    Where something of it is lost that tells it from others, a digest of the whole stands for that.
    """
    folded = _folded(app)
    found = re.sub(r"[^a-z0-9]+", "-", folded).strip("-")
    if len(found) <= LONGEST_SHORT and not any(one.isalnum() and not one.isascii() for one in folded):
        return found
    digest = hashlib.sha256(app.encode()).hexdigest()[:_DIGEST]
    return f"{found[: LONGEST_SHORT - _DIGEST - 1].rstrip('-')}-{digest}"


def project(settings: Settings) -> str:
    """What the Xata project is called: as the app, where Xata takes that."""
    app = _app(settings, "the Xata project", "infra:project")
    return app if re.fullmatch(PROJECT_PATTERN, app) else short(app)


def worker(settings: Settings, suffix: str) -> str:
    """What a Worker is called of which no wrangler file tells it."""
    return f"{short(_app(settings, 'the Worker', 'infra:workerName'))}-{suffix}"


def container(settings: DevSettings) -> str:
    """What the dev database's container is called."""
    return settings.container_name or f"{short(_app(settings, 'the container', 'infra:containerName'))}-db-dev"


def database(settings: DevSettings) -> str:
    """What the dev database is called."""
    return settings.database_name or _identifier(_app(settings, "the dev database", "infra:databaseName"))


def role(settings: DevSettings) -> str:
    """What the role is called that the app logs in as."""
    return settings.database_user or _identifier(_app(settings, "the app's role", "infra:databaseUser"))


def app_role(settings: Settings) -> str:
    """What the app's logins, and the role that holds its rights, are named after."""
    return _identifier(_app(settings, "the app's logins", "infra:app"))


def adapted(settings: Settings) -> str:
    """How the app's name is written where it does not fit as it is, in a sentence; empty where it does."""
    from stacks.settings import DevSettings  # noqa: PLC0415 - settings say what they allow with the rules above

    app, forms = settings.app, []
    if app and short(app) != app:
        forms.append(f"{short(app)} in the names of Workers and containers")
    if app and isinstance(settings, DevSettings) and settings.database != "xata" and _identifier(app) != app:
        forms += [f"{_identifier(app)} in Postgres"] * (not settings.database_name or not settings.database_user)
    return f"infra:app {app!r} is written {' and '.join(forms)}" if forms else ""


def _app(settings: Settings, what: str, key: str) -> str:
    if not settings.app:
        raise ConfigurationError(
            f"infra:app is not set, and {what} is to be named after it",
            next_step="put this line under `config:` in Pulumi.yaml, with your app's name: infra:app: acme-shop; "
            f"or set {key}",
        )
    return settings.app


def _identifier(app: str) -> str:
    found = short(app).replace("-", "_")
    fits = _IDENTIFIER.fullmatch(found) and not database_reason(found) and not user_reason(found)
    return found if fits else f"app_{found}"


def _folded(app: str) -> str:
    plain = unicodedata.normalize("NFKD", app)
    return "".join(one for one in plain if not unicodedata.combining(one)).lower()
