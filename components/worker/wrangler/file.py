"""The app's wrangler file on disk: found and checked. No Pulumi."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from components.errors import InfraError
from components.local.files import read_private
from components.worker.wrangler.config import TOML, Config, read_document
from components.worker.wrangler.findings import Finding, findings
from components.worker.wrangler.jsonc import MalformedError

if TYPE_CHECKING:
    from pathlib import Path

    from components.worker.wrangler.findings import Expectation

NAMES = ("wrangler.json", "wrangler.jsonc", f"wrangler{TOML}")
"""The files that wrangler looks for, in its order: in the app's folder and, for each name, in all folders above it."""


def locate(path: Path) -> Path:
    """The file that wrangler reads: the path itself, else in its folder the first of the names, else the usual one."""
    if path.is_file():
        return path
    folder, usual = (path, path / NAMES[1]) if path.is_dir() else (path.parent, path)
    return next((folder / name for name in NAMES if (folder / name).is_file()), usual)


def check(path: Path, expectation: Expectation) -> list[Finding]:
    """Where the file, or the one in the folder, differs from what is expected; an unreadable one is a finding too."""
    path = locate(path)
    try:
        file = read_private(path)
        if not file.exists:
            what, found = f"there is no {path.name}", "nothing"
            return [_whole(what, found=found, expected="the app's file", next_step=expectation.write_command)]
        found_in = findings(read_document(path, file.text), expectation)
        if path.suffix == TOML:
            found_in = [replace(finding, line=0, column=0) for finding in found_in]
        return [*shadows(path), *found_in]
    except MalformedError as error:
        return [_whole(error.reason, next_step=error.next_step, line=error.line, column=error.column)]
    except InfraError as error:
        return [_whole(error.message, next_step=error.next_step)]


def worker_name(path: Path, stack: str) -> str:
    """The Worker's name as the file derives it; empty where it cannot be told."""
    try:
        path = locate(path)
        return Config(document=read_document(path, read_private(path).text)).worker_name(stack)
    except InfraError:
        return ""


def digest(path: Path) -> str:
    """A fingerprint of the file's bytes, which changes when the file does; empty when it cannot be read."""
    try:
        return hashlib.sha256(locate(path).read_bytes()).hexdigest()
    except OSError:
        return ""


def shadows(path: Path) -> list[Finding]:
    """Wrangler takes the earlier of its names, in any folder above, before this file."""
    names = NAMES[: NAMES.index(path.name)] if path.name in NAMES else ()
    above = (folder / name for name in names for folder in path.resolve().parents)
    hiding = next((file for file in above if file.is_file()), None)
    if hiding is None:
        return []
    what, next_step = f"wrangler reads {hiding} instead of this file", f"remove one of the two: {hiding} or {path}"
    return [_whole(what, next_step=next_step)]


def _whole(
    what: str, *, next_step: str, found: str = "", expected: str = "", line: int = 0, column: int = 0
) -> Finding:
    """An error of the file as a whole."""
    return Finding(
        severity="error", what=what, found=found, expected=expected, next_step=next_step, line=line, column=column
    )
