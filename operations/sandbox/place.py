"""Where the sandbox keeps what it has, and the record of how it was started.

    .infra/sandbox/sandbox.json    the record: key, ports, the Postgres server's password (mode 600)
    .infra/sandbox/sandbox.log     what the process says (mode 600)
    .infra/sandbox/process.lock    held by the process for as long as it lives; its number is written in it
    .infra/sandbox/service/        the process's own: branches, Workers, pull requests, certificates
    .infra/sandbox/bin/            node, npx and wrangler, for the PATH of whoever asks for them
    .infra/sandbox/state/          the state of stacks brought up with --sandbox
    .infra/sandbox/.lock           held while somebody starts or stops it

The Postgres data lie where the embedded dev server's do, in a folder of their own.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import string
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from components.libpq import AUTHORITIES
from components.local.files import MOST_BYTES, read_bytes
from operations.errors import MachineError
from operations.workspace import FILE_SCHEME, FOLDER, passphrase, passphrase_file, private_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STACK = "sandbox"
"""What the folder of the Postgres data is marked with."""
ORGANIZATION = "sand01"
ACCOUNT = "5a4d0b0c5a4d0b0c5a4d0b0c5a4d0b0c"
KEY_PREFIX = "xao_"
KEY_LETTERS = 43
TOKEN_LETTERS = 40
REPOSITORY = "sandbox/app"
GITHUB_PREFIX, GITHUB_LETTERS = "ghs_", 36
"""What the token of a workflow's run looks like."""
FORMAT = 1
KINDS: dict[str, type] = {
    **dict.fromkeys(
        ("api_port", "gateway_port", "cloudflare_port", "github_port", "pid", "postgres_port", "format"), int
    ),
    "settings": dict,
}
"""What a field of the record is, if not a text."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """The sandbox of one clone.

    Attributes:
        folder: The project's folder.
        data_folder: Where the Postgres data lie; empty for the default, as the dev stack's `dataFolder`.
    """

    folder: Path
    data_folder: str = ""

    @property
    def root(self) -> Path:
        """The folder of everything but the Postgres data."""
        return self.folder / FOLDER / "sandbox"

    @property
    def record(self) -> Path:
        """The record."""
        return self.root / "sandbox.json"

    @property
    def log(self) -> Path:
        """What the process says."""
        return self.root / "sandbox.log"

    @property
    def process_lock(self) -> Path:
        """Held by the process."""
        return self.root / "process.lock"

    @property
    def lock(self) -> Path:
        """Held while somebody starts or stops it."""
        return self.root / ".lock"

    @property
    def service(self) -> Path:
        """The process's own folder."""
        return self.root / "service"

    @property
    def commands(self) -> Path:
        """Programs for somebody's PATH."""
        return self.root / "bin"

    @property
    def state(self) -> Path:
        """The state of stacks brought up with --sandbox."""
        return self.root / "state"

    @property
    def state_url(self) -> str:
        """The same as a backend."""
        return f"{FILE_SCHEME}{self.state.resolve()}"


@dataclass(frozen=True, kw_only=True)
class Record:
    """How the sandbox was started, which the next start needs again; the file has these names in camel case.

    Attributes:
        key: The one API key that it takes.
        organization: The organization of that key.
        api: Where the API answers; empty before the first start.
        api_port: The API's port.
        gateway_port: Where all branches take connections.
        authority: The certificate that the gateway's certificates end in.
        pid: The process; 0 when it was stopped on purpose.
        postgres_password: Of the role that manages the branches' databases.
        postgres_port: The Postgres server's port.
        system_identifier: The number Postgres gave its data; empty before there are any.
        cloudflare_api: Where Cloudflare's API is stood in for; empty where Workers are not run.
        cloudflare_port: The port of that.
        cloudflare_account: The one account there.
        cloudflare_token: The one API token that it takes.
        github_api: Where GitHub's API is stood in for; empty before the first start.
        github_port: The port of that.
        github_token: The one token that it takes.
        node: The Node.js that wrangler runs on; empty where Workers are not run, as the next two.
        wrangler: What deploys Workers.
        workerd: What runs them.
        without_workers: Why Workers are not run; empty where they are.
        settings: What the stand-in was told to behave like; see docs/sandbox.md.
    """

    key: str = field(repr=False)
    organization: str = ORGANIZATION
    api: str = ""
    api_port: int = 0
    gateway_port: int = 0
    authority: str = ""
    pid: int = 0
    postgres_password: str = field(repr=False)
    postgres_port: int = 0
    system_identifier: str = ""
    cloudflare_api: str = ""
    cloudflare_port: int = 0
    cloudflare_account: str = ACCOUNT
    cloudflare_token: str = field(default="", repr=False)
    github_api: str = ""
    github_port: int = 0
    github_token: str = field(default="", repr=False)
    node: str = ""
    wrangler: str = ""
    workerd: str = ""
    without_workers: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    format: int = FORMAT


class DamagedRecordError(MachineError):
    """The record is there and cannot be understood."""


def new_record() -> Record:
    """A record of a sandbox that was never started, with secrets of its own."""
    return Record(
        key=f"{KEY_PREFIX}{_random(KEY_LETTERS)}",
        cloudflare_token=_random(TOKEN_LETTERS),
        github_token=f"{GITHUB_PREFIX}{_random(GITHUB_LETTERS)}",
        postgres_password=secrets.token_urlsafe(32),
    )


def read_record(place: Place) -> Record | None:
    """The record, or None when the sandbox was never started here.

    Raises:
        DamagedRecordError: It is there, and is not one of ours.
    """
    try:
        text = read_bytes(place.record, MOST_BYTES).decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(place, type(error).__name__) from None
    names = {_camel(one.name): one.name for one in fields(Record)}
    try:
        found = json.loads(text)
        record = Record(**{names[name]: value for name, value in found.items()})
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise _damaged(place, "it is not the JSON that start writes") from None
    wrong = [name for name, own in names.items() if not isinstance(getattr(record, own), KINDS.get(own, str))]
    if wrong or record.format != FORMAT:
        raise _damaged(place, f"unexpected {', '.join(wrong) or 'format'}")
    return record


def write_record(place: Place, record: Record) -> None:
    """Write the record as a whole or not at all, for this user's eyes only."""
    private_folder(place.root)
    draft = place.record.with_name(f"{place.record.name}.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump({_camel(name): value for name, value in asdict(record).items()}, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(place.record)


def _random(length: int) -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _damaged(place: Place, why: str) -> DamagedRecordError:
    return DamagedRecordError(
        f"the sandbox's record {place.record} cannot be used: {why}",
        next_step="./infra sandbox start writes it anew; the data are kept",
    )


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
