"""What runs Workers: found, or fetched by the sandbox's own module, which this package starts as a process."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from operations.workspace import NOT_FOR_CHILDREN, PROJECT, private_folder

if TYPE_CHECKING:
    from collections.abc import Callable

COMMAND: tuple[str, ...] = ("-s", "-m", "cloud_sandbox.node")
"""What our interpreter is asked to run."""
NEXT = "next:"


@dataclass(frozen=True, kw_only=True)
class Tools:
    """Programs, as paths; all empty where Workers are not run, and `without_workers` says why."""

    node: str = ""
    wrangler: str = ""
    workerd: str = ""
    without_workers: str = ""


NOT_WANTED = Tools(without_workers="they were not wanted (--without-workers)")


def find(say: Callable[[str], None]) -> Tools:
    """The tools, fetched when they are missing; what takes long is said. None where no registry can be reached."""
    child = subprocess.Popen(  # noqa: S603 - our own interpreter and our own module
        [sys.executable, *COMMAND],
        cwd=PROJECT,
        env={name: value for name, value in os.environ.items() if name not in NOT_FOR_CHILDREN},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None  # noqa: S101 - opened as a pipe
    lines = []
    for line in child.stderr:
        say(line.rstrip())
        lines.append(line.strip())
    answer, _ = child.communicate()
    try:
        found = json.loads(answer)
        return Tools(node=found["node"], wrangler=found["wrangler"], workerd=found["workerd"])
    except (ValueError, LookupError, TypeError):
        reasons = [line for line in lines if line and not line.startswith(NEXT)]
        return Tools(without_workers=reasons[-1] if reasons else "wrangler and workerd were not found")


def write_commands(folder: Path, tools: Tools) -> None:
    """Put `node`, `wrangler` and `npx`, and `npm` where it came with Node, into a folder for somebody's PATH.

    `npx wrangler` is the app's own where that is installed, else this one: it never asks a registry.
    """
    shutil.rmtree(folder, ignore_errors=True)
    private_folder(folder)
    (folder / "node").symlink_to(tools.node)
    wrangler = shlex.join([tools.node, tools.wrangler])
    _write(folder / "wrangler", f'exec {wrangler} "$@"')
    beside = Path(tools.node).parent.parent / "lib" / "node_modules" / "npm" / "bin"
    own = (beside / "npm-cli.js").is_file()
    if own:
        _write(folder / "npm", f'exec {shlex.join([tools.node, str(beside / "npm-cli.js")])} "$@"')
    npx = shlex.join([tools.node, str(beside / "npx-cli.js")] if own else [shutil.which("npx") or "npx"])
    other = (
        'if [ "${1-}" = wrangler ] && [ ! -e node_modules/.bin/wrangler ]; then shift; ' + f'exec {wrangler} "$@"; fi'
    )
    _write(folder / "npx", f'{other}\nexec {npx} "$@"')


def _write(file: Path, text: str) -> None:
    file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    file.chmod(0o700)
