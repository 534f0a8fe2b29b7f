"""What the stacks are told of the app and its Worker. Nothing here imports pulumi."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from components.connectivity.worker_address import PATH, PATH_PATTERN, url_fault
from components.worker.secrets.names import MOST_SECRETS, name_fault
from stacks.keys import Settings, key

DEFAULT_WORKER: Final = "printfarm-manager"
DATABASE_URL: Final = "DATABASE_URL"
"""The secret that the app reads; it is always set, so the configuration does not name it."""

_HEXADECIMAL = r"^([0-9a-f]{32})?$"


def _address(url: str) -> str:
    if url and (fault := url_fault(url)):
        raise ValueError(fault)
    return url


def _further(names: tuple[str, ...]) -> tuple[str, ...]:
    if any(name_fault(name) for name in names) or DATABASE_URL in names or len(set(names)) < len(names):
        raise ValueError("these are not names of further secrets")
    return names


class AppSettings(Settings):
    """What a stack is told of the app's folder."""

    app_path: Annotated[str, Field(min_length=1)] = key(
        ".",
        "The app's folder, with its wrangler.jsonc; of dev, where .dev.vars is written; a path from the project's "
        "folder.",
        allowed="a path",
        example="../printfarm-manager",
    )


class WorkerSettings(AppSettings):
    """What a stack is told of the Worker that the app is deployed to."""

    worker: Literal["auto", "on", "off"] = key(
        "auto",
        "Whether the stack sets the Worker's secrets and checks it; auto: yes, when a Cloudflare account is known.",
        allowed="auto, on or off",
        example="auto",
    )
    cloudflare_account: Annotated[str, Field(pattern=_HEXADECIMAL)] = key(
        "",
        "The Cloudflare account's id; empty: CLOUDFLARE_ACCOUNT_ID from the environment.",
        allowed="32 hexadecimal digits, or nothing",
        example="0123456789abcdef0123456789abcdef",
    )
    worker_name: Annotated[str, Field(pattern=r"^([a-z0-9_][a-z0-9_-]{0,62})?$")] = key(
        "",
        "The Worker's name in full; empty: as wrangler derives it from the app's wrangler.jsonc, else "
        f"{DEFAULT_WORKER}-<stack>. Of a preview without its -pr-<number>.",
        allowed="up to 63 of a-z, 0-9, _ and -, not beginning with -, or nothing",
        example="printfarm-manager-staging",
    )
    worker_url: Annotated[str, AfterValidator(_address)] = key(
        "",
        "The Worker's address, such as a custom domain; empty: its name below the account's workers.dev.",
        allowed="an https address without user name and query, or nothing",
        example="https://staging.example.com",
    )
    health_path: Annotated[str, Field(pattern=PATH_PATTERN, max_length=200)] = key(
        PATH,
        "The path at which the app tells its health.",
        allowed="a path of letters, digits, ., _, ~ and -, which begins with / and does not end with it",
        example="/healthz",
    )
    worker_check_mode: Literal["enforce", "warn", "off"] = key(
        "enforce",
        "What a failing check of the deployed Worker does to the deployment: fail it, warn, or not look at all.",
        allowed="enforce, warn or off",
        example="enforce",
    )
    worker_check_budget_seconds: Annotated[int, Field(ge=1, le=600)] = key(
        90,
        "How long the Worker check may try before its verdict is final, in seconds.",
        allowed="a whole number of seconds from 1 to 600",
        example=90,
    )
    worker_secrets: Annotated[tuple[str, ...], Field(max_length=MOST_SECRETS - 1), AfterValidator(_further)] = key(
        (),
        f"Names of further secrets that the Worker gets besides {DATABASE_URL}; each value is the secret `worker:NAME` "
        "of this configuration.",
        allowed=f"a list of names of letters, digits and underscores, each once and none of them {DATABASE_URL}",
        example='["SESSION_KEY"]',
    )
    on_undeployed_version: Literal["error", "deploy"] = key(
        "error",
        "What setting secrets does while a newer version of the Worker is not deployed: stop, or deploy it with them.",
        allowed="error or deploy",
        example="error",
    )
    wrangler_mode: Literal["enforce", "warn", "off"] = key(
        "warn",
        "What a wrangler.jsonc that does not fit the stack does to the deployment: fail it, warn, or not look at all.",
        allowed="enforce, warn or off",
        example="warn",
    )
    hyperdrive: bool = key(
        default=False,
        description="Whether the database gets a Hyperdrive configuration, without caching; needs the Pulumi CLI, and "
        "does not work in the sandbox.",
        allowed="true or false",
        example=False,
    )
    secrets_store: Annotated[str, Field(pattern=r"^[^\s/\\]{0,100}$")] = key(
        "",
        "The account's Secrets Store, by name or id, that gets the database's URL, too; needs the Pulumi CLI, and does "
        "not work in the sandbox.",
        allowed="the name or id of a store, or nothing",
        example="default_secrets_store",
    )
