"""./infra doctor: whether this machine and Xata have what the commands need. Looks, and changes nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components import plugins as pulumi_plugins
from components.errors import ConfigurationError, InfraError
from operations import cli, console, stack_names, workspace
from operations.changes import Target
from operations.cloud_checks import Finding
from operations.commands import verify
from operations.display.table import Row, table
from operations.engines import choice
from operations.errors import CommandError, ExitCode
from operations.next_steps import filled
from operations.previews import files
from operations.sandbox.place import Place
from operations.settings import on_xata, read_settings
from operations.workspace import KINDS, PROJECT, scheme
from pulumi_embedded.errors import EngineError
from stacks import side_by_side
from stacks.settings import CloudSettings
from stacks.stack_names import DEV, FOUNDATION

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

    from operations.cloud_checks import Verdict, Wanted
    from stacks.settings import Settings

COLOURS = {"ok": "green", "warning": "yellow", "failure": "red"}


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "doctor",
        text=(
            "Look at everything the commands need, one line each, with the next step where something is missing: this\n"
            "machine, then what Xata offers and lets the key do. With STACK, what that stack needs is looked at.\n"
            "Changes nothing. A warning does not keep the main job from working; a failure does."
        ),
        examples=("./infra doctor", "./infra doctor staging", "./infra doctor staging --sandbox --json"),
        run=run,
    )
    parser.add_argument(
        "stack", metavar="STACK", nargs="?", type=stack_names.checked, help=f"the environment: {stack_names.ALLOWED}"
    )
    cli.add_sandbox(parser)
    cli.add_json(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    stack = arguments.stack or ""
    machine = Machine(folder=PROJECT, environ=Target(stack=stack, folder=PROJECT).environ(), sandbox=arguments.sandbox)
    findings = [
        replace(one, found=filled(one.found), next_step=filled(one.next_step)) for one in examine(machine, stack)
    ]
    healthy = all(finding.verdict != "failure" for finding in findings)
    if arguments.json:
        console.answer(as_answer(findings))
    else:
        print("\n".join(table(rows(findings), sys.stdout)))
    return ExitCode.SUCCESS if healthy else ExitCode.MACHINE_NOT_READY


def as_answer(findings: Sequence[Finding]) -> dict[str, Any]:
    """The answer for a program."""
    checks = [
        {"check": one.check, "verdict": one.verdict, "found": one.found, "next": one.next_step} for one in findings
    ]
    return {"ok": all(finding.verdict != "failure" for finding in findings), "checks": checks}


def rows(findings: Sequence[Finding]) -> list[Row]:
    """The findings for a person."""
    return [
        Row(
            cells=(one.verdict, one.check),
            text=one.found,
            below=(f"next: {one.next_step}",) if one.next_step else (),
            colour=COLOURS[one.verdict],
        )
        for one in findings
    ]


OLDEST_PYTHON = (3, 11)
MUST_BE_IGNORED = (
    ".infra/passphrase",
    ".infra/state/x",
    ".infra/sandbox/sandbox.json",
    ".venv/x",
    ".dev.vars",
    ".dev.vars.bak",
    ".xata/x",
    ".wrangler/x",
    "Pulumi.pr-1.yaml",
)
LONGEST_ANSWER = 15
BUNDLED_PLUGINS = ("pulumi-language-python", "pulumi-resource-pulumi-python")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What is looked at.

    Attributes:
        folder: The project's folder.
        environ: The environment variables.
        home: The user's folder.
        sandbox: Whether the sandbox is to stand in for real services.
    """

    folder: Path
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    home: Path = field(default_factory=Path.home)
    sandbox: bool = False


def examine(machine: Machine, stack: str = "") -> list[Finding]:
    """Look at everything, in the order in which a command would need it.

    Args:
        machine: What is looked at.
        stack: The stack that the user asks about; empty for the machine, and for what any Xata stack needs.
    """
    here = _in_the_sandbox(machine) if machine.sandbox else machine
    findings = [check(name, here) for name in CHECKS]
    asked = [] if machine.sandbox and here is machine else [*xata(here, stack), *cloudflare(here, stack)]
    return [*findings, *asked]


def cloudflare(machine: Machine, stack: str) -> list[Finding]:
    """What a stack needs of Cloudflare; nothing for a stack without a Worker."""
    from operations import cloud_checks

    name = stack or _usual(machine)
    try:
        settings = read_settings(_place(machine, name), with_files=False)
    except (InfraError, EngineError):  # another check tells of stack files
        return []
    if not isinstance(settings, CloudSettings):
        return []
    return cloud_checks.examine_cloudflare(_of_programs(machine), settings, stack=name, folder=machine.folder)


