"""The operations of the API that are used: method, path, and the permission a token needs.

Source: https://docs.github.com/rest/pulls/pulls, https://docs.github.com/rest/issues/comments and
https://docs.github.com/rest/users/users. Comments below a pull request are those of the issue with its number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

REPOSITORY: Final = "/repos/{owner}/{name}"
PULLS: Final = f"{REPOSITORY}/pulls"
COMMENTS: Final = f"{REPOSITORY}/issues/{{number}}/comments"
COMMENT: Final = f"{REPOSITORY}/issues/comments/{{comment}}"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation.

    Attributes:
        act: What it does, to complete "could not …".
        method: GET, POST, PATCH or DELETE.
        path: A template over owner, name, number and comment.
    """

    act: str
    method: str
    path: str

    @property
    def repeatable(self) -> bool:
        """Whether doing it twice leaves what doing it once leaves: a comment that is set to the same text does."""
        return self.method != "POST"

    @property
    def permission(self) -> str:
        """What the token must be allowed to do, in the words of a workflow's `permissions`."""
        return f"pull-requests: {'read' if self.method == 'GET' else 'write'}"


READ_USER: Final = Operation(act="read whose token it is", method="GET", path="/user")
READ_PULL_REQUEST: Final = Operation(act="read the pull request", method="GET", path=f"{PULLS}/{{number}}")
LIST_PULL_REQUESTS: Final = Operation(act="list the pull requests", method="GET", path=PULLS)
LIST_COMMENTS: Final = Operation(act="list the comments", method="GET", path=COMMENTS)
CREATE_COMMENT: Final = Operation(act="write the comment", method="POST", path=COMMENTS)
UPDATE_COMMENT: Final = Operation(act="change the comment", method="PATCH", path=COMMENT)
DELETE_COMMENT: Final = Operation(act="delete the comment", method="DELETE", path=COMMENT)
