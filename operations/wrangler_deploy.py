"""The app, deployed by wrangler to a stack's Worker: its own wrangler, with the arguments that this stack asks for."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from components.worker.secrets.claim import app_tag
from components.worker.wrangler.file import locate
from operations import console, stack_names
from operations.errors import MachineError, ResourceFailedError, UsageError
from operations.settings import judged
from operations.workspace import NOT_FOR_CHILDREN, describe_workspace, private_folder
from stacks import worker_plan
from stacks.models import PREVIEW, CloudSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from operations.changes import Target

NOT_FOR_WRANGLER: Final = ("XATA_", "PULUMI_", "GITHUB_TOKEN", "CLOUDFLARE_ENV")
"""Beginnings of variables that the app's build has no business with, or that would choose another environment."""
QUIET: Final = {"WRANGLER_SEND_METRICS": "false", "WRANGLER_SEND_ERROR_REPORTS": "false"}


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What is run.

    Attributes:
        script: The Worker.
        file: The app's wrangler file.
        arguments: Of wrangler; nothing secret is among them.
        environ: The variables that wrangler is given, the token among them.
        private: The git-ignored folder for what is made on this machine.
    """

    script: str
    file: Path
    arguments: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)
    private: Path


def planned(target: Target) -> Deployment:
    """Decide what to run; nothing is run or asked.

    Raises:
        UsageError: The stack has no Worker, or no app.
        components.errors.ConfigurationError: No account or no token is known, or the Worker's name cannot be told.
    """
    environ = target.environ()
    described = describe_workspace(target.folder, target.stack, overrides=target.config, environ=environ)
    settings = judged(described, with_files=True)
    if not isinstance(settings, CloudSettings):
        raise UsageError(
            f"the stack {target.stack} has no Worker to deploy to",
            next_step="name staging, production or pr-<number>; for dev: npx wrangler dev --env dev",
        )
    file = locate((target.folder / settings.app_path).resolve())
    if not file.is_file():
        raise UsageError(f"there is no {file}", next_step="set infra:appPath to the app's folder")
    account = worker_plan.account(settings.model_copy(update={"worker": "on"}), environ)
    worker_plan.require_token(environ)
    script = worker_plan.script(settings, file)
    return Deployment(
        script=script,
        file=file,
        arguments=("deploy", "--config", file.name, *_chosen(target.stack, script)),
        environ={**_passed(environ), "CLOUDFLARE_ACCOUNT_ID": account},
        private=described.private,
    )


def _chosen(stack: str, script: str) -> tuple[str, ...]:
    """The environment; of a pull request all share one block, and the rest is said here."""
    if not stack_names.is_preview(stack):
        return ("--env", stack)
    return ("--env", PREVIEW, "--name", script, "--var", f"XATA_BRANCH:{stack}", "--tag", app_tag(stack))


def _passed(environ: Mapping[str, str]) -> dict[str, str]:
    dropped = (*NOT_FOR_WRANGLER, *NOT_FOR_CHILDREN)
    return {**{name: value for name, value in environ.items() if not name.startswith(dropped)}, **QUIET}


def deploy(deployment: Deployment) -> None:
    """Run it; what wrangler says goes to standard error, as all that is said to a person.

    Raises:
        MachineError: There is no wrangler.
        ResourceFailedError: It failed.
    """
    with _wrangler(deployment) as (command, environ):
        done = subprocess.run(  # noqa: S603 - the app's wrangler, and arguments of ours
            [command, *deployment.arguments],
            cwd=deployment.file.parent,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=2,
            check=False,
        )
    if done.returncode:
        raise ResourceFailedError(
            f"wrangler could not deploy the Worker {deployment.script}: it ended with {done.returncode}",
            next_step="correct what it says above; when it asks for the secret DATABASE_URL, run ./infra up first",
        )


@contextlib.contextmanager
def _wrangler(deployment: Deployment) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """The app's own wrangler, else the one that the sandbox runs on; and the environment in which it finds its node."""
    own, path = (
        deployment.file.parent / "node_modules" / ".bin" / "wrangler",
        deployment.environ.get("PATH", os.defpath),
    )
    if own.is_file() and shutil.which("node", path=path):
        yield own, deployment.environ
        return
    from operations.sandbox.tools import find, write_commands  # noqa: PLC0415 - asks a process, which the app's spares

    tools = find(console.say)
    if not tools.wrangler:
        raise MachineError(
            f"there is no wrangler: the app has none installed, and {tools.without_workers}",
            next_step=f"cd {deployment.file.parent} && npm ci",
        )
    with tempfile.TemporaryDirectory(dir=private_folder(deployment.private)) as folder:
        commands = Path(folder) / "bin"
        write_commands(commands, tools)
        environ = {**deployment.environ, "PATH": os.pathsep.join([str(commands), path])}
        yield own if own.is_file() else commands / "wrangler", environ
