"""What makes a project that of an app: its files, the workflows of its layout, and lines in the app's own files.

Everything is computed first, as texts beside those that are there, and written together. What a person wrote stays:
YAML and wrangler files are edited at the lines that must change, comments and layout included.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from components.errors import InfraError, RefusedError
from components.local.files import read_private, write_private
from components.worker.wrangler.file import locate
from operations import git, wrangler, wrangler_edit
from operations.commands.config import with_value
from operations.init import layouts
from operations.init.answers import APP, APP_PATH, PREVIEWS, relative
from operations.init.layouts import Layout
from operations.workspace import PROJECT
from stacks import config, stack_names
from stacks.outside import repository
from stacks.settings import AppSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from operations.init.answers import Answers

PARENT: Final = "infra:parent"
ROOT: Final = "main"
"""The branch that there always is."""
IGNORED: Final = (".dev.vars*", "!.dev.vars.example", ".wrangler/")
"""Lines of the app's .gitignore: what holds secrets, and what cloud tools leave behind."""
ANY_PULL_REQUEST: Final = "pr-1"
CALLER: Final = ".github/caller.yml"
"""In the program's repository of two, where GitHub does not read it: what the app's gets."""
CALLED: Final = ("owner/program", "0" * 40)
"""Stand in it for the program's repository and commit."""
_MODE: Final = 0o644
_GITHUB: Final = re.compile(r"github\.com[:/]([^/:]+/[^/]+?)(?:\.git)?/?$")


@dataclass(frozen=True, kw_only=True)
class Change:
    """A file as it is and as it will be; None stands for no file."""

    path: Path
    old: str | None
    new: str | None

    def __str__(self) -> str:
        verb = "begin" if self.old is None else "remove" if self.new is None else "change"
        return f"{verb} {self.path}"

    def diff(self) -> str:
        """The change as `diff -u` shows it."""
        before, after = ("/dev/null" if text is None else str(self.path) for text in (self.old, self.new))
        old, new = ((text or "").splitlines(keepends=True) for text in (self.old, self.new))
        lines = difflib.unified_diff(old, new, before, after)
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)

    def write(self) -> None:
        """Make it so.

        Raises:
            components.errors.LocalError: The file cannot be written.
        """
        if self.new is None:
            self.path.unlink(missing_ok=True)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        mode = self.path.stat().st_mode if self.old is not None else _MODE
        write_private(self.path, self.new)
        self.path.chmod(mode)


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """The changes that a project needs, and what a person must know or do besides."""

    changes: tuple[Change, ...]
    notes: tuple[str, ...]


def plan(answers: Answers, folder: Path, *, place: Path | None = None, environ: Mapping[str, str]) -> Fitting:
    """Compute what a project needs to be that of an app.

    Args:
        answers: What it is for, validated.
        folder: The project's files.
        place: Where they will lie, if that is elsewhere; in the same folder as `folder`.
        environ: The variables of the user's shell.

    Raises:
        components.errors.InfraError, pulumi_embedded.errors.ProjectError, UsageError: A file cannot be read or edited.
    """
    texts = dict(_of_project(answers, folder))
    notes: list[str] = []
    app = (folder / answers.app_path).resolve()
    changes = [_changed(folder / name, text) for name, text in texts.items()]
    changes += _workflows(answers, folder, place or folder, notes)
    changes += _of_app(answers, folder, app, texts, environ, notes)
    return Fitting(changes=tuple(one for one in changes if one.old != one.new), notes=tuple(notes))


def _changed(path: Path, text: str | None) -> Change:
    found = read_private(path) if path.parent.is_dir() else None
    return Change(path=path, old=found.text if found and found.exists else None, new=text)


def _of_project(answers: Answers, folder: Path) -> Iterator[tuple[str, str | None]]:
    """The project's file and those of its stacks: name to text; None removes one."""
    text = read_private(folder / "Pulumi.yaml").text
    if config.written_in(text).get(APP) != answers.app:
        text = with_value(text, APP, answers.app, source="Pulumi.yaml")
    yield "Pulumi.yaml", text
    previews = () if PREVIEWS in answers.without else (stack_names.PREVIEW,)
    for stack in (stack_names.DEV, *previews, *answers.environments):
        name = f"Pulumi.{stack}.yaml"
        found = read_private(folder / name)
        begun = f"# {stack}, the Xata branch `{stack}`. Every key, its default and what it is for: Pulumi.yaml.\n"
        text = found.text if found.exists else begun
        said = config.written_in(text)
        if said.get(APP_PATH, ".") != answers.app_path:
            text = with_value(text, APP_PATH, answers.app_path, source=name)
        if stack == stack_names.PREVIEW and said.get(PARENT, ROOT) not in {ROOT, *answers.environments}:
            text = with_value(text, PARENT, _parent(answers), source=name)
        yield name, text
    for stack in stack_names.environments(folder):
        if stack not in answers.environments:
            yield f"Pulumi.{stack}.yaml", None


