"""The client of Xata's management API: one method per operation that is used, typed in and out."""

from __future__ import annotations

import os
import random
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from components.http.attempts import Timing
from components.http.pool import may_be_key, pool
from components.http.shared import Shared
from components.xata.api import address, models, operations
from components.xata.api.address import DEFAULT_BASE_URL
from components.xata.api.door import Door
from components.xata.api.errors import InputError, InvalidError, LimitError, MissingKeyError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from components.xata.api.bodies import BranchCreation, BranchPatch, ProjectCreation, ProjectPatch, Restore

KEY_VARIABLE, BASE_URL_VARIABLE = "XATA_API_KEY", "XATA_API_BASE_URL"
USERNAME = "xata"
"""The only role whose credentials the API tells. Older servers want it named."""


class Client:
    """Xata's management API, seen with one key. Safe to use from many threads.

    Every method raises errors below `errors.XataError`, and InputError before anything is sent. Reads and deletes are
    repeated while the budget lasts; a write only when it is certain that nothing was done.

    Args:
        key: The API key; it appears nowhere but in the requests.
        base_url: The API's address: https, or plain http to this machine.
        transport: What carries the requests; None for the network.
        budget_seconds: What one call may take with all its repeats. A write that was begun is always waited for.
        clock: Seconds that only ever grow.
        sleep: Waits for so many seconds.
        jitter: A number from 0 to 1, for the pauses between repeats.
        now: Seconds since the epoch, for a `Retry-After` date in an answer without a date of its own.
    """

    def __init__(
        self,
        *,
        key: str,
        base_url: str = DEFAULT_BASE_URL,
        transport: httpx.BaseTransport | None = None,
        budget_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.base_url = address.base_url(base_url)
        timing = Timing(budget_seconds=budget_seconds, clock=clock, sleep=sleep, jitter=jitter, now=now)
        self._http = pool(self.base_url, transport)
        self._door = Door(self._http, base_url=self.base_url, key=_judged(key), timing=timing)

    def __repr__(self) -> str:
        return f"Client(base_url={self.base_url!r})"

    def within(self, seconds: float) -> Client:
        """The same client with another budget per call; it shares the connections."""
        other = Client.__new__(Client)
        other.base_url, other._http, other._door = self.base_url, self._http, self._door.within(seconds)  # noqa: SLF001 - of this class
        return other

    def close(self) -> None:
        """Close the connections, also those of clients made by `within`."""
        self._http.close()

    def organizations(self) -> list[models.Organization]:
        """The organizations that the key can see."""
        return list(self._door.read(models.Organizations, operations.LIST_ORGANIZATIONS).organizations)

    def regions(self, organization: str) -> list[models.Region]:
        """The regions on offer."""
        return list(self._door.read(models.Regions, operations.LIST_REGIONS, organization=organization).regions)

    def instance_types(self, organization: str, region: str) -> list[models.InstanceType]:
        """The sizes on offer in a region."""
        found = self._door.read(
            models.InstanceTypes, operations.LIST_INSTANCE_TYPES, query={"region": region}, organization=organization
        )
        return list(found.instance_types)

    def images(self, organization: str, region: str | None = None) -> list[models.Image]:
        """The Postgres images on offer, everywhere or in a region."""
        query = {"region": region} if region else None
        found = self._door.read(models.Images, operations.LIST_IMAGES, query=query, organization=organization)
        return list(found.images)

    def organization_limits(self, organization: str) -> models.OrganizationLimits:
        """The organization's limits; NotOfferedError from older servers."""
        return self._door.read(
            models.OrganizationLimits, operations.READ_ORGANIZATION_LIMITS, organization=organization
        )

    def default_project_limits(self, organization: str) -> models.ProjectLimits:
        """The limits that hold for any project of the organization."""
        return self._door.read(models.ProjectLimits, operations.READ_DEFAULT_PROJECT_LIMITS, organization=organization)

    def project_limits(self, organization: str, project: str) -> models.EffectiveProjectLimits:
        """The limits of one project; NotOfferedError from servers that do not tell them."""
        return self._door.read(
            models.EffectiveProjectLimits,
            operations.READ_PROJECT_LIMITS,
            organization=organization,
            project=project,
        )

    def projects(self, organization: str) -> list[models.Project]:
        """All projects that the key may see, in no order."""
        return list(self._door.read(models.Projects, operations.LIST_PROJECTS, organization=organization).projects)

    def project(self, organization: str, project: str) -> models.Project:
        """One project."""
        return self._door.read(models.Project, operations.READ_PROJECT, organization=organization, project=project)

    def create_project(self, organization: str, creation: ProjectCreation) -> models.Project:
        """Make a project. ConflictError when the name is taken."""
        return self._door.read(
            models.Project, operations.CREATE_PROJECT, body=creation.to_json(), organization=organization
        )

    def update_project(self, organization: str, project: str, patch: ProjectPatch) -> models.Project:
        """Change a project. ConflictError when the new name is taken."""
        return self._door.read(
            models.Project,
            operations.UPDATE_PROJECT,
            body=patch.to_json(),
            organization=organization,
            project=project,
        )

    def delete_project(self, organization: str, project: str) -> bool:
        """Delete a project that has no branches; False when it was gone. Deleting twice is answered as deleting once.

        Never while a branch is being made in it: the service would leave that branch in a deleted project, out of
        reach.
        """
        return self._delete(operations.DELETE_PROJECT, organization=organization, project=project)

    def branches(self, organization: str, project: str) -> list[models.BranchSummary]:
        """All branches that the key may see, in no order. Never their descriptions: read one branch for that."""
        found = self._door.read(models.Branches, operations.LIST_BRANCHES, organization=organization, project=project)
        return list(found.branches)

    def branch(self, organization: str, project: str, branch: str) -> models.Branch:
        """One branch in full."""
        return self._door.read(
            models.Branch, operations.READ_BRANCH, organization=organization, project=project, branch=branch
        )

    def create_branch(self, organization: str, project: str, creation: BranchCreation) -> models.BranchSummary:
        """Make a branch; it is not ready yet. ConflictError when the name is taken.

        AmbiguousError when no usable answer came: a list right after does not show a create that is still running, and
        the same request again waits for it and is then answered with ConflictError if it succeeded.
        """
        return self._door.read(
            models.BranchSummary,
            operations.CREATE_BRANCH,
            body=creation.to_json(),
            organization=organization,
            project=project,
        )

    def update_branch(self, organization: str, project: str, branch: str, patch: BranchPatch) -> models.BranchSummary:
        """Change a branch. ConflictError when the new name is taken, or others changed it at the same time."""
        return self._door.read(
            models.BranchSummary,
            operations.UPDATE_BRANCH,
            body=patch.to_json(),
            organization=organization,
            project=project,
            branch=branch,
        )

    def require_changeable(self, organization: str, project: str, branch: str = "") -> None:
        """Ask whether the key may change, and so delete, a branch, or a project: with a change of nothing.

        Every version refuses that as empty once it knows that the key may change. An organization that is disabled may
        not change anything, and yet delete. PermissionDeniedError when the key may not.
        """
        read, change = self._door.read, operations.UPDATE_BRANCH if branch else operations.UPDATE_PROJECT
        with suppress(InvalidError, LimitError):
            if branch:
                read(models.BranchSummary, change, body={}, organization=organization, project=project, branch=branch)
            else:
                read(models.Project, change, body={}, organization=organization, project=project)

    def delete_branch(self, organization: str, project: str, branch: str) -> bool:
        """Delete a branch and its backup, whether it has children or not; False when it was gone.

        Servers of April 2026 also answer 404 for a branch that only lost its cluster: read it to be certain.
        """
        return self._delete(operations.DELETE_BRANCH, organization=organization, project=project, branch=branch)

    def credentials(self, organization: str, project: str, branch: str) -> models.Credentials:
        """The branch's log-in. NotFoundError while there is none, also for a moment after rotating."""
        return self._door.read(
            models.Credentials,
            operations.READ_CREDENTIALS,
            query={"username": USERNAME},
            organization=organization,
            project=project,
            branch=branch,
        )

    def rotate_credentials(self, organization: str, project: str, branch: str) -> None:
        """Ask for a new password. It comes later: read until it differs. Without credentials yet the answer is 500."""
        self._door.do(
            operations.ROTATE_CREDENTIALS,
            body={"username": USERNAME},
            organization=organization,
            project=project,
            branch=branch,
        )

    def backup(self, organization: str, project: str, branch: str) -> models.Backup:
        """The branch's backup, whose id is the branch's. In a region without backups the service answers 500."""
        return self._door.read(
            models.Backup, operations.READ_BACKUP, organization=organization, project=project, backup=branch
        )

    def restore(self, organization: str, project: str, branch: str, restore: Restore) -> models.BranchSummary:
        """Restore the latest point of the branch's backup into a new child branch. NotFoundError before the first."""
        return self._door.read(
            models.BranchSummary,
            operations.RESTORE,
            body=restore.to_json(),
            organization=organization,
            project=project,
            branch=branch,
        )

    def _delete(self, operation: operations.Operation, **segments: str) -> bool:
        """Whether it was there. Gone on a repeat means that an earlier attempt, whose answer is lost, deleted it."""
        try:
            self._door.do(operation, **segments)
        except NotFoundError as error:
            return error.attempts > 1
        return True


_shared: Shared[Client] = Shared()


def connect(environment: Mapping[str, str] = os.environ) -> Client:
    """The client for `XATA_API_KEY` and `XATA_API_BASE_URL`; the same one for the same pair, so connections are shared.

    Raises:
        MissingKeyError: There is no key.
        AddressError: The base URL is none.
    """
    key = environment.get(KEY_VARIABLE, "").strip()
    url = address.base_url(environment.get(BASE_URL_VARIABLE, "").strip() or DEFAULT_BASE_URL)
    return _shared.get(url, key, lambda: Client(key=key, base_url=url))


def disconnect() -> None:
    """Close the connections of every client that `connect` made; the next `connect` makes new ones."""
    _shared.close()


def _judged(key: str) -> str:
    if not key.strip():
        raise MissingKeyError(
            f"there is no API key: {KEY_VARIABLE} is not set or empty",
            next_step=f"make a key in Xata's settings and set {KEY_VARIABLE} to it, for example in the shell",
        )
    if not may_be_key(key.strip()):
        raise InputError(
            f"the API key in {KEY_VARIABLE} holds characters that no key has (blanks, line ends, other scripts)",
            next_step="copy the key once more, without quotes and without its name",
        )
    return key.strip()
