"""The app's wrangler file on disk: found, checked, written. Pure of Pulumi."""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from components.errors import InfraError, LocalError, RefusedError
from components.local.files import PrivateFile, read_private, write_private
from components.worker.wrangler.block import apply, steps, template
from components.worker.wrangler.config import Config
from components.worker.wrangler.expectation import Finding
from components.worker.wrangler.findings import findings
from components.worker.wrangler.jsonc import MalformedError, parse

if TYPE_CHECKING:
    from pathlib import Path

    from components.worker.wrangler.expectation import Expectation

NAMES = ("wrangler.json", "wrangler.jsonc", "wrangler.toml")
"""The files that wrangler looks for, in its order: in the app's folder and, for each name, in all folders above it."""


NEW_MODE = 0o644
"""The file belongs in the app's repository and holds no secret."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What `write` did: the texts before and after, how many lines differ, and each change in words.

    The texts may hold a secret that somebody left in `vars`: they are no part of the repr.
    """

    path: Path
    old: str = field(repr=False)
    new: str = field(repr=False)
    lines: int
    steps: tuple[str, ...]
    created: bool = False


def locate(path: Path) -> Path:
    """The file that wrangler reads: the path itself, or in a folder the first of its names; by default the second."""
    if not path.is_dir():
        return path
    return next((path / name for name in NAMES if (path / name).is_file()), path / NAMES[1])


def check(path: Path, expectation: Expectation) -> list[Finding]:
    """Where the file, or the one in the folder, differs from what is expected; an unreadable one is a finding too."""
    path = locate(path)
    try:
        _require_json(path)
        file = read_private(path)
        if not file.exists:
            what, found = f"there is no {path.name}", "nothing"
            return [_whole(what, found=found, expected="the app's file", next_step=expectation.write_command)]
        return [*_shadows(path), *findings(parse(file.text), expectation)]
    except MalformedError as error:
        return [_whole(error.reason, next_step=error.next_step, line=error.line, column=error.column)]
    except InfraError as error:
        return [_whole(error.message, next_step=error.next_step)]


def write(path: Path, expectation: Expectation) -> Change:
    """Edit the stack's block so that it says what is expected; make the file if there is none. A second time: nothing.

    Raises:
        RefusedError: The file is not JSON with comments, it is not certain what to change, or another file hides this
            one from wrangler. Nothing is written.
        LocalError: The file cannot be read or written.
    """
    path = locate(path)
    _require_json(path)
    if hiding := _shadows(path):
        raise RefusedError(hiding[0].what, next_step=hiding[0].next_step)
    file = read_private(path)
    try:
        base = file.text if file.exists else template(expectation)
        changes = steps(parse(base), expectation)
        new = apply(base, changes)
    except (MalformedError, RefusedError) as error:
        raise RefusedError(f"{path}: {error.message}", next_step=error.next_step) from None
    if new != file.text:
        _replace(file, new)
    return Change(
        path=path,
        old=file.text,
        new=new,
        lines=_lines_changed(file.text, new),
        steps=tuple(map(str, changes)),
        created=not file.exists,
    )


def worker_name(path: Path, stack: str) -> str:
    """The Worker's name as the file derives it; empty where it cannot be told."""
    try:
        return Config(document=parse(read_private(locate(path)).text)).worker_name(stack)
    except InfraError:
        return ""


def digest(path: Path) -> str:
    """A fingerprint of the file's bytes, which changes when the file does; empty when it cannot be read."""
    try:
        return hashlib.sha256(locate(path).read_bytes()).hexdigest()
    except OSError:
        return ""


def _require_json(path: Path) -> None:
    toml = path if path.suffix == ".toml" else path.with_name("wrangler.toml")
    if path.suffix == ".toml" or (toml.is_file() and not path.exists()):
        raise RefusedError(
            f"{toml.name} is not read here: only wrangler.jsonc and wrangler.json are, which Cloudflare recommends",
            next_step=f"write its settings as {toml.with_name('wrangler.jsonc')}, then remove {toml.name}",
        )


def _shadows(path: Path) -> list[Finding]:
    """Wrangler takes a wrangler.json of any folder above before the wrangler.jsonc of this one."""
    if path.name != NAMES[1]:
        return []
    hiding = next((folder / NAMES[0] for folder in path.resolve().parents if (folder / NAMES[0]).is_file()), None)
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


def _replace(file: PrivateFile, text: str) -> None:
    """Put the new text in the place of the old, with the mode that the file had."""
    write_private(file.path, text)
    try:
        file.path.chmod(NEW_MODE if file.mode is None else file.mode)
    except OSError as error:
        raise LocalError(
            f"the mode of {file.path} cannot be set: {error.strerror}", next_step="set it by hand"
        ) from None


def _lines_changed(old: str, new: str) -> int:
    """How many lines of the new text are new or changed, or of the old are gone."""
    matcher = difflib.SequenceMatcher(a=old.splitlines(), b=new.splitlines(), autojunk=False)
    return sum(
        max(old_end - old_start, new_end - new_start)
        for kind, old_start, old_end, new_start, new_end in matcher.get_opcodes()
        if kind != "equal"
    )
