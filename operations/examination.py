"""What `./infra doctor` looks at: free functions, one per thing, each of which only looks."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from components.errors import InfraError
from engine.errors import EngineError
from operations import stack_names, workspace
from operations.engines import choice
from operations.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Verdict = Literal["ok", "warning", "failure"]
OLDEST_PYTHON = (3, 11)
MUST_BE_IGNORED = (
    ".infra/passphrase",
    ".infra/state/x",
    ".venv/x",
    ".dev.vars",
    ".dev.vars.bak",
    ".xata/x",
    ".wrangler/x",
)
LONGEST_ANSWER = 15


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What is looked at.

    Attributes:
        folder: The project's folder.
        environ: The environment variables.
        home: The user's folder.
    """

    folder: Path
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    home: Path = field(default_factory=Path.home)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found about one thing."""

    check: str
    verdict: Verdict
    found: str
    next_step: str = ""


def examine(machine: Machine) -> list[Finding]:
    """Look at everything, in the order in which a command would need it."""
    return [look_at(name, machine) for name in CHECKS]


def look_at(name: str, machine: Machine) -> Finding:
    """Look at one thing; that it cannot be looked at is a finding, too."""
    try:
        return CHECKS[name](name, machine)
    except (InfraError, EngineError, CommandError) as error:
        return Finding(check=name, verdict="failure", found=error.message, next_step=error.next_step)
    except OSError as error:
        return Finding(check=name, verdict="failure", found=str(error), next_step="make it readable for this user")


def python(name: str, machine: Machine) -> Finding:
    """Python is new enough, and the project's own."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < OLDEST_PYTHON:
        return Finding(check=name, verdict="failure", found=version, next_step="install Python 3.11 or newer")
    own = Path(sys.prefix) == machine.folder / ".venv"
    found = f"{version} in {sys.prefix}"
    if own:
        return Finding(check=name, verdict="ok", found=found)
    return Finding(check=name, verdict="warning", found=f"{found}, not the project's .venv", next_step="call ./infra")


def packages(name: str, machine: Machine) -> Finding:
    """The virtual environment holds what requirements.txt pins: `./infra` leaves a copy of it as its stamp."""
    stamp = machine.folder / ".venv" / ".in-step"
    if not stamp.is_file():
        return Finding(check=name, verdict="warning", found="not made by ./infra", next_step="./infra setup")
    if (machine.folder / "requirements.txt").read_bytes() in stamp.read_bytes():
        return Finding(check=name, verdict="ok", found="in step with requirements.txt")
    return Finding(check=name, verdict="failure", found="behind requirements.txt", next_step="./infra setup")


def engine(name: str, machine: Machine) -> Finding:
    """Which engine `--engine auto` takes."""
    cli, too_old = choice.installed(machine.environ, machine.home)
    if cli is not None:
        return Finding(check=name, verdict="ok", found=str(cli))
    passed = f"; too old: {', '.join(map(str, too_old))}" if too_old else ""
    return Finding(
        check=name,
        verdict="warning" if too_old else "ok",
        found=f"embedded (no Pulumi CLI {choice.OLDEST_TEXT} or newer{passed})",
        next_step=f"{choice.HOW_TO_GET} gets the CLI, if you want it",
    )


def state(name: str, machine: Machine) -> Finding:
    """The state's place can be written, or made."""
    url = workspace.backend_url(machine.folder, machine.environ)
    folder = workspace.file_backend(url)
    if folder is None:
        found = f"{url.partition('://')[0]}:// backend; only the Pulumi CLI reaches it"
        return Finding(check=name, verdict="ok", found=found)
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        found = f"{there} cannot be written by this user"
        return Finding(check=name, verdict="failure", found=found, next_step=f"ls -ld {there}")
    return Finding(check=name, verdict="ok", found=f"{folder}{'' if folder.exists() else ' (not made yet)'}")


def passphrase(name: str, machine: Machine) -> Finding:
    """The passphrase is known where there is state, and its file is private."""
    for variable in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        if variable in machine.environ:
            workspace.known_passphrase(machine.folder, machine.environ)
            return Finding(check=name, verdict="ok", found=f"from {variable}")
    file = workspace.passphrase_file(machine.folder)
    if file.is_file():
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            found = f"{file} can be read by others"
            return Finding(check=name, verdict="warning", found=found, next_step=f"chmod 600 {file}")
        return Finding(check=name, verdict="ok", found=f"{file}")
    folder = workspace.file_backend(workspace.backend_url(machine.folder, machine.environ))
    if folder is None or not workspace.has_stacks(folder):
        return Finding(check=name, verdict="ok", found="made with the first stack")
    found = f"there is state in {folder}, and no passphrase for it"
    return Finding(check=name, verdict="failure", found=found, next_step=f"put it back into {file}")


