"""The Worker of an environment, decided before anything is declared: what is missing is said in time. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from components import plugins
from components.errors import ConfigurationError
from components.worker.api.models import HYPERDRIVE, SECRETS_STORE, WORKERS_SCRIPTS
from components.worker.names import DIRECTORY_VARIABLE, validate_target
from components.worker.wrangler.config import TOP
from components.worker.wrangler.file import locate, worker_name
from stacks import names
from stacks.settings import DATABASE_URL, PreviewSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from components.worker.api.models import Named
    from stacks.settings import CloudSettings, WorkerSettings

ACCOUNT_VARIABLE: Final = "CLOUDFLARE_ACCOUNT_ID"
TOKEN_VARIABLE: Final = "CLOUDFLARE_API_TOKEN"  # noqa: S105 - the name of a variable
PACKAGE: Final = "cloudflare"
"""Of Cloudflare's own provider."""
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
        store: The id of the Secrets Store that gets the database's URL, too; empty for none.
    """

    account: str
    script: str
    wrangler: Path
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    store: str = ""


def account(settings: WorkerSettings, environment: Mapping[str, str]) -> str:
    """The account's id: the configured one, else the environment's; empty when the stack is to do without a Worker.

    Raises:
        ConfigurationError: The Worker, or what hangs on it, is asked for, and it is off or no account is known; or the
            environment's is none.
    """
    if settings.worker == "off":
        if extra := of_the_provider(settings):
            raise ConfigurationError(
                f"{extra} is asked for, and infra:worker is off, with which nothing is made at Cloudflare",
                next_step=f"set infra:worker to auto, or take {extra} out",
            )
        return ""
    found = settings.cloudflare_account or environment.get(ACCOUNT_VARIABLE, "").strip()
    next_step = f"set infra:cloudflareAccount, or {ACCOUNT_VARIABLE}, to the id that the dashboard shows"
    if found and validate_target(account=found):
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


def permissions(settings: WorkerSettings) -> tuple[str, ...]:
    """What the token must be allowed on the account: each as Read to look, and as Write to bring the stack up."""
    asked = ((HYPERDRIVE, settings.hyperdrive), (SECRETS_STORE, bool(settings.secrets_store)))
    return (WORKERS_SCRIPTS, *(name for name, wanted in asked if wanted))


def how_to_get_token(settings: WorkerSettings) -> str:
    """The next step for who has no token."""
    asked = [f"{name} Write" for name in permissions(settings)]
    return f"export {TOKEN_VARIABLE}=… (a token with the permission{'s' * (len(asked) > 1)} {', '.join(asked)})"


def require_token(settings: WorkerSettings, environment: Mapping[str, str]) -> None:
    """Refuse to begin what needs the API without its token.

    Raises:
        ConfigurationError: There is none.
    """
    if not environment.get(TOKEN_VARIABLE, "").strip():
        raise ConfigurationError(
            f"the stack sets secrets of a Worker, and {TOKEN_VARIABLE} is not set; nothing was made",
            next_step=f"{how_to_get_token(settings)}, or set infra:worker to off",
        )


def of_the_provider(settings: WorkerSettings) -> str:
    """What is asked for that only Cloudflare's own provider makes, as the configuration says it; empty for nothing."""
    asked = (("infra:hyperdrive", settings.hyperdrive), ("infra:secretsStore", bool(settings.secrets_store)))
    return " and ".join(name for name, wanted in asked if wanted)


def require_provider(settings: WorkerSettings, environment: Mapping[str, str], *, may_download: bool) -> None:
    """Refuse what needs Cloudflare's own provider where it cannot work. The SDK is not loaded for that: it is large.

    Args:
        settings: The stack's configuration.
        environment: The program's.
        may_download: Whether a missing plugin can still come; not inside a program (`components.plugins`).

    Raises:
        ConfigurationError: This is a sandbox, or the embedded engine, or the plugin is not there.
    """
    asked = of_the_provider(settings)
    if not asked:
        return
    off = "for a run without: --config hyperdrive=false --config secretsStore="
    if environment.get(DIRECTORY_VARIABLE):
        why, next_step = "the sandbox has neither Hyperdrive nor Secrets Store", off
    elif environment.get(plugins.ENGINE) == "embedded":
        why, next_step = plugins.NOT_EMBEDDED, f"{plugins.GET_CLI}; {off}"
    else:
        why = plugins.problem(PACKAGE, environment, may_download=may_download)
        next_step = plugins.install(PACKAGE)
    if why:
        raise ConfigurationError(
            f"{asked}: made by Cloudflare's own provider, which is a plugin, and {why}", next_step=next_step
        )


def store_id(stores: Sequence[Named], wanted: str) -> str:
    """The id of the account's store of this name or id.

    Raises:
        ConfigurationError: There is none.
    """
    found = [one.id for one in stores if wanted in {one.name, one.id}]
    if found:
        return found[0]
    there = ", ".join(one.name for one in stores) or "none at all"
    raise ConfigurationError(
        f"infra:secretsStore: the account has no Secrets Store {wanted!r}; there is: {there}",
        next_step="set it to the name of one that is there; Cloudflare makes the first one when the dashboard's "
        "Secrets Store page is used",
    )


def name_in_account(plan: Plan, settings: CloudSettings) -> str:
    """What the whole account knows the environment's things by: the Worker's name, and the branch where it has none."""
    suffix = f"-{settings.branch}"
    return plan.script if plan.script.endswith(suffix) else f"{plan.script}{suffix}"


def script(settings: CloudSettings, wrangler: Path) -> str:
    """The Worker's name: the configured one, else what wrangler derives from the app's file, else the app's.

    That of a preview is the app's own with the name of its branch: `acme-shop-pr-7`.

    Raises:
        ConfigurationError: The file is there and no name can be told from it. Another name would be another Worker.
    """
    suffix = f"-{settings.branch}" if isinstance(settings, PreviewSettings) else ""
    if settings.worker_name:
        return f"{settings.worker_name}{suffix}"
    if not wrangler.is_file():
        return names.worker(settings, settings.stack)
    name = worker_name(wrangler, TOP if suffix else settings.stack)
    name = f"{name}{suffix}" if name else ""
    reason = validate_target(script=name) if name else "the name of the Worker cannot be told from this file"
    if reason:
        raise ConfigurationError(
            f"{wrangler}: {reason}",
            next_step=f"./infra wrangler check {settings.stack} says what is wrong with it; or set infra:workerName",
        )
    return name


def owner(settings: CloudSettings) -> str:
    """The stack of a pull request whose Worker this is alone; empty for a Worker that stays."""
    return settings.branch if isinstance(settings, PreviewSettings) else ""


def told(plan: Plan, settings: CloudSettings) -> dict[str, str]:
    """Whose secret the database's URL is, for whoever changes its password (`components.worker.told`)."""
    return {
        "account": plan.account,
        "script": plan.script,
        "secret": DATABASE_URL,
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
