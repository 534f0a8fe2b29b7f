"""The Worker of an environment, decided before anything is declared: what is missing is said in time. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from components.errors import ConfigurationError
from components.worker.secrets.names import account_fault, script_fault
from components.worker.wrangler.config import TOP
from components.worker.wrangler.file import locate, worker_name
from stacks.models import PREVIEW, PreviewSettings
from stacks.worker_settings import DATABASE_URL, DEFAULT_WORKER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from stacks.models import CloudSettings
    from stacks.worker_settings import WorkerSettings

ACCOUNT_VARIABLE: Final = "CLOUDFLARE_ACCOUNT_ID"
TOKEN_VARIABLE: Final = "CLOUDFLARE_API_TOKEN"  # noqa: S105 - the name of a variable
NAMESPACE: Final = "worker"
"""Of the configuration that holds the values of further secrets."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Which Worker, and what it gets.

    Attributes:
        account: The account's id.
        script: The Worker's name.
        wrangler: The app's wrangler file, whether it is there or not.
        secrets: Further secrets, names to values.
        preview: The Worker's preview that is meant; empty for the Worker itself.
    """

    account: str
    script: str
    wrangler: Path
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    preview: str = ""


def account(settings: WorkerSettings, environment: Mapping[str, str]) -> str:
    """The account's id: the configured one, else the environment's; empty when the stack is to do without a Worker.

    Raises:
        ConfigurationError: The Worker is asked for and no account is known, or the environment's is none.
    """
    if settings.worker == "off":
        return ""
    found = settings.cloudflare_account or environment.get(ACCOUNT_VARIABLE, "").strip()
    next_step = f"set infra:cloudflareAccount, or {ACCOUNT_VARIABLE}, to the id that the dashboard shows"
    if found and account_fault(found):
        raise ConfigurationError(f"{ACCOUNT_VARIABLE} is no account id: 32 hexadecimal digits", next_step=next_step)
    asked = [
        name
        for name, said in (
            ("worker is on", settings.worker == "on"),
            ("hyperdrive is true", settings.hyperdrive),
            ("secretsStore names a store", bool(settings.secrets_store)),
        )
        if said
    ]
    if not found and asked:
        raise ConfigurationError(
            f"infra:{asked[0]}, and no Cloudflare account is known",
            next_step=f"{next_step}; or set infra:worker to off",
        )
    return found


def require_token(environment: Mapping[str, str]) -> None:
    """Refuse to begin what needs the API without its token.

    Raises:
        ConfigurationError: There is none.
    """
    if not environment.get(TOKEN_VARIABLE, "").strip():
        raise ConfigurationError(
            f"the stack sets secrets of a Worker, and {TOKEN_VARIABLE} is not set; nothing was made",
            next_step=f"export {TOKEN_VARIABLE}=… (a token with the permission Workers Scripts Write), or set "
            "infra:worker to off",
        )


def script(settings: CloudSettings, wrangler: Path) -> str:
    """The Worker's name: the configured one, else what wrangler derives from the app's file, else the app's.

    That of a preview is the app's own with the name of its branch: `printfarm-manager-pr-7`.

    Raises:
        ConfigurationError: The file is there and no name can be told from it. Another name would be another Worker.
    """
    suffix = f"-{settings.branch}" if settings.environment == PREVIEW and not preview(settings) else ""
    if settings.worker_name:
        return f"{settings.worker_name}{suffix}"
    if not wrangler.is_file():
        return f"{DEFAULT_WORKER}{suffix or f'-{settings.environment}'}"
    name = worker_name(wrangler, TOP if suffix else settings.environment)
    name = f"{name}{suffix}" if name else ""
    if not name or script_fault(name):
        raise ConfigurationError(
            f"{wrangler}: {script_fault(name) if name else 'the name of the Worker cannot be told from this file'}",
            next_step=f"./infra wrangler check {settings.branch} says what is wrong with it; or set infra:workerName",
        )
    return name


def preview(settings: WorkerSettings) -> str:
    """The name of the Worker's preview that is meant; empty where there is a Worker for each environment."""
    chosen = isinstance(settings, PreviewSettings) and settings.preview_worker == "previews"
    return settings.branch if chosen else ""


def owner(settings: CloudSettings) -> str:
    """The stack of a pull request whose Worker this is alone; empty for a Worker that stays."""
    return settings.branch if settings.environment == PREVIEW else ""


def told(plan: Plan, settings: CloudSettings) -> dict[str, str]:
    """Whose secret the database's URL is, for whoever changes its password (`components.worker.told`)."""
    return {
        "account": plan.account,
        "script": plan.script,
        "preview": plan.preview,
        "secret": DATABASE_URL,
        "onUndeployedVersion": settings.on_undeployed_version,
        "owner": owner(settings),
    }


def further_secrets(
    names: Sequence[str], raw: Mapping[str, str], *, is_secret: Callable[[str], bool], stack: str
) -> dict[str, str]:
    """The values of further secrets, by name.

    Args:
        names: As the configuration lists them.
        raw: `namespace:key` to text, as Pulumi hands it to programs.
        is_secret: Whether a key of `raw` is kept encrypted.
        stack: The stack's name, for the next step.

    Raises:
        ConfigurationError: A value is missing, or lies in the stack's file for everyone to read.
    """
    for name in names:
        key = f"{NAMESPACE}:{name}"
        if key in raw and is_secret(key):
            continue
        what = "is not a secret there: everyone can read it" if key in raw else "is not there"
        raise ConfigurationError(
            f"infra:workerSecrets names {name}, and {key} {what}",
            next_step=f"./infra config set {stack} {key} --secret, which asks for the value",
        )
    return {name: raw[f"{NAMESPACE}:{name}"] for name in names}


def wrangler_file(settings: WorkerSettings, folder: Path) -> Path:
    """The app's wrangler file, whether it is there or not."""
    return locate((folder / settings.app_path).resolve())
