"""Projects that copier makes of this repository, and brings to a newer version of it; `copier.yml` says of what files.

A project keeps in `.copier-answers.yml` where it comes from, of which commit, and what was answered. An update is a
merge of three: what that commit would have made, what the newer one makes, and what the project is. copier is there for
`init --into` and `upgrade` alone (requirements/template.txt).
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import copier
import yaml
from copier.errors import CopierError, CopierWarning, UserMessageError
from plumbum.commands.processes import ProcessExecutionError

from operations import console, git
from operations.errors import ChangesRefusedError, MachineError, UsageError
from operations.init import fitting
from operations.init.answers import PREVIEWS, QUESTIONS
from operations.init.layouts import REUSED, Layout
from operations.workspace import PROJECT
from stacks.outside import repository

if TYPE_CHECKING:
    from collections.abc import Iterator

    from operations.init.answers import Answers
    from operations.init.fitting import Fitting

ANSWERS: Final = ".copier-answers.yml"
MADE_OF: Final = f"{ANSWERS}.jinja"
"""Only a project that others are made of has it."""
QUIETLY: Final[dict[str, Any]] = {"defaults": True, "overwrite": True, "quiet": True}
LABELS: Final = ("-L", "before updating", "-L", "last update", "-L", "after updating")
"""As copier calls the three sides of a conflict."""
_LOCAL: Final = "git+file://"
"""Before a folder's path: copier reads its commits alone, as it does of any address."""
_MOST_SHOWN: Final = 10


@dataclass(frozen=True, kw_only=True)
class Upgrade:
    """What an update did.

    Attributes:
        before: The version that the project was of, a release or a commit.
        after: The one that it is of now; the same where there is none that is newer.
        changed: The files that differ now, as paths from the top of the git repository.
        conflicts: Those of them in which both sides changed the same lines.
    """

    before: str
    after: str
    changed: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()


def require_source() -> None:
    """Refuse to make a project of one that is no template, and say what of this one will not be in it.

    Raises:
        UsageError: This project was made of another, or is not a git repository with a commit.
    """
    if not (PROJECT / MADE_OF).is_file():
        source = str(_recorded().get("_src_path", "where it comes from")).removeprefix("git+")
        raise UsageError(
            f"{PROJECT} was made of another project itself, which is where others are made, too",
            next_step=f"git clone {source}, and there ./infra init --into DIR",
        )
    if not (PROJECT / ".git").exists() or not _commit():
        raise UsageError(
            f"{PROJECT} is no git repository with a commit, and a project is made of a commit, to be updated later",
            next_step="begin with a git clone of this project",
        )
    if changed := _uncommitted(PROJECT):
        console.say(f"note: {len(changed)} changes of {PROJECT} are not committed, and will not be in the new project")


def require_place(place: Path) -> None:
    """Refuse a folder in which no project can be made without touching what is there.

    Raises:
        UsageError: It is there and not empty, its parent is not there, it lies in this project, or its repository has
            changes that are not committed.
    """
    if place.is_symlink() or (place.exists() and not (place.is_dir() and not any(place.iterdir()))):
        raise UsageError(
            f"{place} is there already and holds something; a project is made in a folder that is empty or not there",
            next_step="name another folder; a project that is there: ./infra init in it changes its answers, "
            "./infra upgrade brings it to a newer version",
        )
    if not place.parent.is_dir():
        raise UsageError(
            f"there is no folder {place.parent} to make {place.name} in", next_step=f"mkdir -p {place.parent}"
        )
    root = repository(place.resolve())
    if place.resolve().is_relative_to(PROJECT):
        raise UsageError(
            f"{place} lies in this project, which another one cannot", next_step="name a folder outside of it"
        )
    if (root / ".git").exists() and (changed := _uncommitted(root)):
        raise UsageError(
            f"{root} has changes that are not committed, and could not be told from those of init: {_listed(changed)}",
            next_step=f"git -C {root} commit, or git stash; then try again",
        )


@contextlib.contextmanager
def copied(answers: Answers, place: Path) -> Iterator[Path]:
    """A folder beside the place, with what a project gets of this one's commit; it goes if it is not put there.

    Raises:
        MachineError: It could not be made.
    """
    folder = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}."))
    try:
        with _explained("the project could not be made"):
            # Of a URL git copies what is committed, packed; of a path all that lies in .git, file by file.
            copier.run_copy(f"{_LOCAL}{PROJECT}", folder, data=answers.as_data(), vcs_ref=_commit(), **QUIETLY)
        recorded = folder / ANSWERS
        told = re.sub(r"(?m)^_src_path: .*$", lambda _: f"_src_path: {_source()}", recorded.read_text(encoding="utf-8"))
        recorded.write_text(told, encoding="utf-8")
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def files(folder: Path) -> int:
    """How many files there are in a folder."""
    return sum(1 for path in folder.rglob("*") if path.is_file())


def put(copy: Path, place: Path, planned: Fitting) -> None:
    """Move a copy to its place with the changes that are planned for it, then make those in the app's own files.

    Raises:
        OSError, components.errors.LocalError: A folder cannot be written.
    """
    own = [change for change in planned.changes if change.path.is_relative_to(copy)]
    for change in own:
        change.write()
    if not (repository(place.resolve()) / ".git").exists():
        git.answer(copy, "init", "-q")
    if place.exists():
        place.rmdir()
    copy.rename(place)
    for change in planned.changes:
        if change not in own:
            change.write()


