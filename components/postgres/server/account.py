"""Which system account runs the server. Postgres refuses root, so root hands it to somebody without rights."""

from __future__ import annotations

import os
import pwd
import stat
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.errors import ConfigurationError, LocalError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ROOT = 0
DROP_RIGHTS = (
    "import os, sys; uid, gid, *words = sys.argv[1:]; "
    "os.setgroups([]); os.setgid(int(gid)); os.setuid(int(uid)); os.execv(words[0], words)"
)
CANDIDATES = ("postgres", "nobody")
"""Who runs the server for root when nobody is named: the first that exists."""


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


def choose_account(configured: str, *, data_owner: int | None = None) -> Account:
    """The account that runs the server.

    Args:
        configured: The account named in the configuration; empty for the default.
        data_owner: Who owns data that are already there: they stay with their account.

    Raises:
        ConfigurationError: The named account does not exist, is root, or only root could use it.
        LocalError: There is no account without rights on this machine.
    """
    if not running_as_root():
        return _own_account(configured)
    if configured:
        return _named(configured)
    if data_owner is not None and data_owner != ROOT:
        entry = _by_uid(data_owner)
        return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, switch=True)
    for candidate in CANDIDATES:
        try:
            return _named(candidate)
        except ConfigurationError:
            continue
    raise LocalError(
        "Postgres cannot run as root, and this machine has neither an account postgres nor an account nobody",
        next_step="create an account without rights and name it in the stack's configuration (account)",
    )


def account_reason(configured: str) -> str:
    """Why this account cannot be used here; empty when it can."""
    try:
        choose_account(configured)
    except (ConfigurationError, LocalError) as error:
        return error.message
    return ""


def user_name(uid: int) -> str:
    """The name of a user id, for messages."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user id {uid}"


def _own_account(configured: str) -> Account:
    uid, name = os.geteuid(), user_name(os.geteuid())
    if configured not in {"", name}:
        raise ConfigurationError(
            f"the server cannot run as account {configured!r}: only root may start programs as somebody else, "
            f"and this is {name}",
            next_step="leave account empty in the stack's configuration",
        )
    return Account(name=name, uid=uid, gid=os.getegid(), switch=False)


def _named(name: str) -> Account:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        entry = None
    if entry is None or entry.pw_uid == ROOT:
        why = "is root, which Postgres refuses" if entry else "does not exist on this machine"
        raise ConfigurationError(
            f"the account {name!r} for the server {why}",
            next_step="name an account without rights in the stack's configuration (account), or leave it empty",
        )
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, switch=True)


def _by_uid(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        raise LocalError(
            f"the server's data belong to user id {uid}, which has no account on this machine",
            next_step="give the data to an account (chown -R) and name it in the stack's configuration (account)",
        ) from None
