"""The app's wrangler file and what a stack's configuration expects of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from components.errors import ConfigurationError
from components.local.files import read_private
from components.worker.draft import app_tag
from components.worker.names import validate_target
from components.worker.wrangler import file as files
from components.worker.wrangler.config import read_document
from components.worker.wrangler.file import locate, worker_name
from components.worker.wrangler.findings import Expectation, LocalExpectation
from components.worker.wrangler.jsonc import MalformedError, parse
from operations import console, stack_names, wrangler_edit
from operations.errors import MachineError, ResourceFailedError, UsageError
from operations.settings import read_settings
from operations.workspace import NOT_FOR_CHILDREN, PROJECT, describe_workspace, private_folder
from stacks import names, outside, worker_plan
from stacks.config import file_of
from stacks.settings import DATABASE_URL, AppSettings, CloudSettings, WorkerSettings
from stacks.stack_names import PREVIEW
from stacks.worker_plan import ACCOUNT_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from components.worker.wrangler.findings import Finding
    from operations.changes import Target


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A wrangler file, there or not, and what it must say."""

    path: Path
    expectation: Expectation


def asked(
    stack: str, overrides: Mapping[str, str], *, folder: Path = PROJECT, environ: Mapping[str, str] = os.environ
) -> Asked:
    """What a stack's configuration says of the app's wrangler file.

    Raises:
        UsageError: The stack has no app.
        ConfigurationError: The configuration is wrong, or the file is not JSON with comments.
    """
    settings = read_settings(describe_workspace(folder, stack, overrides=overrides, environ=environ), with_files=False)
    if not isinstance(settings, AppSettings):
        raise UsageError(f"the stack {stack} has no app, and so no wrangler.jsonc", next_step="name another stack")
    outside.refuse(file_of(stack), settings, folder)
    path = files.locate((folder / settings.app_path).resolve())
    _require_readable(path)
    return Asked(path=path, expectation=expected(stack, settings, exists=path.is_file(), environ=environ))


def expected(
    stack: str, settings: AppSettings, *, exists: bool, environ: Mapping[str, str] = os.environ
) -> Expectation:
    """What a stack with these settings expects of the wrangler file, which is there already or is not."""
    worker = settings if isinstance(settings, WorkerSettings) else None
    known = worker.worker_name if worker else ""
    # The block of previews is that of all: `./infra wrangler deploy` adds the name and the branch of one.
    temporary = stack_names.is_pull_request(stack)
    block = PREVIEW if temporary else stack
    return (Expectation if worker else LocalExpectation)(
        stack=block,
        environment=settings.environment,
        branch="" if temporary else settings.branch,
        secrets=(DATABASE_URL, *(worker.worker_secrets if worker else ())),
        expected_name="" if exists and (temporary or not known) else known or names.worker(settings, block),
        account_id=_account(worker, environ),
    )


def findings(file: Asked) -> list[Finding]:
    """Where the file differs."""
    return files.check(file.path, file.expectation)


def planned(file: Asked) -> list[str]:
    """What `write` would change, in words.

    Raises:
        components.errors.RefusedError: It is not certain what to change.
    """
    found, _, changes = wrangler_edit.planned(file.path, file.expectation)
    begun = [] if found.exists else [f"begin {file.path}"]
    return [*begun, *map(str, changes)]


def write(file: Asked) -> list[str]:
    """Edit the file; what was changed, in words.

    Raises:
        components.errors.InfraError: It cannot be edited, or not without changing something else.
    """
    change = wrangler_edit.write(file.path, file.expectation)
    return [f"{file.path}: {step}" for step in change.steps]


def _account(settings: WorkerSettings | None, environ: Mapping[str, str]) -> str:
    """The account's id where one is known; what is none is told by the commands that need it."""
    found = (settings.cloudflare_account if settings else "") or environ.get(ACCOUNT_VARIABLE, "").strip()
    return "" if validate_target(account=found) else found


def _require_readable(path: Path) -> None:
    """Refuse a file that wrangler could not read; one that is not there is told by its check."""
    if not path.is_file():
        return
    try:
        read_document(path, read_private(path).text)
    except MalformedError as error:
        raise ConfigurationError(
            f"{path}:{error.line}:{error.column}: {error.reason}", next_step=error.next_step
        ) from None


REDIRECT = (".wrangler", "deploy", "config.json")
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


def plan_deployment(target: Target) -> Deployment:
    """Decide what to run; nothing is run, and nobody is asked.

    Raises:
        UsageError: The stack has no Worker, or no app.
        components.errors.ConfigurationError: No account or no token is known, or the Worker's name cannot be told.
    """
    environ = target.environ()
    described = describe_workspace(target.folder, target.stack, overrides=target.config, environ=environ)
    settings = read_settings(described, with_files=True)
    if not isinstance(settings, CloudSettings):
        raise UsageError(
            f"the stack {target.stack} has no Worker to deploy to",
            next_step="name an environment, such as staging, or pr-<number>; for dev: npx wrangler dev --env dev",
        )
    file = locate((target.folder / settings.app_path).resolve())
    if not file.is_file():
        raise UsageError(f"there is no {file}", next_step="set infra:appPath to the app's folder")
    account = worker_plan.account(replace(settings, worker="on"), environ)
    worker_plan.require_token(settings, environ)
    script = worker_plan.script(settings, file)
    chosen = _chosen(target.stack, script)
    return Deployment(
        script=script,
        file=file,
        # With --config wrangler deploys the source, whatever was built of it.
        arguments=("deploy", *(() if _built(target.stack, file, script) else ("--config", file.name)), *chosen),
        environ={**_passed(environ), "CLOUDFLARE_ACCOUNT_ID": account},
        private=described.private,
    )