def ignored(name: str, machine: Machine) -> Finding:
    """Git ignores what must never be committed."""
    inside = _asked(["git", "rev-parse", "--is-inside-work-tree"], machine.folder)
    if inside is None or inside.returncode:
        return Finding(
            check=name, verdict="warning", found="not a git work tree, or no git", next_step="clone with git"
        )
    answer = _asked(["git", "check-ignore", "--no-index", *MUST_BE_IGNORED], machine.folder)
    covered = set(answer.stdout.splitlines()) if answer else set()
    missing = [path for path in MUST_BE_IGNORED if path not in covered]
    if missing:
        found = f"git does not ignore {', '.join(missing)}"
        return Finding(check=name, verdict="failure", found=found, next_step="git checkout -- .gitignore")
    return Finding(check=name, verdict="ok", found="secrets and state are ignored")


def docker(name: str, machine: Machine) -> Finding:
    """Whether Docker can be used: a need where the dev database lives there, a possibility elsewhere."""
    from components.postgres.choice import read_record  # noqa: PLC0415 - only this check needs it
    from components.postgres.docker_availability import availability  # noqa: PLC0415 - as above
    from stacks.home import record_file  # noqa: PLC0415 - as above

    cli, _too_old = choice.installed(machine.environ, machine.home)
    environ = {**machine.environ, "INFRA_ENGINE": "pulumi" if cli else "embedded"}
    docker = availability(environ, may_download=True)
    if docker.available:
        return Finding(check=name, verdict="ok", found=docker.reason)
    record = read_record(record_file(machine.folder, machine.environ))
    if record is not None and record.home == "docker":
        found = f"the dev database lives in a Docker container, but {docker.reason}"
        return Finding(check=name, verdict="failure", found=found, next_step=docker.next_step)
    found = f"not used, because {docker.reason}; the dev database lives in an embedded server"
    return Finding(check=name, verdict="ok", found=found, next_step=f"if you want Docker: {docker.next_step}")


def postgres(name: str, machine: Machine) -> Finding:
    """The embedded server's programs are installed, and there is an account that may run them."""
    from components.postgres.server.account import choose_account  # noqa: PLC0415 - only this check needs it
    from components.postgres.server.binaries import installed  # noqa: PLC0415 - as above

    version = installed().server_version
    account = choose_account(_configured_account(machine))
    return Finding(check=name, verdict="ok", found=f"Postgres {version}, run by the account {account.name}")


def stack_files(name: str, machine: Machine) -> Finding:
    """Every stack's file is there, readable and right."""
    from operations.settings import judged  # noqa: PLC0415 - loads pydantic

    for stack in stack_names.STACKS:
        place = workspace.Workspace(folder=machine.folder, stack=stack, backend_url="", passphrase=None)
        if not place.stack_file.is_file():
            step = f"git checkout -- {place.stack_file.name}"
            return Finding(check=name, verdict="failure", found=f"{place.stack_file.name} is missing", next_step=step)
        judged(place, with_files=False)
    return Finding(check=name, verdict="ok", found=", ".join(f"Pulumi.{stack}.yaml" for stack in stack_names.STACKS))


def _configured_account(machine: Machine) -> str:
    """The account that the dev stack names; none when its file cannot be judged, which another check tells."""
    from operations.settings import judged  # noqa: PLC0415 - loads pydantic

    place = workspace.Workspace(folder=machine.folder, stack="dev", backend_url="", passphrase=None)
    try:
        return str(getattr(judged(place, with_files=False), "account", ""))
    except (InfraError, EngineError):
        return ""


def _asked(command: list[str], folder: Path) -> subprocess.CompletedProcess[str] | None:
    """Ask another program; None when it is not there or does not answer."""
    try:
        return subprocess.run(  # noqa: S603 - git, with arguments of ours
            command, cwd=folder, capture_output=True, text=True, timeout=LONGEST_ANSWER, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None


CHECKS: Mapping[str, Callable[[str, Machine], Finding]] = {
    "python": python,
    "packages": packages,
    "engine": engine,
    "state": state,
    "passphrase": passphrase,
    "git ignores": ignored,
    "stack files": stack_files,
    "docker": docker,
    "embedded postgres": postgres,
}
