"""A branch's credentials: read them, wait for them, rotate them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.errors import AmbiguousError, GoneError, LifecycleError, NotFoundError, NotReadyError
from components.xata.branches.clock import SYSTEM, Deadline
from components.xata.branches.endpoints import endpoints_of, require_same_domain
from components.xata.branches.find import gone, read_branch
from components.xata.branches.ready import DEFAULT_TIMEOUT, not_ready, pause_after, until_healthy

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.xata.api.client import Client
    from components.xata.api.models import Branch
    from components.xata.branches.clock import Clock
    from components.xata.branches.endpoints import Endpoints
    from components.xata.branches.place import Place

ROTATE_ATTEMPTS = 4
DOUBT_SECONDS = 15.0
"""How long the password is looked at after a request for rotation whose answer was lost."""


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A healthy branch and its endpoints."""

    branch: Branch
    endpoints: Endpoints


def current(
    client: Client,
    place: Place,
    branch_id: str,
    *,
    last_host: str = "",
    read: Callable[[Client, Place, str], Branch] = read_branch,
) -> Ready | None:
    """The branch as it is now with its endpoints, without waiting (for refresh): two reads.

    Args:
        client: The API.
        place: Where the branch lives.
        branch_id: Its id.
        last_host: Where an earlier run found it, here and below; empty on the first.
        read: Reads the branch.

    Returns:
        None when the branch is gone.

    Raises:
        NotReadyError: The branch is there, and its credentials or its address are not.
        RefusedError: Its host left the region's domain, here and below.
    """
    try:
        branch = read(client, place, branch_id)
        endpoints, missing = _read(client, place, branch, last_host)
    except GoneError:
        return None
    if endpoints is None:
        raise not_ready(branch, f"has {missing} at the moment", "run it again in a minute")
    return Ready(branch=branch, endpoints=endpoints)


def connect_when_ready(
    client: Client,
    place: Place,
    branch_id: str,
    *,
    last_host: str = "",
    timeout_seconds: float = DEFAULT_TIMEOUT,
    clock: Clock = SYSTEM,
) -> Ready:
    """Wait until the branch is healthy and then until its credentials can be read, within one deadline.

    Raises:
        GoneError: It was deleted.
        NotReadyError: The deadline came, or a fault lasted.
    """
    deadline = Deadline(timeout_seconds, clock)
    branch = until_healthy(client, place, branch_id, deadline)
    return Ready(branch=branch, endpoints=_until_readable(client, place, branch, deadline, last_host))


def rotate(
    client: Client,
    place: Place,
    branch_id: str,
    *,
    old_password: str,
    force: bool = False,
    last_host: str = "",
    timeout_seconds: float = DEFAULT_TIMEOUT,
    clock: Clock = SYSTEM,
) -> Ready:
    """Give the branch a new password and wait until it is in force. Open connections stay.

    When the password is no longer `old_password` it was rotated already (by a run that was killed, or by somebody
    else): nothing is rotated, unless `force`.

    Raises:
        GoneError: The branch was deleted.
        NotReadyError: The new password cannot be read by the deadline; running again does not rotate twice.
    """
    deadline = Deadline(timeout_seconds, clock)
    branch = read_branch(client, place, branch_id)
    before = Ready(branch=branch, endpoints=_until_readable(client, place, branch, deadline, last_host))
    if not force and old_password and before.endpoints.password != old_password:
        return before
    return _renewed(client, place, before, deadline)


def renew(
    client: Client, place: Place, ready: Ready, *, timeout_seconds: float = DEFAULT_TIMEOUT, clock: Clock = SYSTEM
) -> Ready:
    """Give a branch that was just read another password, whatever it has, and wait until that is in force.

    Raises:
        GoneError: The branch was deleted.
        NotReadyError: The new password cannot be read by the deadline.
    """
    return _renewed(client, place, ready, Deadline(timeout_seconds, clock))


def _renewed(client: Client, place: Place, before: Ready, deadline: Deadline) -> Ready:
    branch, old, clock = before.branch, before.endpoints.direct, deadline.clock
    for _ in range(ROTATE_ATTEMPTS):
        answered = _ask_for_rotation(client, place, branch.id)
        wait = deadline if answered else Deadline(min(DOUBT_SECONDS, deadline.left), clock)
        try:
            after = _until_readable(client, place, branch, wait, old.host, other_than=old.password)
        except NotReadyError:
            if answered or not deadline.left:
                raise
        else:
            return Ready(branch=branch, endpoints=after)
    raise LifecycleError(
        f"the password of the branch {branch.name!r} ({branch.id}) is still the old one: {ROTATE_ATTEMPTS} requests to "
        "rotate it got no answer",
        next_step="run it again in a minute",
    )


def _ask_for_rotation(client: Client, place: Place, branch_id: str) -> bool:
    """Whether the service said yes; False when it is not known whether it does it."""
    try:
        client.rotate_credentials(place.organization, place.project, branch_id)
    except AmbiguousError:  # also its 500 to a rotation while another one is under way
        return False
    except NotFoundError as error:
        raise gone(branch_id, error) from error
    return True


def _read(client: Client, place: Place, branch: Branch, last_host: str) -> tuple[Endpoints | None, str]:
    """The endpoints; None while the service is making the secret or tells no address yet, and which of both it is.

    Raises:
        GoneError: It is the branch that is not there.
    """
    try:
        credentials = client.credentials(place.organization, place.project, branch.id)
    except NotFoundError:
        read_branch(client, place, branch.id)
        return None, "no credentials"
    found = endpoints_of(credentials, branch) or endpoints_of(credentials, read_branch(client, place, branch.id))
    if found is not None:
        require_same_domain(last_host, found, branch)
    return found, "credentials without a host, and no connectionString"


def _until_readable(
    client: Client, place: Place, branch: Branch, deadline: Deadline, last_host: str, *, other_than: str = ""
) -> Endpoints:
    start = deadline.elapsed
    while True:
        endpoints, missing = _read(client, place, branch, last_host)
        if endpoints is not None and endpoints.password != other_than:
            return endpoints
        if not deadline.pause(pause_after(deadline.elapsed - start)):
            what = missing if endpoints is None else "no new password"
            raise not_ready(branch, f"has {what} after {deadline.elapsed:.0f} s")