def _built(stack: str, file: Path, script: str) -> Built | None:
    """What the app's build tool made for this environment; None for an app that wrangler builds itself."""
    block = PREVIEW if stack_names.is_pull_request(stack) else stack
    built = find_build(file, block)
    if built:
        own = block == PREVIEW
        require_build_for(built, file, block, worker_name(file, block) if own else script, renamed=own)
    return built


def _chosen(stack: str, script: str) -> tuple[str, ...]:
    """The environment; of a pull request all share one block, and the rest is said here."""
    if not stack_names.is_pull_request(stack):
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
            next_step="correct what it says above; if it asks for the secret DATABASE_URL: ./infra up STACK first",
        )


@contextlib.contextmanager
def _wrangler(deployment: Deployment) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """The app's own wrangler, else the one that the sandbox runs on; and the environment in which it finds its node."""
    own, path = _own(deployment.file.parent), deployment.environ.get("PATH", os.defpath)
    if own and shutil.which("node", path=path):
        yield own, deployment.environ
        return
    from operations.sandbox.process import find_tools, write_commands

    tools = find_tools(console.say)
    if not tools.wrangler:
        raise MachineError(
            f"there is no wrangler: the app has none installed, and {tools.without_workers}",
            next_step=f"cd {deployment.file.parent} && npm ci",
        )
    with tempfile.TemporaryDirectory(dir=private_folder(deployment.private)) as folder:
        commands = Path(folder) / "bin"
        write_commands(commands, tools)
        environ = {**deployment.environ, "PATH": os.pathsep.join([str(commands), path])}
        yield own or commands / "wrangler", environ


def _own(app: Path) -> Path | None:
    """The wrangler that the app has installed, in its folder or, hoisted, above it in its repository."""
    top = outside.repository(app)
    places = (place for place in (app, *app.parents) if place.is_relative_to(top))
    commands = (place / "node_modules" / ".bin" / "wrangler" for place in places)
    return next((command for command in commands if command.is_file()), None)


@dataclass(frozen=True, kw_only=True)
class Built:
    """A build.

    Attributes:
        file: The wrangler file that the build tool wrote.
        environment: The environment that it was built for; empty for none.
        name: The Worker that it deploys to.
    """

    file: Path
    environment: str
    name: str


def find_build(wrangler: Path, environment: str) -> Built | None:
    """The build that wrangler deploys instead of the app's source; None where there is none.

    Args:
        wrangler: The app's wrangler file.
        environment: The block of the environment that is to be deployed, for the next step.

    Raises:
        ConfigurationError: The redirect leads nowhere, or what it leads to cannot be read.
    """
    redirect = wrangler.parent.joinpath(*REDIRECT)
    if not redirect.is_file():
        return None
    place = _read_build(redirect, wrangler, environment).get("configPath")
    if not place or not isinstance(place, str):
        raise _not_for(f"{redirect} names no configPath", wrangler, environment)
    file = (redirect.parent / place).resolve()
    found = _read_build(file, wrangler, environment)
    return Built(file=file, environment=str(found.get("targetEnvironment") or ""), name=str(found.get("name") or ""))


def require_build_for(built: Built, wrangler: Path, environment: str, name: str, *, renamed: bool) -> None:
    """Refuse a build that was made for another environment or Worker than this one.

    Args:
        built: The build.
        wrangler: The app's wrangler file.
        environment: The block of the environment.
        name: The Worker that the block deploys to.
        renamed: Whether wrangler is told another name, so that the build's own counts only where it is all there is.

    Raises:
        ConfigurationError: Which one it was made for, and the command that builds for this one.
    """
    if built.environment not in {environment, ""}:
        raise _not_for(
            f"the build in {built.file.parent} is of the environment {built.environment}", wrangler, environment
        )
    if built.name != name and not (renamed and built.environment):
        called = f"the Worker {built.name}" if built.name else "no Worker"
        raise _not_for(f"the build in {built.file.parent} is for {called}, not for {name}", wrangler, environment)


def _read_build(file: Path, wrangler: Path, environment: str) -> dict[str, Any]:
    if not file.is_file():
        raise _not_for(f"there is no {file}", wrangler, environment)
    try:
        found = parse(read_private(file).text).root.data
    except MalformedError as error:
        raise _not_for(f"{file}:{error.line}:{error.column}: {error.reason}", wrangler, environment) from None
    if not isinstance(found, dict):
        raise _not_for(f"{file} holds no object", wrangler, environment)
    return found


def _not_for(what: str, wrangler: Path, environment: str) -> ConfigurationError:
    return ConfigurationError(
        f"{what}, and it is what wrangler deploys for {environment}",
        next_step=f"build the app for it, such as: cd {wrangler.parent} && CLOUDFLARE_ENV={environment} npm run build; "
        f"or remove {wrangler.parent.joinpath(*REDIRECT)} to deploy the source",
    )
