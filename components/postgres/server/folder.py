"""The folder a server lives in: its layout, the mark that says whose it is, and what is refused because of it.

    <folder>/infra.json     the mark: which stack of which clone, and the port for ever
    <folder>/data/          Postgres's own data folder, made beside its place and renamed into it
    <folder>/log/           the server's log, one file for each day of the week
    <folder>/start.log      what the last start said before it opened its log
    <folder>/pg_hba.conf    who may log in, written at every start
    <folder>/.lock          held while somebody changes the server

As root, all but `data` and `log` stay root's: an account without rights must not lead root's writes elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from components.errors import LocalError, RefusedError
from components.local.files import MOST_BYTES, read_bytes
from components.postgres.server import account as accounts
from components.postgres.server.binaries import MAJOR, SYSTEM_FOLDER
from components.postgres.server.faults import not_writable

if TYPE_CHECKING:
    from components.postgres.server.settings import ServerSettings

APP = "infra"
MARK_FORMAT = 1

CHOOSE_ANOTHER = "set dataFolder in the stack's configuration to another folder"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The paths inside one server's folder."""

    root: Path

    @property
    def mark(self) -> Path:
        """Whose folder it is."""
        return self.root / "infra.json"

    @property
    def half_mark(self) -> Path:
        """The mark while it is being written."""
        return self.root / ".infra.json.new"

    @property
    def lock(self) -> Path:
        """Held while somebody changes the server."""
        return self.root / ".lock"

    @property
    def data(self) -> Path:
        """Postgres's own data folder."""
        return self.root / "data"

    @property
    def version_file(self) -> Path:
        """What makes `data` a data folder."""
        return self.data / "PG_VERSION"

    @property
    def log(self) -> Path:
        """The folder of the server's log files."""
        return self.root / "log"

    @property
    def start_log(self) -> Path:
        """What the last start said."""
        return self.root / "start.log"

    @property
    def hba(self) -> Path:
        """Who may log in."""
        return self.root / "pg_hba.conf"


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Whose folder it is, and what a later run must know.

    Attributes:
        project: The clone's folder; empty once its stack was destroyed, so that another clone may take the data over.
        port: The port since the first successful start; 0 before.
        database: The app's database as it is called inside the server; empty before it is made.
        user: Likewise the app's role.
    """

    stack: str
    project: str
    port: int = 0
    database: str = ""
    user: str = ""
    format: int = MARK_FORMAT


def server_folder(settings: ServerSettings) -> Path:
    """Where the server lives: absolute, without symbolic links."""
    if settings.data_folder:
        return (Path(settings.project_folder) / Path(settings.data_folder).expanduser()).resolve()
    return default_folder(settings.stack, Path(settings.project_folder))


def default_folder(stack: str, project_folder: Path) -> Path:
    """A folder for each stack of each clone, in the user's data folder; for root, where other accounts may enter."""
    clone = hashlib.sha256(os.fsencode(project_folder.resolve())).hexdigest()[:10]
    name = f"{stack}-{clone}"
    if accounts.running_as_root():
        return SYSTEM_FOLDER / name
    return (platformdirs.user_data_path(APP, appauthor=False) / name).resolve()


def check(layout: Layout, settings: ServerSettings) -> Mark | None:
    """Look whether the folder may be used; touch nothing. Answers its mark, or None when it is new or empty.

    Raises:
        LocalError: It is another program's, another user's, another clone's, not writable, or of another version.
    """
    if not os.path.lexists(layout.root):
        _refuse_unwritable_parent(layout.root)
        return None
    _refuse_not_ours_to_write(layout.root)
    mark = read_mark(layout)
    if mark is None:
        _refuse_foreign_content(layout)
        return None
    owner = other_owner(mark, settings.stack, Path(settings.project_folder))
    if owner:
        raise LocalError(
            f"the data folder {layout.root} belongs to {owner}",
            next_step=f"{CHOOSE_ANOTHER}; or run ./infra destroy {mark.stack} in {mark.project or 'its clone'} first: "
            f"it keeps the data and frees the folder",
        )
    _refuse_other_major(layout)
    return mark


