"""Which system account runs the server. Postgres refuses root, so root hands it to somebody without rights."""

from __future__ import annotations

import contextlib
import os
import pwd
import stat
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ROOT = 0
DROP_RIGHTS = (
    "import os, sys; uid, gid, *words = sys.argv[1:]; "
    "os.setgroups([]); os.setgid(int(gid)); os.setuid(int(uid)); os.execv(words[0], words)"
)
CANDIDATES = ("postgres", "nobody")
"""Who runs the server for root: the owner of data that are there, else the first of these that exists."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """An account of this machine.

    Attributes:
        switch: Whether programs must be started as somebody else than we are.
    """

    name: str
    uid: int
    gid: int
    switch: bool

    def command(self, words: Sequence[str]) -> list[str]:
        """The command that becomes `words` under this account, with no group of ours left.

        A small process of its own drops the rights. `subprocess` could, but only by fork(), and in the process of a
        provider, full of gRPC's threads, a forked child now and then crashes before it becomes the program.
        """
        if not self.switch:
            return list(words)
        return [sys.executable, "-I", "-S", "-c", DROP_RIGHTS, str(self.uid), str(self.gid), *words]

    def give(self, path: Path) -> None:
        """Make the account the owner of `path`."""
        if self.switch:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def can_read(self, path: Path) -> bool:
        """Whether the account may enter every folder on the way to `path`, and read (or enter) `path` itself."""
        if not self.switch:
            return os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0))
        if not self.can_enter(path.parent):
            return False
        wanted = stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
        return self._allows(path, wanted)

    def can_enter(self, folder: Path) -> bool:
        """Whether the account may enter a folder: every folder on the way to it, and the folder itself."""
        return all(self._allows(step, stat.S_IXOTH) for step in (folder, *folder.parents))

    def _allows(self, path: Path, wanted: int) -> bool:
        """Whether the mode bits grant `wanted`, given as the bits for others."""
        info = path.stat()
        shift = 6 if info.st_uid == self.uid else 3 if info.st_gid == self.gid else 0
        return (info.st_mode >> shift) & wanted == wanted


def running_as_root() -> bool:
    """Whether this process is root's."""
    return os.geteuid() == ROOT


def choose_account(data_owner: int | None = None) -> Account:
    """The account that runs the server.

    Args:
        data_owner: Who owns data that are already there: they stay with their account.

    Raises:
        LocalError: There is no account without rights on this machine.
    """
    if not running_as_root():
        uid = os.geteuid()
        return Account(name=user_name(uid), uid=uid, gid=os.getegid(), switch=False)
    if data_owner is not None and data_owner != ROOT:
        return _without_rights(_by_uid(data_owner))
    for candidate in CANDIDATES:
        with contextlib.suppress(KeyError):
            return _without_rights(pwd.getpwnam(candidate))
    raise LocalError(
        "Postgres cannot run as root, and this machine has neither an account postgres nor an account nobody",
        next_step="create the account postgres, without rights (CANDIDATES in components/postgres/server/account.py)",
    )


def _without_rights(entry: pwd.struct_passwd) -> Account:
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, switch=True)


def user_name(uid: int) -> str:
    """The name of a user id, for messages."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user id {uid}"


def _by_uid(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        raise LocalError(
            f"the server's data belong to user id {uid}, which has no account on this machine",
            next_step="give the data to an account (chown -R), which then runs the server",
        ) from None