def _parent(answers: Answers) -> str:
    """What the environments of pull requests are copies of: never of production."""
    return next((one for one in answers.environments if one != stack_names.PRODUCTION), ROOT)


def _workflows(answers: Answers, folder: Path, place: Path, notes: list[str]) -> list[Change]:
    """The workflows where GitHub reads them; the layout `app` has them as they stand in the project."""
    if answers.layout is Layout.FOLDER and has_workflows_of_app(folder):
        found = layouts.workflows(answers.layout, layouts.folder_of(place), source=folder)
        return [_changed(repository(place) / path, text) for path, text in found.items()]
    if answers.layout is not Layout.TWO or "workflows" in answers.without:
        return []
    # A project of two repositories has not what this workflow is made of: `upgrade` merges it.
    if has_workflows_of_app(PROJECT):
        told = of_two(PROJECT, previews=PREVIEWS not in answers.without)
        return [_changed(folder / name, text) for name, text in told.items()]
    return _caller(answers, folder, notes)


def has_workflows_of_app(folder: Path) -> bool:
    """Whether a project holds the workflows that those of every layout are made of."""
    return (folder / layouts.WORKFLOWS / f"{layouts.OF_THE_APP[0]}.yml").is_file()


def of_two(source: Path, *, previews: bool) -> dict[str, str]:
    """What the program's repository gets of two: the reusable workflow, and its caller but for what it is to call.

    Args:
        source: A project of the layout `app`, of whose workflows both are made.
        previews: Whether pull requests have environments.
    """
    called = layouts.workflows(Layout.TWO, source=source, previews=previews)[layouts.REUSED]
    return {layouts.REUSED: called, CALLER: layouts.caller(*CALLED, source=source, previews=previews)}


def _caller(answers: Answers, folder: Path, notes: list[str]) -> list[Change]:
    """The workflow in the app's repository, once this one is on GitHub; what was written there stays."""
    path = repository((folder / answers.app_path).resolve()) / layouts.REUSED
    if path.exists() or not (folder / CALLER).is_file():
        return []
    named = _GITHUB.search(git.answer(folder, "remote", "get-url", "origin"))
    commit = git.answer(folder, "rev-parse", "--verify", "-q", "HEAD")
    if not named or not commit or not git.answer(folder, "branch", "-r", "--contains", commit):
        notes.append(
            f"{path} will call the workflow in this project, by its commit on GitHub: push it there, then ./infra init"
        )
        return []
    text = read_private(folder / CALLER).text
    for placeholder, told in zip(CALLED, (named[1], commit), strict=True):
        text = text.replace(placeholder, told)
    return [_changed(path, text)]


def _of_app(
    answers: Answers,
    folder: Path,
    app: Path,
    texts: Mapping[str, str | None],
    environ: Mapping[str, str],
    notes: list[str],
) -> Iterator[Change]:
    """Lines of the app's .gitignore, where it is not the project's that counts, and blocks of its wrangler file."""
    if not app.is_relative_to(folder.resolve()):
        ignored = _changed(app / ".gitignore", None)
        lines = [line for line in IGNORED if line not in (ignored.old or "").splitlines()]
        begun = ignored.old or ""
        begun += "" if not begun or begun.endswith("\n") else "\n"
        yield Change(path=ignored.path, old=ignored.old, new=begun + "".join(f"{line}\n" for line in lines))
    elif not app.is_dir():
        return
    previews = () if PREVIEWS in answers.without else (ANY_PULL_REQUEST,)
    stacks = [*answers.environments, stack_names.DEV, *previews]
    path = locate(app)
    wanted = [
        wrangler.expected(stack, settings, exists=path.is_file(), environ=environ)
        for stack in stacks
        if isinstance(settings := _settings(stack, texts), AppSettings)
    ]
    try:
        file, text = wrangler_edit.edited(path, wanted)
        yield Change(path=file.path, old=file.text if file.exists else None, new=text)
    except RefusedError as error:
        notes.append(str(error))


def _settings(stack: str, texts: Mapping[str, str | None]) -> object:
    """What a stack's file will say; None where it cannot be read, which its own plan tells."""
    shared = config.written_in(texts["Pulumi.yaml"] or "")
    own = config.written_in(texts[config.file_of(stack)] or "")
    try:
        return config.read(stack, {**shared, **own}, shared=shared.keys() - own.keys())
    except InfraError:
        return None


def shown(path: Path, beside: Path) -> str:
    """A path for a person: from the folder they are in, where that is not longer."""
    return min(str(path), relative(path, beside), key=len)