def read_mark(layout: Layout) -> Mark | None:
    """The folder's mark, or None when it has none.

    Raises:
        LocalError: There is one, but it cannot be understood.
    """
    try:
        found: Any = json.loads(read_bytes(layout.mark, MOST_BYTES))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError, OSError):
        found = None
    try:
        if found["format"] != MARK_FORMAT:
            raise LocalError(
                f"{layout.mark} has format {found['format']!r}; this version of the project reads {MARK_FORMAT}",
                next_step="update this clone (git pull), or use the one that made the folder",
            )
        return Mark(**found)
    except (TypeError, KeyError):
        raise LocalError(
            f"{layout.mark} is damaged, so it is not certain whose data these are",
            next_step=f"{CHOOSE_ANOTHER}, or put the file back from a backup",
        ) from None


def write_mark(layout: Layout, mark: Mark) -> None:
    """Write the mark as a whole or not at all."""
    handle = os.open(layout.half_mark, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(mark), file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    layout.half_mark.replace(layout.mark)


def other_owner(mark: Mark, stack: str, project_folder: Path) -> str:
    """Whose folder it is when it is not ours: words for a message, else empty. A clone that is gone owns nothing."""
    if mark.stack != stack:
        return f"the stack {mark.stack!r}, not to {stack!r}"
    ours = str(project_folder.resolve())
    if mark.project not in {"", ours} and Path(mark.project).is_dir():
        return f"another clone, {mark.project}"
    return ""


def claimed(mark: Mark | None, settings: ServerSettings) -> Mark:
    """The mark that says that the folder is ours."""
    project = str(Path(settings.project_folder).resolve())
    return replace(mark, project=project) if mark else Mark(stack=settings.stack, project=project)


def system_identifier(layout: Layout) -> str:
    """The number Postgres gave to these data when it made them: the first eight bytes of its control file."""
    handle = os.open(layout.data / "global" / "pg_control", os.O_RDONLY | os.O_NOFOLLOW)
    try:
        return str(struct.unpack("=Q", os.read(handle, 8))[0])
    finally:
        os.close(handle)


def data_owner(layout: Layout) -> int | None:
    """Whose the data are, or None when there are none."""
    try:
        return layout.data.stat(follow_symlinks=False).st_uid
    except OSError:
        return None


def _refuse_unwritable_parent(root: Path) -> None:
    parent = next(step for step in root.parents if step.exists())
    if not parent.is_dir():
        raise LocalError(f"the data folder {root} cannot be made: {parent} is a file", next_step=CHOOSE_ANOTHER)
    if not os.access(parent, os.W_OK | os.X_OK):
        raise not_writable(root)


def _refuse_not_ours_to_write(root: Path) -> None:
    if not root.is_dir():
        raise LocalError(f"the data folder {root} is a file", next_step=CHOOSE_ANOTHER)
    owner = root.stat().st_uid
    if owner != os.geteuid():
        me, other = accounts.user_name(os.geteuid()), accounts.user_name(owner)
        raise LocalError(
            f"the data folder {root} is owned by {other}, and this is {me}",
            next_step=f"run the command as {other}, or {CHOOSE_ANOTHER}",
        )
    if not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        raise not_writable(root)


def _refuse_foreign_content(layout: Layout) -> None:
    names = {entry.name for entry in layout.root.iterdir()} - {layout.lock.name, layout.half_mark.name}
    if "PG_VERSION" in names:
        raise LocalError(
            f"{layout.root} is a Postgres data folder that this project did not make",
            next_step=f"{CHOOSE_ANOTHER}; to bring its data along, dump them with pg_dump and load the dump afterwards",
        )
    if names:
        some = ", ".join(sorted(names)[:3])
        raise LocalError(
            f"the data folder {layout.root} is not empty and was not made by this project (it holds {some})",
            next_step=f"{CHOOSE_ANOTHER}, one that is empty or does not exist",
        )


def _refuse_other_major(layout: Layout) -> None:
    try:
        found = layout.version_file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return
    if found == str(MAJOR):
        return
    older = found.isdecimal() and int(found) < MAJOR
    recipe = (
        f"with the commit of this project that ran Postgres {found}: ./infra up STACK, pg_dump databaseUrl to a file, "
        f"./infra destroy STACK; rename {layout.root}; then with this commit: ./infra up STACK, and psql the file"
        if older
        else f"update this clone to the commit that runs Postgres {found} (git pull, then call again)"
    )
    raise RefusedError(
        f"{layout.data} holds data of Postgres {found}, and this project runs {MAJOR}; nothing was touched",
        next_step=recipe,
    )
