"""What a run with --sandbox is told instead of what the user's environment says of real services."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from components.libpq import AUTHORITIES
from operations.sandbox.place import REPOSITORY
from operations.workspace import passphrase, passphrase_file, private_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from operations.sandbox.place import Place, Record

REAL_SERVICES = ("XATA_", "CLOUDFLARE_", "CF_", "GITHUB_", "GH_")
"""Beginnings of variables that lead to real services, or hold their keys."""
OF_THE_RUN = frozenset(
    {"GITHUB_ACTIONS", "GITHUB_EVENT_NAME", "GITHUB_EVENT_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"}
)
"""Those that only say what a workflow's run is about, and name files of it."""
LOOPBACK = "127.0.0.1"
DIRECT = (LOOPBACK, "localhost", ".localhost")
OFFLINE = {
    "WRANGLER_SEND_METRICS": "false",
    "WRANGLER_SEND_ERROR_REPORTS": "false",
    "CLOUDFLARE_CF_FETCH_ENABLED": "false",
}
"""What keeps wrangler from asking anybody but the API."""
PSQL_AUTHORITY, PSQL_ADDRESS = "PGSSLROOTCERT", "PGHOSTADDR"
"""Where the user's own psql looks for authorities, and which address it connects to, whatever the host is called;
nothing of ours reads them."""
PASSPHRASE, PASSPHRASE_FILE = "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"
STATE, OWN_STATE = "PULUMI_BACKEND_URL", "INFRA_OWN_BACKEND_URL"
"""Where the state lies; and in a shell of `env`, what that was before, if it was set."""


def sandboxed(environ: Mapping[str, str], place: Place, record: Record) -> dict[str, str]:
    """The user's environment with the sandbox in the place of every real service, and a state of its own.

    The authority whose certificates this program trusts for databases is the sandbox's own. No proxy is asked on the
    way, so none sees the key.
    """
    environment = {name: value for name, value in environ.items() if not _leads_out(name)}
    return {**environment, **_told(environ, place, record)}


def exports(environ: Mapping[str, str], place: Place, record: Record) -> str:
    """The same as commands for a POSIX shell, with what wrangler, psql and plain `pulumi` need besides.

    Raises:
        StateError: There is state, and no passphrase for it.
    """
    told = {**_told(environ, place, record), **OFFLINE, PSQL_AUTHORITY: record.authority, PSQL_ADDRESS: LOOPBACK}
    private_folder(place.state)  # `pulumi` wants it to be there
    before = "" if is_shell(environ, place) else _kept(environ)
    if PASSPHRASE not in environ and PASSPHRASE_FILE not in environ:
        passphrase(place.folder, place.state_url, environ)  # made now, since a file that is named must be there
        told[PASSPHRASE_FILE] = str(passphrase_file(place.folder.resolve()))
    foreign = [name for name in environ if _leads_out(name) and name not in told]
    lines = [*before.splitlines(), *(f"unset {name}" for name in sorted(foreign) if name.isidentifier())]
    return "\n".join([*lines, *(f"export {name}={shlex.quote(value)}" for name, value in told.items())])


def is_shell(environ: Mapping[str, str], place: Place) -> bool:
    """Whether a shell is one of `env`: the state that it names is the sandbox's."""
    return environ.get(STATE) == place.state_url


def own(environ: Mapping[str, str]) -> dict[str, str]:
    """What a shell of `env` knows without the sandbox, for a database of this machine, which asks no service."""
    dropped = {STATE, OWN_STATE, AUTHORITIES}
    environment = {name: value for name, value in environ.items() if not _leads_out(name) and name not in dropped}
    return {**environment, STATE: environ[OWN_STATE]} if environ.get(OWN_STATE) else environment


def _kept(environ: Mapping[str, str]) -> str:
    """The command with which the shell itself remembers where the user's state lies: it may name a password."""
    return f'export {OWN_STATE}="${STATE}"' if environ.get(STATE) else f"unset {OWN_STATE}"


def _leads_out(name: str) -> bool:
    return name.startswith(REAL_SERVICES) and name not in OF_THE_RUN


def _told(environ: Mapping[str, str], place: Place, record: Record) -> dict[str, str]:
    """What the sandbox itself says."""
    passed = [name for name in (environ.get("no_proxy") or environ.get("NO_PROXY") or "").split(",") if name]
    direct = ",".join(dict.fromkeys([*passed, *DIRECT]))
    return {
        "XATA_API_BASE_URL": record.api,
        "XATA_API_KEY": record.key,
        "XATA_ORGANIZATION_ID": record.organization,
        **_workers(record),
        **_pulls(record),
        **_path(environ, place, record),
        "PULUMI_BACKEND_URL": place.state_url,
        AUTHORITIES: record.authority,
        "NO_PROXY": direct,
        "no_proxy": direct,
    }


def _path(environ: Mapping[str, str], place: Place, record: Record) -> dict[str, str]:
    """The sandbox's own Node.js first, which its wrangler and an app's need in a version that few machines have."""
    if not record.node:
        return {}
    own = str(place.commands.resolve())
    others = [folder for folder in environ.get("PATH", os.defpath).split(os.pathsep) if folder != own]
    return {"PATH": os.pathsep.join([own, *others])}


def _workers(record: Record) -> dict[str, str]:
    """Cloudflare's part. Without it no account is known, so stacks leave their Worker out."""
    if not record.cloudflare_api:
        return {}
    return {
        "CLOUDFLARE_API_BASE_URL": record.cloudflare_api,
        "CLOUDFLARE_API_TOKEN": record.cloudflare_token,
        "CLOUDFLARE_ACCOUNT_ID": record.cloudflare_account,
        "INFRA_WORKER_ADDRESSES": f"http://127.0.0.1:{record.cloudflare_port}/sandbox/workers",
    }


def _pulls(record: Record) -> dict[str, str]:
    """GitHub's part; nothing in a sandbox that an older version has started."""
    if not record.github_api:
        return {}
    return {
        "GITHUB_API_URL": record.github_api,
        "GITHUB_TOKEN": record.github_token,
        "GITHUB_REPOSITORY": REPOSITORY,
    }