def _of_programs(machine: Machine) -> dict[str, str]:
    """The environment of a program on the engine that is there."""
    cli, _too_old = choice.installed(machine.environ, machine.home)
    return {**machine.environ, pulumi_plugins.ENGINE: "pulumi" if cli else "embedded"}


def xata(machine: Machine, stack: str) -> list[Finding]:
    """What a stack needs of Xata; nothing for a stack whose database is on this machine."""
    from operations import cloud_checks

    try:
        wanted = _wanted(machine, stack or _usual(machine))
        return cloud_checks.examine_xata(machine.environ, wanted, named=bool(stack)) if wanted else []
    except (InfraError, EngineError) as error:  # another check tells of stack files
        found = f"not looked at: {error.message}"
        return [Finding(check=cloud_checks.KEY, verdict="warning", found=found, next_step=error.next_step)]


def _wanted(machine: Machine, stack: str) -> Wanted | None:
    from operations.cloud_checks import Wanted
    from stacks import cloud
    from stacks.settings import DEFAULT_IMAGE, DEFAULT_INSTANCE_TYPE, XataSettings

    settings = read_settings(_place(machine, stack), with_files=False)
    if not isinstance(settings, XataSettings) or not on_xata(settings):
        return None
    founds = stack == "foundation"
    try:
        organization = cloud.organization(settings, machine.environ)
    except ConfigurationError:
        organization = ""  # the key may see only one
    return Wanted(
        stack=stack,
        branch=settings.branch,
        organization=organization,
        project=cloud.project(settings, machine.environ),
        parent="" if founds else settings.parent,
        region=settings.region,
        image=settings.postgres_image or (DEFAULT_IMAGE if founds else ""),
        instance_type=settings.instance_type or (DEFAULT_INSTANCE_TYPE if founds else ""),
    )


def _usual(machine: Machine) -> str:
    """Whose wishes are looked at when no stack is named: the first environment's, so not production's."""
    return next(iter(stack_names.environments(machine.folder)), FOUNDATION)


def _place(machine: Machine, stack: str) -> workspace.Workspace:
    """A stack, to be inside and not opened."""
    if stack_names.is_pull_request(stack):
        with contextlib.suppress(CommandError):  # the check of the stack files tells it
            files.ensure(machine.folder, stack)
    return workspace.Workspace(folder=machine.folder, stack=stack, backend_url="", passphrase=None)


def _in_the_sandbox(machine: Machine) -> Machine:
    """The machine as a run with --sandbox sees it; the same one when the sandbox does not run."""
    from operations.sandbox.lifecycle import require_running
    from operations.sandbox.place import sandboxed

    place = Place(folder=machine.folder)
    try:
        record = require_running(place)
    except CommandError:  # the check of the sandbox tells
        return machine
    return replace(machine, environ=sandboxed(machine.environ, place, record))


def check(name: str, machine: Machine) -> Finding:
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


def engine_check(name: str, machine: Machine) -> Finding:
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


def state_check(name: str, machine: Machine) -> Finding:
    """The state's place can be written, or made."""
    url = workspace.backend_url(machine.folder, machine.environ)
    folder = workspace.file_backend(url)
    if folder is None:
        found = f"{scheme(url)}:// backend, {KINDS[scheme(url)]}; only the Pulumi CLI reaches it"
        if choice.installed(machine.environ, machine.home)[0] is None:
            return Finding(
                check=name, verdict="failure", found=f"{found}, and there is none", next_step=choice.HOW_TO_GET
            )
        return Finding(check=name, verdict="ok", found=found)
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        found = f"{there} cannot be written by this user"
        return Finding(check=name, verdict="failure", found=found, next_step=f"ls -ld {there}")
    found = f"{folder}{'' if folder.exists() else ' (not made yet)'}"
    encoded = f", as a URL {url}" if str(folder) not in url else ""
    return Finding(check=name, verdict="ok", found=found + encoded)


def passphrase_check(name: str, machine: Machine) -> Finding:
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
    if folder is None:
        found = "not known here, and none is made for a state elsewhere"
        step = "name its file in PULUMI_CONFIG_PASSPHRASE_FILE, unless the stack has another secrets provider"
        return Finding(check=name, verdict="warning", found=found, next_step=step)
    if not workspace.has_stacks(folder):
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
    # git does not judge what lies beyond a link: what a linked folder holds is nothing of this work tree.
    paths = [path for path in MUST_BE_IGNORED if not (machine.folder / path).parent.is_symlink()]
    answer = _asked(["git", "check-ignore", "--no-index", *paths], machine.folder)
    covered = set(answer.stdout.splitlines()) if answer else set()
    missing = [path for path in paths if path not in covered]
    if missing:
        found = f"git does not ignore {', '.join(missing)}"
        return Finding(check=name, verdict="failure", found=found, next_step="git checkout -- .gitignore")
    return Finding(check=name, verdict="ok", found="secrets and state are ignored")


