"""Setting and removing secrets: few calls, only our names, and a way on when the service refuses."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from components.errors import (
    AmbiguousError,
    NoVersionsError,
    SecretNotFoundError,
    UndeployedVersionError,
    WorkerNotFoundError,
)
from components.worker.secrets import claim, draft

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from components.worker.api.client import Client
    from components.worker.secrets.target import Target

Changes = dict[str, str | None]

MOST_AT_ONCE: Final = 100
"""So many secrets one call changes."""
MESSAGE: Final = "secrets changed"
MOST_LOOKS: Final = 3


def put(
    client: Client,
    target: Target,
    values: Mapping[str, str],
    *,
    gone: Collection[str] = (),
    on_undeployed: str = "error",
    owner: str = "",
) -> bool:
    """Set these secrets and remove those of `gone` that are there; whether a draft had to be made for it.

    Args:
        client: The API.
        target: The Worker; a draft is made when it is not there, or has no code.
        values: Names to values.
        gone: Names to remove; one that is no secret (any more) is left alone.
        on_undeployed: While a newer version of the Worker is not deployed: `error` stops; `deploy` makes a version
            like the newest one with these secrets, and deploys it with whatever else is new in it.
        owner: The stack that the Worker is made for and goes with; empty for one that stays when its stack goes.

    Raises:
        RefusedError: There is an owner, and the Worker was not made for it.
        UndeployedVersionError: A newer version is not deployed, and `on_undeployed` is `error`.
        ConflictError: Another kind of binding has one of the names.
        ApiError: As its tree says.
    """
    made = False
    if owner:
        claim.require_owned(client, target, owner)
    try:
        _change(client, target, values, gone, on_undeployed)
    except (WorkerNotFoundError, NoVersionsError) as error:
        if not values:
            return False
        worker_exists = isinstance(error, NoVersionsError)
        made = not worker_exists
    else:
        return False
    draft.make(client, target, worker_exists=worker_exists, owner=owner)
    _change(client, target, values, (), on_undeployed)
    return made


def remove(
    client: Client, target: Target, names: Collection[str], *, on_undeployed: str = "error", owner: str = ""
) -> None:
    """Remove these secrets, and the Worker with them when it is a draft of ours that holds nothing else.

    One that was made for the stack `owner` goes with whatever was deployed to it. What is gone already is fine.

    Raises:
        ApiError: As its tree says.
    """
    if owner and claim.remove(client, target, owner):
        return
    try:
        if draft.is_removable(client, target, names):
            client.delete_script(*target.arguments)
            return
    except (WorkerNotFoundError, NoVersionsError):
        return
    put(client, target, {}, gone=names, on_undeployed=on_undeployed)


def _change(
    client: Client, target: Target, values: Mapping[str, str], gone: Collection[str], on_undeployed: str
) -> None:
    """One attempt; a name to remove that vanished in the meantime is dropped after another look."""
    for number in range(1, MOST_LOOKS + 1):
        removed = _present(client, target, gone)
        changes = {**dict.fromkeys(removed), **values}
        try:
            if changes:
                _apply(client, target, changes, on_undeployed)
            else:
                _finish(client, target, on_undeployed)
        except SecretNotFoundError:
            if not removed or number == MOST_LOOKS:
                raise
        else:
            return


def _present(client: Client, target: Target, names: Collection[str]) -> list[str]:
    """Which of the names are secrets of the Worker."""
    if not names:
        return []
    found = {secret.name for secret in client.secrets(*target.arguments)}
    return sorted(found & set(names))


def _apply(client: Client, target: Target, changes: Changes, on_undeployed: str) -> None:
    try:
        for part in _parts(changes):
            client.change_secrets(*target.arguments, part)
    except UndeployedVersionError as error:
        if on_undeployed != "deploy":
            raise undeployed(target, error) from None
    else:
        return
    version = client.change_latest_version(*target.arguments, changes, message=MESSAGE, tag=draft.CHANGE_TAG)
    deploy(client, target, version.id)


def _finish(client: Client, target: Target, on_undeployed: str) -> None:
    """Deploy what an earlier run made and did not come to deploy: secrets are listed as the newest version has them."""
    version = unfinished(client, target)
    if not version:
        return
    if on_undeployed != "deploy":
        raise undeployed(target)
    deploy(client, target, version)


def unfinished(client: Client, target: Target) -> str:
    """The version that a run of ours made and did not come to deploy; empty when the newest one is no such.

    Raises:
        ApiError: As its tree says.
    """
    newest = next(client.versions(*target.arguments), None)
    if newest is None or newest.annotation("tag") != draft.CHANGE_TAG or is_deployed(client, target, newest.id):
        return ""
    return newest.id


def deploy(client: Client, target: Target, version: str) -> None:
    """Give a version all the traffic; when the answer is lost, look whether it has it.

    Raises:
        ApiError: As its tree says.
    """
    try:
        client.deploy(*target.arguments, version, message=MESSAGE)
    except AmbiguousError:
        if not is_deployed(client, target, version):
            raise


def is_deployed(client: Client, target: Target, version: str) -> bool:
    """Whether a version gets all the traffic."""
    newest = client.deployments(*target.arguments)[:1]
    return any(found.only_version == version for found in newest)


def _parts(changes: Changes) -> Iterator[Changes]:
    """What goes into one call each; removals come first, because they make room."""
    items = iter(changes.items())
    while part := dict(itertools.islice(items, MOST_AT_ONCE)):
        yield part


def undeployed(target: Target, error: UndeployedVersionError | None = None) -> UndeployedVersionError:
    """The error of a change that is stopped by a newer version which is not deployed; `error` is what the API said."""
    return UndeployedVersionError(
        f"the secrets of {target} were not changed: a newer version of it is uploaded and not deployed, and a change "
        f"would have to deploy it along{f' ({error.message})' if error else ''}",
        next_step="deploy the newest version (wrangler versions deploy) and run the same command again; or have it "
        'deployed with the secrets: onUndeployedVersion "deploy"',
        codes=error.codes if error else (),
        status=error.status if error else None,
        request_id=error.request_id if error else "",
    )