def upgrade(to: str | None) -> Upgrade:
    """Bring this project to a version of the one that it was made of; what the team changed stays.

    Args:
        to: A release, branch or commit there; None for the newest release, where there is none for the newest commit.

    Raises:
        UsageError: The project was not made that way, or is not in git.
        ChangesRefusedError: It has changes that are not committed.
        MachineError: The other project is out of reach, or does not have a version that this one needs.
    """
    _require_upgradable()
    recorded = _recorded()
    source, before = str(recorded.get("_src_path")), str(recorded.get("_commit"))
    with _explained(f"{source} could not be had"):
        try:
            copier.run_update(PROJECT, vcs_ref=to, skip_answered=True, **QUIETLY)
        except UserMessageError as error:
            if to is not None or "downgrading" not in str(error):
                raise
    after = str(_recorded().get("_commit"))
    if before == after:
        return Upgrade(before=before, after=after)
    if recorded.get("layout") == Layout.TWO and (PROJECT / REUSED).is_file():
        _merge_of_two(source, before, after, previews=PREVIEWS not in recorded.get("without", ()))
    conflicts = [*git.answer(PROJECT, "diff", "--name-only", "--diff-filter=U").splitlines(), *_marked()]
    return Upgrade(
        before=before,
        after=after,
        changed=tuple(line[3:] for line in _uncommitted(PROJECT)),
        conflicts=tuple(dict.fromkeys(conflicts)),
    )


def _require_upgradable() -> None:
    if not (PROJECT / ANSWERS).is_file():
        raise UsageError(
            f"{PROJECT} was not made with `./infra init --into`: it has no {ANSWERS}, which says of what",
            next_step="where it is a clone, git pull brings the newer version",
        )
    if not (repository(PROJECT) / ".git").exists():
        raise UsageError(
            f"{PROJECT} is not in git, which merges the newer version with your changes",
            next_step="git init && git add -A && git commit -m 'as it is', then try again",
        )
    if changed := _uncommitted(PROJECT):
        raise ChangesRefusedError(
            f"there are changes that are not committed, which could not be told from those of the newer version: "
            f"{_listed(changed)}",
            next_step="git commit, or git stash; then ./infra upgrade",
        )


def _merge_of_two(source: str, old: str, new: str, *, previews: bool) -> None:
    """Merge the workflows that are made of others, which copier does not know, in the same way."""
    with tempfile.TemporaryDirectory() as folder:
        clone, sides = Path(folder) / "clone", [Path(folder) / "old", Path(folder) / "new"]
        git.answer(PROJECT, "clone", "-q", "--no-checkout", source.removeprefix("git+"), str(clone))
        if not clone.is_dir():
            raise MachineError(
                f"{source} could not be had a second time: {REUSED} is not merged, all else is",
                next_step="git reset --hard, then ./infra upgrade again",
            )
        texts = []
        for commit in (old, new):
            git.answer(clone, "checkout", "-q", commit)
            texts.append(fitting.of_two(clone, previews=previews))
        for name in filter(lambda name: (PROJECT / name).is_file(), texts[1]):
            for side, text in zip(sides, texts, strict=True):
                side.write_text(text[name], encoding="utf-8")
            git.answer(PROJECT, "merge-file", *LABELS, name, *map(str, sides))


def _marked() -> list[str]:
    """Where `_merge_of_two` left marks: git itself was not told of them."""
    files = [PROJECT / name for name in (REUSED, fitting.CALLER)]
    mark = f"<<<<<<< {LABELS[1]}"
    return [file.name for file in files if file.is_file() and mark in file.read_text(encoding="utf-8")]


def _recorded() -> dict[str, Any]:
    """What the project's answers say; nothing where they cannot be read."""
    try:
        content = yaml.safe_load((PROJECT / ANSWERS).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}


def _source() -> str:
    """Where others find this project's commit: its origin, without a password in the address; else this folder."""
    origin = git.answer(PROJECT, "remote", "get-url", "origin")
    if not origin or not git.answer(PROJECT, "branch", "-r", "--contains", _commit()):
        console.say(f"note: no remote has this commit, so `upgrade` will look for newer ones in {PROJECT}")
        origin = str(PROJECT)
    if (PROJECT / origin).is_dir():
        return _LOCAL + str((PROJECT / origin).resolve())
    return re.sub(r"^([a-z+]+://)[^/@]*@", r"\1", origin)


def _commit() -> str:
    return git.answer(PROJECT, "rev-parse", "--verify", "-q", "HEAD")


def _uncommitted(folder: Path) -> list[str]:
    return git.answer(folder, "status", "--porcelain").splitlines()


def _listed(lines: list[str]) -> str:
    more = f" and {len(lines) - _MOST_SHOWN} more" if len(lines) > _MOST_SHOWN else ""
    return ", ".join(line[3:] for line in lines[:_MOST_SHOWN]) + more


@contextlib.contextmanager
def _explained(what: str) -> Iterator[None]:
    """Tell what copier, or the git that it calls, has to say as a sentence; no password of an address in it.

    Raises:
        MachineError: It failed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CopierWarning)
            yield
    except (CopierError, ProcessExecutionError, ValueError) as error:
        told = error.stderr if isinstance(error, ProcessExecutionError) else str(error)
        lines = [line.strip() for line in str(told).splitlines() if line.strip()]
        said = re.sub(r"([a-z+]+://)[^/@\s]*@", r"\1", lines[-1]) if lines else type(error).__name__
        raise MachineError(
            f"{what}: {said[:300]}",
            next_step=f"correct what is said above; _src_path in {ANSWERS} says where the other project lies, and "
            f"{QUESTIONS.name} there what is asked",
        ) from None
