"""Every refusal of the real server: its status and its words, which are what clients match on.

Source: services/projects/api/errors.go and store/errors.go of the open-source service.
"""

from __future__ import annotations


class RefusedError(Exception):
    """An answer other than success. `str()` is the message; 5xx messages never reach the caller.

    `newest`: the words of the edition `current`, where they are others; `retry_after`: seconds, as the header has them.
    """

    def __init__(self, status: int, message: str, *, newest: str = "", retry_after: str = "") -> None:
        super().__init__(message)
        self.status, self.newest, self.retry_after = status, newest or message, retry_after


def _identified(status: int, text: str, identifier: str) -> RefusedError:
    """A message whose `{}` is the id in brackets; the newest source writes `with ID` before it."""
    return RefusedError(status, text.format(f"[{identifier}]"), newest=text.format(f"with ID [{identifier}]"))


class CallerGoneError(Exception):
    """The caller is gone before anything was decided: there is no answer, and nothing was written."""


class ClusterError(Exception):
    """The cell's clusters service refused; each operation maps its code in its own way. `code` is a gRPC code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def invalid(param: str, message: str, *, branch: str = "", project: str = "") -> RefusedError:
    """400 with the shape of all hand-written checks."""
    place = (f"Project [{project}]: " if project else "") + (f"Branch [{branch}]: " if branch else "")
    return RefusedError(400, f"{place}invalid parameter [{param}]: {message}")


def no_token() -> RefusedError:
    """401: no bearer token."""
    return RefusedError(401, "no token found")


def bad_token() -> RefusedError:
    """401: the token is unknown or expired."""
    return RefusedError(401, "invalid token")


def denied() -> RefusedError:
    """403: the policy does not allow it."""
    return RefusedError(403, "access denied")


def no_route() -> RefusedError:
    """404: no such operation."""
    return RefusedError(404, "Not Found")


def internal(what: str) -> RefusedError:
    """500: `what` is for our own log only."""
    return RefusedError(500, what)


def not_implemented() -> RefusedError:
    """501: announced, not built; the caller sees a masked text."""
    return RefusedError(501, "not implemented")


def creation_disabled() -> RefusedError:
    """503: branch creation is switched off."""
    return RefusedError(503, "Branch creation is temporarily disabled")


def organization_disabled(organization: str) -> RefusedError:
    """403: a disabled organization may not write."""
    text = "Organization {} is disabled, please check your billing settings or contact support"
    return _identified(403, text, organization)


def new_organization_limit(organization: str) -> RefusedError:
    """403: ten branches in the first twelve hours."""
    return _identified(403, "Organization {} has reached the branch limit for new organizations", organization)


def project_not_found(project: str) -> RefusedError:
    """404: no such project in the organization."""
    return RefusedError(404, f"project [{project}] not found")


def project_exists(name: str) -> RefusedError:
    """409: the name is taken."""
    return RefusedError(409, f"project [{name}] already exists")


def bad_project_name(name: str) -> RefusedError:
    """400: an empty name."""
    return RefusedError(400, f"invalid project name [{name}]")


def project_busy(project: str) -> RefusedError:
    """The project's lock is taken, in the newest source: nothing was begun, and it may be asked again in a second.

    `Retry-After` and the first three words are the source's. Status and the rest are assumed: what is in the index does
    not hold the error itself. It is below 500, because the source would replace the header of a 503 by 30.
    """
    return RefusedError(409, f"acquire project lock: project [{project}] is busy", retry_after="1")


def project_not_empty(project: str) -> RefusedError:
    """400: it has branches."""
    return RefusedError(400, f"project {project} is not empty. Please delete its branches first.")


def project_limit(organization: str, limit: int) -> RefusedError:
    """403: too many projects."""
    return RefusedError(403, f"organization [{organization}] has reached the limit of {limit} projects")


def project_rate(organization: str, limit: int) -> RefusedError:
    """429: too many projects within an hour."""
    return RefusedError(
        429, f"organization [{organization}] has reached the limit of {limit} project creations per hour"
    )


def branch_not_found(branch: str) -> RefusedError:
    """404 of the service's own table."""
    return RefusedError(404, f"branch [{branch}] not found")


def cluster_not_found(branch: str) -> RefusedError:
    """404 of a branch whose cluster, parent or backup is missing."""
    return _identified(404, "Branch {}: not found", branch)


def branch_exists(name: str) -> RefusedError:
    """409: the name is taken in the project."""
    return RefusedError(409, f"branch [{name}] already exists")


def branch_changed(branch: str) -> RefusedError:
    """409: somebody else changed it at the same moment."""
    return _identified(409, "branch {} was modified concurrently, please retry", branch)


def update_forbidden(branch: str) -> RefusedError:
    """403: updates are refused for now."""
    return _identified(403, "Branch {} update is temporarily unavailable", branch)


def organization_branch_limit(organization: str, limit: int) -> RefusedError:
    """403: too many branches."""
    return RefusedError(403, f"organization [{organization}] has reached the limit of {limit} branches")


def branch_rate(organization: str, limit: int) -> RefusedError:
    """429: too many branches within an hour."""
    return RefusedError(
        429, f"organization [{organization}] has reached the limit of {limit} branch creations per hour"
    )


def project_branch_limit(project: str, limit: int | None) -> RefusedError:
    """The older server names no number."""
    what = "has too many branches" if limit is None else f"has reached the limit of {limit} branches"
    return RefusedError(400, f"project [{project}] {what}")


def too_deep(branch: str, limit: int) -> RefusedError:
    """400: the tree is as deep as it may be."""
    return RefusedError(
        400,
        f"BranchID [{branch}]: a child branch would exceed the maximum depth of the branch tree ({limit})."
        " Please, remove a depth level or use a different parent",
    )


def too_many_children(branch: str, limit: int) -> RefusedError:
    """400: the parent has as many children as a child may have."""
    return RefusedError(
        400,
        f"BranchID [{branch}]: a child branch would exceed the maximum children allowed ({limit})."
        " Please, remove a branch or use a different parent",
    )


def parent_unhealthy(parent: str) -> RefusedError:
    """412: only when the clusters service says so."""
    return _identified(412, "Cannot create child branch because parent branch {} is not healthy", parent)


def no_credentials(branch: str) -> RefusedError:
    """404: the secret does not exist at the moment."""
    return _identified(404, "Credentials for username [xata] on branch {}: not found", branch)


def backup_not_found(backup: str) -> RefusedError:
    """404: no such branch, or it was deleted."""
    return _identified(404, "Backup {}: not found", backup)


def too_long(limit: int) -> RefusedError:
    """400: a description of too many bytes."""
    return RefusedError(400, f"max length is {limit}")


def bad_description(text: str) -> RefusedError:
    """400: a description with other characters."""
    return RefusedError(400, f"description {text} invalid: invalid branch description {text}")


def malformed_resource(branch: str, field: str, value: object, rule: str) -> ClusterError:
    """What Kubernetes says when a value breaks a rule of the branch's custom resource."""
    text = (
        f'invalid resource: Branch.xata.io "{branch}" is invalid: {field}: Invalid value: {value}:'
        f" {field} in body should be {rule}"
    )
    return ClusterError("InvalidArgument", text)
