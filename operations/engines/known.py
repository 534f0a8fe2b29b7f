"""The stacks that have a state, found without opening one."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from operations import stack_names
from operations.errors import MachineError, ResourceFailedError
from operations.workspace import backend_url, file_backend

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def known_stacks(folder: Path, environ: Mapping[str, str]) -> list[str]:
    """The names of our stacks that have a state, those of the environments first, then the previews by number.

    Raises:
        MachineError: The state is in no folder, and there is no Pulumi CLI.
        ResourceFailedError: The CLI could not tell.
        engine.errors.ProjectError: Pulumi.yaml cannot be read.
    """
    from pulumi_embedded.project import load_project  # noqa: PLC0415 - not before it is needed

    url = backend_url(folder, environ)
    state = file_backend(url)
    if state is None:
        names = _told_by_the_cli(folder, {**environ, "PULUMI_BACKEND_URL": url})
    else:
        stacks = state / ".pulumi" / "stacks" / load_project(folder).name
        names = {file.name.removesuffix(".json") for file in stacks.glob("*.json")}
    ours = [name for name in names if name in stack_names.STACKS or stack_names.is_preview(name)]
    return sorted(ours, key=_order)


def _order(name: str) -> tuple[int, int]:
    if name in stack_names.STACKS:
        return 0, stack_names.STACKS.index(name)
    return 1, int(name.removeprefix("pr-"))


def _told_by_the_cli(folder: Path, environ: Mapping[str, str]) -> set[str]:
    from operations.engines.choice import HOW_TO_GET, installed  # noqa: PLC0415 - as above

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
