"""The client of Xata's management API: one method per operation that is used, typed in and out."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from components.errors import InvalidError, LimitError
from components.http import client
from components.http.service import Content, Operation, Service
from components.xata.api import models
from components.xata.api.rules import RULES

if TYPE_CHECKING:
    from components.xata.api.models import BranchCreation, BranchPatch, ProjectCreation, ProjectPatch, Restore

KEY_VARIABLE: Final = "XATA_API_KEY"
USERNAME: Final = "xata"
"""The only role whose credentials the API tells. Older servers want it named."""
LATE_SECONDS: Final = 10.0
"""A refusal that took longer tells of a dead part of the service; a 401 then: it cannot tell whose the key is."""
WRITE_SECONDS: Final = 65.0
"""The service provisions a branch inside the request and serves one create per project at a time. Giving up early
would leave a branch whose fate has to be looked up."""
WRITES: Final = frozenset({"POST", "PATCH"})
"""What may differ when it is done twice. A delete done twice is a delete."""

XATA: Final = Service(
    name="Xata",
    default_url="https://api.xata.tech",
    url_variables=("XATA_API_BASE_URL",),
    has_path=False,
    retired=(r"api\.xata\.io|(.+\.)?xata\.sh", "an address of Xata Lite, which ended on 28 February 2026"),
    key_variable=KEY_VARIABLE,
    noun="API key",
    how_to_get_key=f"make a key in Xata's settings and set {KEY_VARIABLE} to it, for example in the shell",
    status_page="Xata's status page",
    rules=RULES,
    nouns={name: f"{name}'s id" for name in ("organization", "project", "branch")},
    id_header="x-request-id",
    takes_ids=True,
    waited_for=WRITES,
    write_seconds=WRITE_SECONDS,
    late_seconds=LATE_SECONDS,
)

ORGANIZATION: Final = "/organizations/{organization}"
PROJECTS: Final = f"{ORGANIZATION}/projects"
PROJECT: Final = f"{PROJECTS}/{{project}}"
BRANCHES: Final = f"{PROJECT}/branches"
BRANCH: Final = f"{BRANCHES}/{{branch}}"


def _operation(act: str, method: str, path: str, permission: str, *, unlimited: str = "") -> Operation:
    return Operation(
        act=act, method=method, path=path, permission=permission, repeatable=method not in WRITES, unlimited=unlimited
    )


LIST_ORGANIZATIONS: Final = _operation("list the organizations", "GET", "/organizations", "org:read")
LIST_REGIONS: Final = _operation("list the regions", "GET", f"{ORGANIZATION}/regions", "project:read")
LIST_INSTANCE_TYPES: Final = _operation("list the instance types", "GET", f"{ORGANIZATION}/instanceTypes", "org:read")
LIST_IMAGES: Final = _operation("list the images", "GET", f"{ORGANIZATION}/images", "org:read")
READ_ORGANIZATION_LIMITS: Final = _operation(
    "read the organization's limits", "GET", f"{ORGANIZATION}/limits", "org:read"
)
READ_DEFAULT_PROJECT_LIMITS: Final = _operation(
    "read the limits of projects", "GET", f"{PROJECTS}/limits", "project:read"
)
READ_PROJECT_LIMITS: Final = _operation("read the project's limits", "GET", f"{PROJECT}/limits", "project:read")
LIST_PROJECTS: Final = _operation("list the projects", "GET", PROJECTS, "project:read")
READ_PROJECT: Final = _operation("read the project", "GET", PROJECT, "project:read")
CREATE_PROJECT: Final = _operation("create the project", "POST", PROJECTS, "project:write", unlimited="projects")
UPDATE_PROJECT: Final = _operation("change the project", "PATCH", PROJECT, "project:write")
DELETE_PROJECT: Final = _operation("delete the project", "DELETE", PROJECT, "project:write")
LIST_BRANCHES: Final = _operation("list the branches", "GET", BRANCHES, "branch:read")
READ_BRANCH: Final = _operation("read the branch", "GET", BRANCH, "branch:read")
CREATE_BRANCH: Final = _operation("create the branch", "POST", BRANCHES, "branch:write", unlimited="branches")
UPDATE_BRANCH: Final = _operation("change the branch", "PATCH", BRANCH, "branch:write")
DELETE_BRANCH: Final = _operation("delete the branch", "DELETE", BRANCH, "branch:write")
READ_CREDENTIALS: Final = _operation(
    "read the branch's credentials", "GET", f"{BRANCH}/credentials", "credentials:read"
)
ROTATE_CREDENTIALS: Final = _operation(
    "rotate the branch's credentials", "POST", f"{BRANCH}/credentials/rotate", "credentials:write"
)
READ_BACKUP: Final = _operation("read the branch's backup", "GET", f"{PROJECT}/backups/{{branch}}", "project:read")
RESTORE: Final = _operation("restore the branch's backup", "POST", f"{BRANCH}/restore", "branch:write")


class Client(client.Client):
    """Xata's management API. Reads and deletes are made again while the budget lasts."""

    SERVICE = XATA

    def organizations(self) -> list[models.Organization]:
        """The organizations that the key can see."""
        return list(self._read(models.Organizations, LIST_ORGANIZATIONS).organizations)

    def regions(self, organization: str) -> list[models.Region]:
        """The regions on offer."""
        return list(self._read(models.Regions, LIST_REGIONS, organization).regions)

    def instance_types(self, organization: str, region: str) -> list[models.InstanceType]:
        """The sizes on offer in a region."""
        found = self._read(
            models.InstanceTypes, LIST_INSTANCE_TYPES, organization, content=Content(query={"region": region})
        )
        return list(found.instance_types)

    def images(self, organization: str, region: str | None = None) -> list[models.Image]:
        """The Postgres images on offer, everywhere or in a region."""
        query = {"region": region} if region else {}
        found = self._read(models.Images, LIST_IMAGES, organization, content=Content(query=query))
        return list(found.images)

    def organization_limits(self, organization: str) -> models.OrganizationLimits:
        """The organization's limits; NotOfferedError from older servers."""
        return self._read(models.OrganizationLimits, READ_ORGANIZATION_LIMITS, organization)

    def default_project_limits(self, organization: str) -> models.ProjectLimits:
        """The limits that hold for any project of the organization."""
        return self._read(models.ProjectLimits, READ_DEFAULT_PROJECT_LIMITS, organization)

    def project_limits(self, organization: str, project: str) -> models.EffectiveProjectLimits:
        """The limits of one project; NotOfferedError from servers that do not tell them."""
        return self._read(models.EffectiveProjectLimits, READ_PROJECT_LIMITS, organization, project)

    def projects(self, organization: str) -> list[models.Project]:
        """All projects that the key may see, in no order."""
        return list(self._read(models.Projects, LIST_PROJECTS, organization).projects)

    def project(self, organization: str, project: str) -> models.Project:
        """One project."""
        return self._read(models.Project, READ_PROJECT, organization, project)

    def create_project(self, organization: str, creation: ProjectCreation) -> models.Project:
        """Make a project. ConflictError when the name is taken."""
        return self._read(models.Project, CREATE_PROJECT, organization, content=Content(body=creation.to_json()))

    def update_project(self, organization: str, project: str, patch: ProjectPatch) -> models.Project:
        """Change a project. ConflictError when the new name is taken."""
        return self._read(models.Project, UPDATE_PROJECT, organization, project, content=Content(body=patch.to_json()))

    def delete_project(self, organization: str, project: str) -> bool:
        """Delete a project that has no branches; False when it was gone. Deleting twice is answered as deleting once.

        Never while a branch is being made in it: the service would leave that branch in a deleted project, out of
        reach.
        """
        return self._delete(DELETE_PROJECT, organization, project)

    def branches(self, organization: str, project: str) -> list[models.BranchSummary]:
        """All branches that the key may see, in no order. Never their descriptions: read one branch for that."""
        found = self._read(models.Branches, LIST_BRANCHES, organization, project)
        return list(found.branches)

    def branch(self, organization: str, project: str, branch: str) -> models.Branch:
        """One branch in full."""
        return self._read(models.Branch, READ_BRANCH, organization, project, branch)

    def create_branch(self, organization: str, project: str, creation: BranchCreation) -> models.BranchSummary:
        """Make a branch; it is not ready yet. ConflictError when the name is taken.

        AmbiguousError when no usable answer came: a list right after does not show a create that is still running, and
        the same request again waits for it and is then answered with ConflictError if it succeeded.
        """
        return self._read(
            models.BranchSummary, CREATE_BRANCH, organization, project, content=Content(body=creation.to_json())
        )

    def update_branch(self, organization: str, project: str, branch: str, patch: BranchPatch) -> models.BranchSummary:
        """Change a branch. ConflictError when the new name is taken, or others changed it at the same time."""
        return self._read(
            models.BranchSummary, UPDATE_BRANCH, organization, project, branch, content=Content(body=patch.to_json())
        )

    def require_changeable(self, organization: str, project: str, branch: str = "") -> None:
        """Ask whether the key may change, and so delete, a branch, or a project: with a change of nothing.

        Every version refuses that as empty once it knows that the key may change. An organization that is disabled may
        not change anything, and yet delete. PermissionDeniedError when the key may not.
        """
        read, change = self._read, UPDATE_BRANCH if branch else UPDATE_PROJECT
        with suppress(InvalidError, LimitError):
            if branch:
                read(models.BranchSummary, change, organization, project, branch, content=Content(body={}))
            else:
                read(models.Project, change, organization, project, content=Content(body={}))

    def delete_branch(self, organization: str, project: str, branch: str) -> bool:
        """Delete a branch and its backup, whether it has children or not; False when it was gone.

        Servers of April 2026 also answer 404 for a branch that only lost its cluster: read it to be certain.
        """
        return self._delete(DELETE_BRANCH, organization, project, branch)

    def credentials(self, organization: str, project: str, branch: str) -> models.Credentials:
        """The branch's log-in. NotFoundError while there is none, also for a moment after rotating."""
        return self._read(
            models.Credentials,
            READ_CREDENTIALS,
            organization,
            project,
            branch,
            content=Content(query={"username": USERNAME}),
        )

    def rotate_credentials(self, organization: str, project: str, branch: str) -> None:
        """Ask for a new password. It comes later: read until it differs. Without credentials yet the answer is 500."""
        self._do(ROTATE_CREDENTIALS, organization, project, branch, content=Content(body={"username": USERNAME}))

    def backup(self, organization: str, project: str, branch: str) -> models.Backup:
        """The branch's backup, whose id is the branch's. In a region without backups the service answers 500."""
        return self._read(models.Backup, READ_BACKUP, organization, project, branch)

    def restore(self, organization: str, project: str, branch: str, restore: Restore) -> models.BranchSummary:
        """Restore the latest point of the branch's backup into a new child branch. NotFoundError before the first."""
        return self._read(
            models.BranchSummary, RESTORE, organization, project, branch, content=Content(body=restore.to_json())
        )


connect, disconnect = Client.connect, Client.disconnect
