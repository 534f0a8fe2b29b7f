"""The SQL files of a baseline: which they are, and what may happen to the list of them. Pure."""

from __future__ import annotations

import glob
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.errors import ConfigurationError, LocalError
from components.postgres.sqltext import extension_of, split
from components.xata.branches.names import is_preview

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROJECT_FOLDER = Path(__file__).resolve().parents[2]
"""The clone this code runs from: provider processes may start in any folder, so relative paths start here."""


@dataclass(frozen=True, kw_only=True)
class SqlFile:
    """One SQL file as declared or recorded: the text itself stays out of the state.

    Attributes:
        name: Its identity in the record of applied files: the path as configured.
        path: Where it is: from the project folder when it is inside, else in full.
        sha256: Of its text, with line ends as on Unix.
    """

    name: str
    path: str
    sha256: str

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any]) -> SqlFile:
        """Read one entry of a resource's `sqlFiles`."""
        return cls(name=properties["name"], path=properties["path"], sha256=properties["sha256"])

    def text(self) -> str:
        """The file's text, if it is still the one that was declared.

        Raises:
            LocalError: It changed since this run began.
        """
        text = read_sql(self.name, PROJECT_FOLDER / self.path)
        if digest(text) != self.sha256:
            raise LocalError(
                f"the SQL file {self.name} changed while the run went on",
                next_step="run the command again",
            )
        return text


def extensions_of(files: Sequence[SqlFile]) -> dict[str, str]:
    """The extensions that the files create, by name, and the first place of each, such as `sql/001.sql:3`.

    Raises:
        ConfigurationError: A file cannot be read.
    """
    found: dict[str, str] = {}
    for file in files:
        for statement in split(file.name, read_sql(file.name, PROJECT_FOLDER / file.path)):
            if extension := extension_of(statement):
                found.setdefault(extension, f"{file.name}:{statement.line}")
    return found


def files_of(name: str, project_folder: Path) -> list[str]:
    """The files that one entry of the configuration stands for, in the order in which they are applied.

    Args:
        name: A file, a folder, of which it is the files `*.sql`, or a pattern, in which `**` is folders of any depth.
        project_folder: Where relative paths start.
    """
    path = project_folder / Path(name).expanduser()
    if path.is_dir():
        found = sorted(file.name for file in path.glob("[!.]*.sql") if file.is_file())
        return [f"{name.rstrip('/')}/{file}" for file in found]
    if path.is_file() or not glob.has_magic(name):
        return [name]
    pattern = str(Path(name).expanduser())
    found = glob.glob(pattern, root_dir=project_folder, recursive=True)  # noqa: PTH207 - it may begin with .. or /
    return sorted((file for file in found if (project_folder / file).is_file()), key=lambda file: Path(file).parts)


def expanded(names: Sequence[str], project_folder: Path) -> list[str]:
    """The files that the configuration lists; a folder or a pattern adds those that do not stand there before it."""
    listed: list[str] = []
    for name in names:
        files = files_of(name, project_folder)
        listed += files if files == [name] else [file for file in files if file not in listed]
    return listed


def declare(name: str, project_folder: Path) -> SqlFile:
    """Read a configured SQL file, and refuse one that could not be applied, before any resource.

    Raises:
        ConfigurationError: It cannot be read, or holds what cannot run in one transaction.
    """
    file = (project_folder / Path(name).expanduser()).resolve()
    text = read_sql(name, file)
    split(name, text)
    # A moved clone shows no change; only a file outside is named in full.
    path = file.relative_to(PROJECT_FOLDER).as_posix() if file.is_relative_to(PROJECT_FOLDER) else str(file)
    return SqlFile(name=name, path=path, sha256=digest(text))


def read_sql(name: str, path: Path) -> str:
    """The text of an SQL file, without a byte order mark and with line ends as on Unix.

    Raises:
        ConfigurationError: It cannot be read, or is no UTF-8 text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigurationError(
            f"the SQL file {name} cannot be read: {error.strerror} ({path})",
            next_step="correct sqlFiles in the stack's configuration; relative paths start at the project folder",
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"the SQL file {name} is not UTF-8 text: the byte at {error.start} cannot be read",
            next_step="save the file as UTF-8",
        ) from None


def digest(text: str) -> str:
    """What says whether a text is the same."""
    return hashlib.sha256(text.encode()).hexdigest()


def history_reason(applied: Sequence[SqlFile], wanted: Sequence[SqlFile], *, branch: str = "") -> str:
    """Why files applied earlier forbid this list; empty when they do not.

    Applied files must be the beginning of the list, unchanged: then every database, new or old, got the same files in
    the same order. The branch says how one starts over.
    """
    names = [file.name for file in wanted]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        return f"{twice} is listed twice; each file is applied once"
    by_name = {file.name: file for file in wanted}
    for place, before in enumerate(applied):
        now = by_name.get(before.name)
        if now is None:
            return f"{before.name} was applied and is no longer listed; bring it back{_start_over(branch)}"
        if now.sha256 != before.sha256:
            return (
                f"{before.name} was applied with sha256 {before.sha256[:12]}… and has {now.sha256[:12]}… now; "
                f"undo the change and put the new statements into a new file behind it{_start_over(branch)}"
            )
        if names[place] != before.name:
            return (
                f"{names[place]} stands before {before.name}, which was applied already; list new files last, in a "
                "folder by names that sort behind"
            )
    return ""


def _start_over(branch: str) -> str:
    """The commands that begin with a database without these files; empty where its data are to stay."""
    if branch == "dev":
        return ", or start over with an empty database: ./infra destroy dev --yes --config retainData=false, then up"
    if is_preview(branch):
        return f", or, if its parent lacks that file, take a fresh copy: ./infra destroy {branch} --yes, then up"
    return ""
