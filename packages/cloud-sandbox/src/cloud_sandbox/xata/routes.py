"""Which paths exist, and which scope each asks for.

Source: the generated server and the scopes table of the open-source service (services/auth/api/spec).
"""

from __future__ import annotations

from cloud_sandbox.wire import Route

ORGANIZATION = "/organizations/:organizationID"
PROJECTS = f"{ORGANIZATION}/projects"
PROJECT = f"{PROJECTS}/:projectID"
BRANCHES = f"{PROJECT}/branches"
BRANCH = f"{BRANCHES}/:branchID"

ROUTES = (
    Route(method="GET", path="/organizations", scope="org:read", name="organizations.list", account=True),
    Route(method="GET", path=ORGANIZATION, scope="org:read", name="organizations.get", account=True),
    Route(method="GET", path=f"{ORGANIZATION}/regions", scope="project:read", name="catalogue.regions"),
    Route(method="GET", path=f"{ORGANIZATION}/images", scope="org:read", name="catalogue.images"),
    Route(method="GET", path=f"{ORGANIZATION}/instanceTypes", scope="org:read", name="catalogue.sizes"),
    Route(method="GET", path=f"{ORGANIZATION}/limits", scope="org:read", name="limits.organization", since_june=True),
    Route(method="GET", path=f"{PROJECTS}/limits", scope="project:read", name="limits.default"),
    Route(method="GET", path=PROJECTS, scope="project:read", name="projects.list"),
    Route(method="POST", path=PROJECTS, scope="project:write", name="projects.create"),
    Route(method="GET", path=PROJECT, scope="project:read", name="projects.get"),
    Route(method="PATCH", path=PROJECT, scope="project:write", name="projects.update"),
    Route(method="DELETE", path=PROJECT, scope="project:write", name="projects.delete"),
    Route(method="GET", path=f"{PROJECT}/limits", scope="project:read", name="limits.project", since_june=True),
    Route(method="GET", path=f"{PROJECT}/backups", scope="project:read", name="backups.list"),
    Route(method="GET", path=f"{PROJECT}/backups/:backupID", scope="project:read", name="backups.get"),
    Route(method="GET", path=BRANCHES, scope="branch:read", name="branches.list"),
    Route(method="POST", path=BRANCHES, scope="branch:write", name="branches.create"),
    Route(method="GET", path=BRANCH, scope="branch:read", name="branches.get"),
    Route(method="PATCH", path=BRANCH, scope="branch:write", name="branches.update"),
    Route(method="DELETE", path=BRANCH, scope="branch:write", name="branches.delete"),
    Route(method="GET", path=f"{BRANCH}/credentials", scope="credentials:read", name="credentials.get"),
    Route(method="POST", path=f"{BRANCH}/credentials/rotate", scope="credentials:write", name="credentials.rotate"),
    Route(method="POST", path=f"{BRANCH}/restore", scope="branch:write", name="backups.restore"),
)
