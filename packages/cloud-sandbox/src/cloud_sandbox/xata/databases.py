"""What a branch is made of: the interface to the databases below the API, and a twin that only remembers.

Beside it what those who make databases share with those who let clients in: names, and which branches have to wait.

A branch's id is 26 characters that begin with a letter, so it is never the name of a database that is no branch's.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections import Counter
from typing import TYPE_CHECKING, Protocol

from cloud_sandbox.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator

OWNER = "xata"
"""The user and the database that every client of the service names."""
BRANCH_ID = r"[a-z][a-z0-9]{25}"


def role_of(branch_id: str) -> str:
    """The role that logs in for a branch; its database is called like the branch.

    Raises:
        DatabaseError: That is no branch's id.
    """
    if not re.fullmatch(BRANCH_ID, branch_id):
        raise DatabaseError(f"{branch_id!r} is not the id of a branch: that is 26 letters and digits")
    return f"branch_{branch_id}"


def is_role_of_branch(name: str) -> bool:
    """Whether a role is one that `role_of` names: no client of the service knows them."""
    return bool(re.fullmatch(f"branch_{BRANCH_ID}", name))


class Holds:
    """A count per branch, since several children of one parent may be made at once. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    @contextlib.contextmanager
    def hold(self, branch_id: str) -> Iterator[None]:
        """Keep new connections to a branch waiting."""
        with self._lock:
            self._counts[branch_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._counts[branch_id] -= 1
                self._counts += Counter()  # forgets what is down to zero

    def held(self, branch_id: str) -> bool:
        """Whether a new connection has to wait."""
        with self._lock:
            return branch_id in self._counts


class Databases(Protocol):
    """The databases. Every call blocks; of one branch, one is made at a time."""

    def create(self, branch_id: str, *, parent_id: str | None, password: str) -> None:
        """Make a branch's database, with its parent's data when it has one."""

    def set_password(self, branch_id: str, password: str) -> None:
        """Give the branch's role a new password; open connections stay."""

    def drop(self, branch_id: str) -> None:
        """Remove a branch's database and role; one that is not there is no error."""


class NoDatabases:
    """Databases that are only names, for tests of the API's surface. `passwords` maps branch to password."""

    def __init__(self) -> None:
        self.passwords: dict[str, str] = {}
        self.parents: dict[str, str | None] = {}

    def create(self, branch_id: str, *, parent_id: str | None, password: str) -> None:
        """Remember the branch."""
        self.passwords[branch_id] = password
        self.parents[branch_id] = parent_id

    def set_password(self, branch_id: str, password: str) -> None:
        """Remember the password."""
        self.passwords[branch_id] = password

    def drop(self, branch_id: str) -> None:
        """Forget the branch."""
        self.passwords.pop(branch_id, None)
        self.parents.pop(branch_id, None)
