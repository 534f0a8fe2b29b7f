"""Which paths exist, which scope each asks for, and what answers them.

Source: the generated server and the scopes table of the open-source service (services/auth/api/spec).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cloud_sandbox.wire import Reply, Route
from cloud_sandbox.xata import accounts, branches, creation, projects, update
from cloud_sandbox.xata.world import Call, World

if TYPE_CHECKING:
    from cloud_sandbox.xata.settings import Settings

Operation = Callable[[World, Call], Reply]

ORGANIZATION = "/organizations/:organizationID"
PROJECTS = f"{ORGANIZATION}/projects"
PROJECT = f"{PROJECTS}/:projectID"
BRANCHES = f"{PROJECT}/branches"
BRANCH = f"{BRANCHES}/:branchID"

TABLE: tuple[tuple[str, str, str, Operation], ...] = (
    ("GET", "/organizations", "org:read", accounts.list_organizations),
    ("GET", ORGANIZATION, "org:read", accounts.get_organization),
    ("GET", f"{ORGANIZATION}/regions", "project:read", accounts.regions),
    ("GET", f"{ORGANIZATION}/images", "org:read", accounts.images),
    ("GET", f"{ORGANIZATION}/instanceTypes", "org:read", accounts.sizes),
    ("GET", f"{ORGANIZATION}/limits", "org:read", accounts.organization_limits),
    ("GET", f"{PROJECTS}/limits", "project:read", accounts.default_limits),
    ("GET", PROJECTS, "project:read", projects.list_projects),
    ("POST", PROJECTS, "project:write", projects.create_project),
    ("GET", PROJECT, "project:read", projects.get_project),
    ("PATCH", PROJECT, "project:write", projects.update_project),
    ("DELETE", PROJECT, "project:write", projects.delete_project),
    ("GET", f"{PROJECT}/limits", "project:read", accounts.project_limits),
    ("GET", f"{PROJECT}/backups", "project:read", branches.list_backups),
    ("GET", f"{PROJECT}/backups/:backupID", "project:read", branches.get_backup),
    ("GET", BRANCHES, "branch:read", branches.list_branches),
    ("POST", BRANCHES, "branch:write", creation.create_branch),
    ("GET", BRANCH, "branch:read", branches.get_branch),
    ("PATCH", BRANCH, "branch:write", update.update_branch),
    ("DELETE", BRANCH, "branch:write", branches.delete_branch),
    ("GET", f"{BRANCH}/credentials", "credentials:read", branches.get_credentials),
    ("POST", f"{BRANCH}/credentials/rotate", "credentials:write", branches.rotate_credentials),
    ("POST", f"{BRANCH}/restore", "branch:write", creation.restore_backup),
)
SINCE_JUNE = (accounts.organization_limits, accounts.project_limits)
ACCOUNT = (accounts.list_organizations, accounts.get_organization)
"""Those that another service answers."""


def routes(settings: Settings) -> tuple[Route[Operation], ...]:
    """Those of one edition."""
    unknown = (*(SINCE_JUNE if settings.is_april else ()), *(() if settings.account_routes else ACCOUNT))
    return tuple(
        Route(method=method, path=path, scope=scope, operation=operation)
        for method, path, scope, operation in TABLE
        if operation not in unknown
    )
