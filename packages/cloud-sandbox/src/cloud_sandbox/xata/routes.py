"""Which paths exist, which scopes each asks for, and how a path is matched.

Source: the generated server and the scopes table of the open-source service (services/auth/api/spec).
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

ORGANIZATION = "/organizations/:organizationID"
PROJECTS = f"{ORGANIZATION}/projects"
PROJECT = f"{PROJECTS}/:projectID"
BRANCHES = f"{PROJECT}/branches"
BRANCH = f"{BRANCHES}/:branchID"


@dataclass(frozen=True, kw_only=True)
class Route:
    """One operation. `since_june`: the older server has it not; `account`: another service answers it."""

    method: str
    path: str
    scope: str
    name: str
    since_june: bool = False
    account: bool = False


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


def _fits(pattern: list[str], parts: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(parts):
        return None
    found = {}
    for wanted, part in zip(pattern, parts, strict=True):
        if wanted.startswith(":"):
            found[wanted[1:]] = unquote(part, errors="surrogateescape")
        elif wanted != part:
            return None
    return found


def match(routes: tuple[Route, ...], method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The operation a request asks for and the values of its path; a slash at the end does not matter.

    Fixed parts win over placeholders: `GET …/projects/limits` never asks for a project named `limits`.
    """
    parts = (path[:-1] if len(path) > 1 and path.endswith("/") else path).split("/")
    candidates = [(route, _fits(route.path.split("/"), parts)) for route in routes if route.method == method]
    fitting = [(route, values) for route, values in candidates if values is not None]
    return min(fitting, key=lambda pair: len(pair[1]), default=None)
