"""The app's wrangler file on disk: found, checked, written; and the one that a build has left beside it. No Pulumi.

The app's build tool, such as Vite's plugin, writes `.wrangler/deploy/config.json` beside the app's wrangler file. It
leads wrangler (`deploy`, `versions upload` and `preview` without `--config`) to a file of the build's: one environment,
chosen by CLOUDFLARE_ENV at build time. wrangler refuses another `--env`, but not for a build that was made for no
environment: it deploys that as it is.
"""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from components.errors import ConfigurationError, InfraError, LocalError, RefusedError
from components.local.files import PrivateFile, read_private, write_private
from components.worker.wrangler.config import TOML, Config, read_document
from components.worker.wrangler.editor import apply, steps, template, to_paste
from components.worker.wrangler.findings import Finding, findings
from components.worker.wrangler.jsonc import MalformedError, parse

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from components.worker.wrangler.editor import Step
    from components.worker.wrangler.findings import Expectation

NAMES = ("wrangler.json", "wrangler.jsonc", f"wrangler{TOML}")
"""The files that wrangler looks for, in its order: in the app's folder and, for each name, in all folders above it."""

REDIRECT = (".wrangler", "deploy", "config.json")

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
        return [*_shadows(path), *found_in]
    except MalformedError as error:
        return [_whole(error.reason, next_step=error.next_step, line=error.line, column=error.column)]
    except InfraError as error:
        return [_whole(error.message, next_step=error.next_step)]


def planned(path: Path, expectation: Expectation) -> tuple[PrivateFile, str, list[Step]]:
    """The file, the text that an edit begins with, and the changes that the block needs.

    Raises:
        RefusedError: It is not certain what to change, another file hides this one from wrangler, or it is TOML, whose
            lines to paste are told.
        LocalError: The file cannot be read.
    """
    path = locate(path)
    if hiding := _shadows(path):
        raise RefusedError(hiding[0].what, next_step=hiding[0].next_step)
    file = read_private(path)
    try:
        base = file.text if file.exists else template(expectation)
        document = read_document(path, base)
        changes = steps(document, expectation)
    except (MalformedError, RefusedError) as error:
        raise RefusedError(f"{path}: {error.message}", next_step=error.next_step) from None
    if changes and path.suffix == TOML:
        raise RefusedError(
            f"{path} is TOML, which is checked and not written here",
            next_step=f"put these lines into it, each into its table where that is there already:\n"
            f"{to_paste(document, changes)}",
        )
    return file, base, changes


def write(path: Path, expectation: Expectation) -> Change:
    """Edit the stack's block so that it says what is expected; make the file if there is none. A second time: nothing.

    Raises:
        RefusedError: As `planned`, or the text cannot be edited without changing something else. Nothing is written.
        LocalError: The file cannot be read or written.
    """
    file, base, changes = planned(path, expectation)
    path = locate(path)
    try:
        new = apply(base, changes) if changes else base
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


def _shadows(path: Path) -> list[Finding]:
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
