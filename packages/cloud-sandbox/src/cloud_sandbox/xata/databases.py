"""What a branch is made of: the interface to the databases below the API, and a twin that only remembers."""

from __future__ import annotations

from typing import Protocol


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
