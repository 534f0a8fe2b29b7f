"""What `./infra doctor` looks at where a stack has a Worker: token, account, permissions, Worker, file. Only reads.

The token is judged by what it is for: Cloudflare's own page for that answers tokens of users, not those of accounts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.errors import ConfigurationError, InfraError
from components.worker.api.client import ACCOUNT_VARIABLE, READ, TOKEN_VARIABLE, Client, connect
from components.worker.api.models import HYPERDRIVE, SECRETS_STORE
from components.worker.wrangler.findings import errors
from operations import wrangler
from operations.findings import Finding
from stacks import worker_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from components.worker.api.models import Named
    from stacks.settings import CloudSettings

TOKEN, ACCOUNT, FILE = "cloudflare token", "cloudflare account", "wrangler.jsonc"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the checks look at: a Worker of an account, through a client; and what a program is told."""

    client: Client
    account: str
    script: str
    settings: CloudSettings
    environ: Mapping[str, str]


def examine(
    environ: Mapping[str, str],
    settings: CloudSettings,
    *,
    stack: str,
    folder: Path,
    open_client: Callable[[Mapping[str, str]], Client] = connect,
) -> list[Finding]:
    """Look at everything that a stack needs of Cloudflare; nothing for one that is to do without a Worker.

    Args:
        environ: Holds the token.
        settings: The stack's configuration.
        stack: Its name.
        folder: The project's folder.
        open_client: Makes the client.
    """
    if settings.worker == "off":
        return []
    found = [_file(stack, folder, environ)]
    try:
        account = worker_plan.account(settings, environ)
        if not account:
            left_out = f"no account is known, so {stack} leaves its Worker out"
            return [*found, _warning(ACCOUNT, left_out, f"export {ACCOUNT_VARIABLE}=…, or set infra:cloudflareAccount")]
        if not environ.get(TOKEN_VARIABLE, "").strip():
            step = worker_plan.how_to_get_token(settings)
            return [*found, _warning(TOKEN, f"{TOKEN_VARIABLE} is not set", f"{step}; docs/worker.md")]
        script = worker_plan.script(settings, worker_plan.wrangler_file(settings, folder))
        seen = Seen(client=open_client(environ), account=account, script=script, settings=settings, environ=environ)
    except ConfigurationError as error:
        return [*found, Finding(check=ACCOUNT, verdict="failure", found=error.message, next_step=error.next_step)]
    except InfraError as error:
        return [*found, Finding(check=TOKEN, verdict="failure", found=error.message, next_step=error.next_step)]
    return [*found, *_asked(seen)]


def _asked(seen: Seen) -> list[Finding]:
    """What the service says; a token that is refused, or an account that is not reached, ends the questions."""
    try:
        workers = {one.id for one in seen.client.scripts(seen.account)}
    except InfraError as error:  # an unknown token, one without the permission and a strange account look alike
        return [Finding(check=TOKEN, verdict="failure", found=error.message, next_step=error.next_step)]
    reads = f"cloudflare permission {READ}"
    return [
        Finding(check=TOKEN, verdict="ok", found=f"accepted by {seen.client.base_url}"),
        Finding(check=ACCOUNT, verdict="ok", found=seen.account),
        Finding(check=reads, verdict="ok", found=f"granted: {_counted(len(workers))} can be seen"),
        *_provider(seen),
        *(_untested(name) for name in worker_plan.permissions(seen.settings)),
        _worker(seen, workers),
        _address(seen),
    ]


def _untested(name: str) -> Finding:
    found = "not tested, because only a change would tell; up needs it"
    return _warning(f"cloudflare permission {name} Write", found, "look at the token's permissions in the dashboard")


def _provider(seen: Seen) -> list[Finding]:
    """Whether what Cloudflare's own provider makes can be made: first of all where, then with this token."""
    asked = worker_plan.of_the_provider(seen.settings)
    if not asked:
        return []
    check = "cloudflare provider"
    try:
        worker_plan.require_provider(seen.settings, seen.environ, may_download=True)
    except ConfigurationError as error:
        return [Finding(check=check, verdict="failure", found=error.message, next_step=error.next_step)]
    found = [Finding(check=check, verdict="ok", found=f"{asked}: it is there")]
    if seen.settings.hyperdrive:
        found.append(_read(HYPERDRIVE, lambda: _told(seen.client.hyperdrives(seen.account))))
    if seen.settings.secrets_store:
        found.append(_read(SECRETS_STORE, lambda: _store(seen)))
    return found


def _read(name: str, found: Callable[[], str]) -> Finding:
    check = f"cloudflare permission {name} Read"
    try:
        return Finding(check=check, verdict="ok", found=f"granted: {found()}")
    except InfraError as error:
        return Finding(check=check, verdict="failure", found=error.message, next_step=error.next_step)


def _store(seen: Seen) -> str:
    stores = seen.client.stores(seen.account)
    worker_plan.store_id(stores, seen.settings.secrets_store)
    return f"the store {seen.settings.secrets_store} is there"


def _told(there: Sequence[Named]) -> str:
    return f"{len(there)} {'is' if len(there) == 1 else 'are'} there"


def _worker(seen: Seen, workers: set[str]) -> Finding:
    there = seen.script in workers
    found = seen.script if there else f"{seen.script} is not there yet; up makes a draft of it for its secrets"
    return Finding(check="cloudflare worker", verdict="ok", found=found)


def _address(seen: Seen) -> Finding:
    name = "cloudflare workers.dev"
    if seen.settings.worker_url:
        return Finding(check=name, verdict="ok", found=f"not needed: the Worker is asked at {seen.settings.worker_url}")
    try:
        subdomain = seen.client.account_subdomain(seen.account)
    except InfraError as error:
        return _warning(name, error.message, error.next_step)
    if subdomain:
        return Finding(check=name, verdict="ok", found=f"{subdomain}.workers.dev")
    step = "choose a name in the dashboard (Workers & Pages), or set infra:workerUrl to the Worker's own address"
    return _warning(name, "the account has no name below workers.dev, so no Worker can be asked", step)


def _file(stack: str, folder: Path, environ: Mapping[str, str]) -> Finding:
    """The app's file, in one line; `./infra wrangler check` tells all of it."""
    try:
        file = wrangler.asked(stack, {}, folder=folder, environ=environ)
    except InfraError as error:
        return _warning(FILE, error.message, error.next_step)
    if not file.path.is_file():
        return _warning(FILE, f"there is no {file.path}", "set infra:appPath to the app's folder")
    found = wrangler.findings(file)
    if not found:
        return Finding(check=FILE, verdict="ok", found=f"{file.path} fits {stack}")
    said = f"{file.path}: {len(errors(found))} errors and {len(found) - len(errors(found))} warnings"
    return _warning(FILE, said, f"./infra wrangler check {stack}")


def _warning(check: str, found: str, next_step: str) -> Finding:
    return Finding(check=check, verdict="warning", found=found, next_step=next_step)


def _counted(count: int) -> str:
    return f"{count} Worker{'' if count == 1 else 's'}"