def plugins_check(name: str, machine: Machine) -> Finding:
    """What the Pulumi CLI runs programs and resources with; the embedded engine needs none."""
    cli, _too_old = choice.installed(machine.environ, machine.home)
    if cli is None:
        return Finding(check=name, verdict="ok", found="none are needed: the embedded engine runs this program's own")
    path = os.pathsep.join([str(cli.path.parent), machine.environ.get("PATH", os.defpath)])
    missing = [plugin for plugin in BUNDLED_PLUGINS if shutil.which(plugin, path=path) is None]
    if missing:
        found = f"{', '.join(missing)} missing, which comes with the CLI"
        return Finding(check=name, verdict="failure", found=found, next_step=f"install it whole: {choice.HOW_TO_GET}")
    reason = pulumi_plugins.problem("docker", machine.environ, may_download=False)
    found = "Python's are there" + (f"; {reason}" if reason else ", and Docker's")
    step = "the CLI downloads it when the dev database lives in Docker" if reason else ""
    return Finding(check=name, verdict="ok", found=found, next_step=step)


def sandbox_check(name: str, machine: Machine) -> Finding:
    """Whether the sandbox runs: a need with --sandbox, a possibility without."""
    from operations.sandbox.lifecycle import read_status

    status = read_status(Place(folder=machine.folder))
    found = f"{status.state}: {status.found}"
    if status.state == "running":
        return Finding(check=name, verdict="ok", found=found)
    if machine.sandbox:
        return Finding(check=name, verdict="failure", found=found, next_step=status.next_step)
    verdict: Verdict = "warning" if status.state == "damaged" else "ok"
    step = status.next_step if status.state == "damaged" else ""
    return Finding(check=name, verdict=verdict, found=found, next_step=step)


def docker_check(name: str, machine: Machine) -> Finding:
    """Whether Docker can be used: a need where the dev database lives there, a possibility elsewhere."""
    from components.postgres.docker_daemon import availability
    from stacks.home import require

    environment = _of_programs(machine)
    docker = availability(environment, may_download=True)
    if docker.available:
        return Finding(check=name, verdict="ok", found=docker.reason)
    settings = _settings_of_dev(machine)
    if settings:
        require(settings, machine.folder, environment)  # says what `up` would say
    found = f"not used, because {docker.reason}; the dev database lives in an embedded server"
    return Finding(check=name, verdict="ok", found=found, next_step=f"if you want Docker: {docker.next_step}")


def postgres(name: str, _machine: Machine) -> Finding:
    """The embedded server's programs are installed, and there is an account that may run them."""
    from components.postgres.server.account import choose_account
    from components.postgres.server.binaries import installed

    version = installed().server_version
    account = choose_account()
    return Finding(check=name, verdict="ok", found=f"Postgres {version}, run by the account {account.name}")


def stack_files(name: str, machine: Machine) -> Finding:
    """Every stack's file is readable and right, bears the name of a stack, and shares nothing with another."""
    stacks = stack_names.files(machine.folder)
    for stack in dict.fromkeys([DEV, *stacks]):
        side_by_side.require_stack(stack, machine.folder)
        side_by_side.refuse_shared(read_settings(_place(machine, stack), with_files=False), machine.folder)
    files.content_of(files.text_in(machine.folder))
    there = [*(f"Pulumi.{stack}.yaml" for stack in sorted(stacks, key=stack_names.order)), files.TEMPLATE]
    return Finding(check=name, verdict="ok", found=", ".join(there))


def _settings_of_dev(machine: Machine) -> Settings | None:
    """The dev stack's configuration; None when its file cannot be inside, which another check tells."""
    try:
        return read_settings(_place(machine, "dev"), with_files=False)
    except (InfraError, EngineError):
        return None


def app(name: str, machine: Machine) -> Finding:
    """`wrangler dev` gives to the app on this machine what its files hold."""
    folder = verify.app_folder(_place(machine, "dev"))
    found, withheld = verify.app_variables(folder)
    if withheld:
        return Finding(check=name, verdict="failure", found=withheld.what, next_step=withheld.next_step)
    if lost := found.losses():
        return Finding(check=name, verdict="warning", found=lost[0].what, next_step=lost[0].next_step)
    files = " and ".join(str(file) for file in found.files) or f"no file yet; ./infra up dev makes one in {folder}"
    return Finding(check=name, verdict="ok", found=f"wrangler dev reads {files}")


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
    "engine": engine_check,
    "state": state_check,
    "passphrase": passphrase_check,
    "git ignores": ignored,
    "stack files": stack_files,
    "docker": docker_check,
    "embedded postgres": postgres,
    "plugins": plugins_check,
    "sandbox": sandbox_check,
    "app": app,
}
