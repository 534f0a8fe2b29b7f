"""Where a file backend keeps what: URL parsing and paths, as the Pulumi CLI has them.

<folder>/.pulumi/meta.yaml                                         version of the layout
<folder>/.pulumi/stacks/<project>/<stack>.json                     current checkpoint (.bak: the previous one)
<folder>/.pulumi/history/<project>/<stack>/<stack>-<ns>.…          two files for each update
<folder>/.pulumi/backups/<project>/<stack>/<stack>.<ns>.json       copies
<folder>/.pulumi/locks/organization/<project>/<stack>/<uuid>.json  who works on the stack
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote

from pulumi_embedded.errors import StateError, UnsupportedError
from pulumi_embedded.state import files

_SCHEME: Final = "file://"
_PARAMETERS: Final = frozenset({"create_dir", "no_tmp_dir", "metadata", "dir_file_mode", "base_url", "secret_key_path"})
_STACK_NAME: Final = re.compile(r"(?!\.\.?$)[A-Za-z0-9_.-]{1,100}")
_META: Final = b"version: 1\n"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The files of one stack in one backend folder.

    Attributes:
        root: The backend's folder, absolute.
        create: The URL allows making the folder (`create_dir=true`).
    """

    root: Path
    project: str
    stack: str
    create: bool = False

    @property
    def home(self) -> Path:
        """The folder that holds everything."""
        return self.root / ".pulumi"

    @property
    def meta(self) -> Path:
        """The file that tells the layout's version."""
        return self.home / "meta.yaml"

    @property
    def checkpoint(self) -> Path:
        """The stack's current checkpoint."""
        return self.home / "stacks" / self.project / f"{self.stack}.json"

    @property
    def locks(self) -> Path:
        """The folder of the stack's locks."""
        return self.home / "locks" / "organization" / self.project / self.stack

    @property
    def history(self) -> Path:
        """The folder of the stack's history."""
        return self.home / "history" / self.project / self.stack

    @property
    def backups(self) -> Path:
        """The folder of the stack's backups."""
        return self.home / "backups" / self.project / self.stack

    def kept(self) -> list[Path]:
        """Every file that speaks of the stack, but for its locks: the checkpoint is the last one."""
        own = re.compile(rf"\.?{re.escape(self.checkpoint.name)}(\.\d+|\.bak)?(\.attrs|\.gz|\.zst|\.\w+\.tmp)*")
        with files.in_words("read", self.home):
            beside = [path for path in self.checkpoint.parent.glob("*") if own.fullmatch(path.name)]
            past = [path for folder in (self.history, self.backups) for path in folder.glob("*")]
        return sorted([*past, *beside], key=lambda path: (path == self.checkpoint, path in beside))

    def check(self) -> None:
        """Refuse a backend that is missing or kept in a layout other than the present one."""
        if not self.root.is_dir():
            if self.create and not self.root.exists():
                return
            raise StateError(
                f"the state's folder {self.root} does not exist",
                next_step="create it, or add ?create_dir=true to the backend's URL",
            )
        if self.meta.exists():
            self._check_version()
        elif any((self.home / "stacks").glob("*.json")):
            raise UnsupportedError(
                f"{self.home} keeps its stacks in the layout before projects (no meta.yaml)",
                next_step="run `pulumi state upgrade` once with the Pulumi CLI",
            )

    def _check_version(self) -> None:
        found = re.search(r"(?m)^version:\s*(\S+)\s*$", files.read(self.meta).decode(errors="replace"))
        if found is None:
            raise StateError(
                f"{self.meta} is damaged: it does not say its version; it was not touched",
                next_step="write the line `version: 1` into it if this backend was made by Pulumi 3.61 or newer",
            )
        if found[1] != "1":
            raise UnsupportedError(
                f"{self.meta} says layout version {found[1]}; the embedded engine reads and writes version 1",
                next_step="use the Pulumi CLI for this backend",
            )

    def prepare(self) -> None:
        """Make the backend's folder and its version file when they are missing."""
        self.check()
        with files.in_words("make", self.home):
            files.make_folders(self.home)
        if not self.meta.exists():
            files.write_with_attributes(self.meta, _META)


def parse(url: str, *, folder: Path, project: str, stack: str) -> Layout:
    """Read a backend URL as the CLI does.

    Args:
        url: "file:///absolute", "file://./relative", "file://~" or "file://~/below", with an optional query.
        folder: Where relative paths start: the project's folder.
        project: The project's name.
        stack: The stack's name.
    """
    if not url.startswith(_SCHEME):
        scheme = url.partition("://")[0]
        raise UnsupportedError(
            f"the backend {scheme}:// is not supported by the embedded engine; it keeps state in a folder: file://…",
            next_step="use the Pulumi CLI (./infra setup --pulumi), or set PULUMI_BACKEND_URL to a file:// URL",
        )
    if not _STACK_NAME.fullmatch(stack):
        raise StateError(
            f"{stack!r} is no stack name: letters, digits, '-', '_' and '.' are allowed, at most 100 of them",
            next_step="choose another name",
        )
    path, _, query = url.removeprefix(_SCHEME).partition("?")
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(parameters.keys() - _PARAMETERS)
    if unknown:
        raise StateError(
            f"the backend's URL has the unknown parameter {unknown[0]}; known are {', '.join(sorted(_PARAMETERS))}",
            next_step="remove it from the URL",
        )
    place = Path(unquote(path)).expanduser() if path.startswith("~") else folder / unquote(path)
    return Layout(root=place.resolve(), project=project, stack=stack, create=bool(parameters.get("create_dir")))
