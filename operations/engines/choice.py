"""Which engine works on a stack: a Pulumi CLI that is new enough, else the embedded one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from operations import stack_names
from operations.errors import MachineError, ResourceFailedError
from operations.workspace import backend_url, file_backend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from operations.engines.interface import Engine, EngineOptions
    from operations.workspace import Workspace

OLDEST = (3, 238, 0)
OLDEST_TEXT = "3.238"
HOW_TO_GET = "./infra setup --pulumi"


@dataclass(frozen=True, kw_only=True)
class Cli:
    """A Pulumi CLI and its version."""

    path: Path
    version: tuple[int, int, int]

    @property
    def new_enough(self) -> bool:
        """Whether this program's project file and hooks work with it."""
        return self.version >= OLDEST

    def __str__(self) -> str:
        return f"Pulumi {'.'.join(str(part) for part in self.version)} ({self.path})"


def candidates(environ: Mapping[str, str], home: Path) -> Iterator[Path]:
    """Where a CLI may be: on the PATH, then in the user's Pulumi folder, newest version first."""
    on_path = shutil.which("pulumi", path=environ.get("PATH", os.defpath))
    if on_path:
        yield Path(on_path)
    folder = pulumi_home(environ, home)
    yield folder / "bin" / "pulumi"
    versions = sorted(folder.glob("versions/*/bin/pulumi"), key=lambda path: _version(path.parts[-3]), reverse=True)
    yield from versions


def pulumi_home(environ: Mapping[str, str], home: Path) -> Path:
    """The user's Pulumi folder."""
    return Path(environ.get("PULUMI_HOME") or home / ".pulumi")


def installed(environ: Mapping[str, str] = os.environ, home: Path | None = None) -> tuple[Cli | None, list[Cli]]:
    """Find the CLI to use, and those passed over because they are too old."""
    too_old: list[Cli] = []
    for path in dict.fromkeys(candidates(environ, home or Path.home())):
        cli = ask(path, environ)
        if cli is not None and cli.new_enough:
            return cli, too_old
        if cli is not None:
            too_old.append(cli)
    return None, too_old


def ask(path: Path, environ: Mapping[str, str]) -> Cli | None:
    """Ask a program for its version; None when it is none, or does not answer like a Pulumi CLI."""
    if not os.access(path, os.X_OK):
        return None
    try:
        answer = subprocess.run(  # noqa: S603 - a program named pulumi that the user has installed
            [str(path), "version"],
            env={**environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    version = _version(answer.stdout)
    return Cli(path=path, version=version) if any(version) else None


def _version(text: str) -> tuple[int, int, int]:
    match = re.search(r"(\d+)\.(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else (0, 0, 0)


def choose(wanted: str, workspace: Workspace, options: EngineOptions, *, say: Callable[[str], None]) -> Engine:
    """Pick the engine.

    Args:
        wanted: "auto", "pulumi" or "embedded".
        workspace: The stack to work on.
        options: How the engine works.
        say: Tells a person what was found.

    Raises:
        MachineError: The CLI was asked for by name and there is none that is new enough.
    """
    from operations.engines.embedded import EmbeddedEngine
    from operations.engines.pulumi_cli import PulumiEngine

    if wanted == "embedded":
        return EmbeddedEngine(workspace=workspace, options=options)
    cli, too_old = installed()
    found = f"; too old (older than {OLDEST_TEXT}): {', '.join(map(str, too_old))}" if too_old else ""
    if cli is not None:
        if too_old:
            say(f"using {cli}{found}")
        return PulumiEngine(command=cli.path, workspace=workspace, options=options)
    if wanted == "pulumi":
        raise MachineError(
            f"--engine pulumi: no Pulumi CLI {OLDEST_TEXT} or newer on the PATH or in ~/.pulumi{found}",
            next_step=HOW_TO_GET,
        )
    say(f"no Pulumi CLI {OLDEST_TEXT} or newer{found}: using the embedded engine ({HOW_TO_GET} gets the CLI)")
    return EmbeddedEngine(workspace=workspace, options=options)


def known_stacks(folder: Path, environ: Mapping[str, str]) -> list[str]:
    """The names of our stacks that have a state, those of the environments first, then the previews by number.

    Raises:
        MachineError: The state is in no folder, and there is no Pulumi CLI.
        ResourceFailedError: The CLI could not tell.
        pulumi_embedded.errors.ProjectError: Pulumi.yaml cannot be read.
    """
    from pulumi_embedded.project import load_project

    url = backend_url(folder, environ)
    state = file_backend(url)
    if state is None:
        names = _told_by_the_cli(folder, {**environ, "PULUMI_BACKEND_URL": url})
    else:
        stacks = state / ".pulumi" / "stacks" / load_project(folder).name
        names = {file.name.removesuffix(".json") for file in stacks.glob("*.json")}
    ours = (name for name in names if stack_names.is_name(name) or stack_names.is_pull_request(name))
    return sorted(ours, key=stack_names.order)


def _told_by_the_cli(folder: Path, environ: Mapping[str, str]) -> set[str]:

    cli, _ = installed()
    if cli is None:
        raise MachineError(
            f"which stacks there are in {environ['PULUMI_BACKEND_URL']}, only the Pulumi CLI can tell",
            next_step=f"{HOW_TO_GET}, or name the stacks",
        )
    done = subprocess.run(  # noqa: S603 - the CLI that was found, and arguments of ours
        [str(cli.path), "stack", "ls", "--json", "--non-interactive"],
        cwd=folder,
        env={**environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ResourceFailedError(f"the Pulumi CLI could not list the stacks: {last}")
    return {str(one["name"]).rpartition("/")[2] for one in json.loads(done.stdout)}
