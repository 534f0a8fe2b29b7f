"""What a branch is called in Postgres. Pure.

A branch's id is 26 characters that begin with a letter, so it is never the name of a database that is no branch's.
"""

from __future__ import annotations

import re

from cloud_sandbox.errors import DatabaseError

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
