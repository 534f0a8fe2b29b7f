"""The operations of the API that are used: method, path and the scope a key needs, as its OpenAPI document says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ORGANIZATION: Final = "/organizations/{organization}"
PROJECTS: Final = f"{ORGANIZATION}/projects"
PROJECT: Final = f"{PROJECTS}/{{project}}"
BRANCHES: Final = f"{PROJECT}/branches"
BRANCH: Final = f"{BRANCHES}/{{branch}}"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation.

    Attributes:
        act: What it does, to complete "could not …".
        method: GET, POST, PATCH or DELETE.
        path: A template over organization, project, branch and backup.
        scope: What the key must be allowed to do.
        unlimited: What the key must not be limited to (`projects` or `branches`), because something is added there.
    """

    act: str
    method: str
    path: str
    scope: str
    unlimited: str = ""

    @property
    def writes(self) -> bool:
        """Whether doing it twice may differ from doing it once. A delete done twice is a delete."""
        return self.method in {"POST", "PATCH"}


LIST_ORGANIZATIONS: Final = Operation(
    act="list the organizations", method="GET", path="/organizations", scope="org:read"
)
LIST_REGIONS: Final = Operation(
    act="list the regions", method="GET", path=f"{ORGANIZATION}/regions", scope="project:read"
)
LIST_INSTANCE_TYPES: Final = Operation(
    act="list the instance types", method="GET", path=f"{ORGANIZATION}/instanceTypes", scope="org:read"
)
LIST_IMAGES: Final = Operation(act="list the images", method="GET", path=f"{ORGANIZATION}/images", scope="org:read")
READ_ORGANIZATION_LIMITS: Final = Operation(
    act="read the organization's limits", method="GET", path=f"{ORGANIZATION}/limits", scope="org:read"
)
READ_DEFAULT_PROJECT_LIMITS: Final = Operation(
    act="read the limits of projects", method="GET", path=f"{PROJECTS}/limits", scope="project:read"
)
READ_PROJECT_LIMITS: Final = Operation(
    act="read the project's limits", method="GET", path=f"{PROJECT}/limits", scope="project:read"
)
LIST_PROJECTS: Final = Operation(act="list the projects", method="GET", path=PROJECTS, scope="project:read")
READ_PROJECT: Final = Operation(act="read the project", method="GET", path=PROJECT, scope="project:read")
CREATE_PROJECT: Final = Operation(
    act="create the project", method="POST", path=PROJECTS, scope="project:write", unlimited="projects"
)
UPDATE_PROJECT: Final = Operation(act="change the project", method="PATCH", path=PROJECT, scope="project:write")
DELETE_PROJECT: Final = Operation(act="delete the project", method="DELETE", path=PROJECT, scope="project:write")
LIST_BRANCHES: Final = Operation(act="list the branches", method="GET", path=BRANCHES, scope="branch:read")
READ_BRANCH: Final = Operation(act="read the branch", method="GET", path=BRANCH, scope="branch:read")
CREATE_BRANCH: Final = Operation(
    act="create the branch", method="POST", path=BRANCHES, scope="branch:write", unlimited="branches"
)
UPDATE_BRANCH: Final = Operation(act="change the branch", method="PATCH", path=BRANCH, scope="branch:write")
DELETE_BRANCH: Final = Operation(act="delete the branch", method="DELETE", path=BRANCH, scope="branch:write")
READ_CREDENTIALS: Final = Operation(
    act="read the branch's credentials", method="GET", path=f"{BRANCH}/credentials", scope="credentials:read"
)
ROTATE_CREDENTIALS: Final = Operation(
    act="rotate the branch's credentials",
    method="POST",
    path=f"{BRANCH}/credentials/rotate",
    scope="credentials:write",
)
READ_BACKUP: Final = Operation(
    act="read the branch's backup", method="GET", path=f"{PROJECT}/backups/{{backup}}", scope="project:read"
)
RESTORE: Final = Operation(
    act="restore the branch's backup", method="POST", path=f"{BRANCH}/restore", scope="branch:write"
)
