"""Setting, removing and reading a Worker's secrets: few calls, only our names, and a way on when the service refuses.

Values can never be read: names are compared, and versions tell who changed what. Each change of secrets makes a version
(annotation `workers/triggered_by: secret`), and an upload inherits them. So they are ours as long as no other change
lies between the version that they were set with and the one that answers.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from components.errors import (
    NoVersionsError,
    SecretNotFoundError,
    UndeployedVersionError,
    WorkerNotFoundError,
)
from components.worker import draft
from components.worker.api.models import SECRET_TEXT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from components.worker.api.client import Client
    from components.worker.api.models import Version
    from components.worker.names import Target

Changes = dict[str, str | None]

MOST_AT_ONCE: Final = 100
"""So many secrets one call changes."""
MOST_READS: Final = 3
NOBODYS: Final = "INFRA_MAY_SECRETS_BE_CHANGED"
"""A secret that no Worker has: to remove it needs every right that a change needs, and changes nothing."""

AS_SET: Final = "as set here"
"""What is recorded of secrets that nobody else has touched."""
EARLIER: Final = "a version from before they were set here is deployed"
MOST_VERSIONS: Final = 100
"""So many versions of a Worker can be deployed again; what is older cannot answer any more."""


def put(
    client: Client,
    target: Target,
    values: Mapping[str, str],
    *,
    gone: Collection[str] = (),
    owner: str = "",
) -> bool:
    """Set these secrets and remove those of `gone` that are there; whether a draft had to be made for it.

    Args:
        client: The API.
        target: The Worker; a draft is made when it is not there, or has no code.
        values: Names to values.
        gone: Names to remove; one that is no secret (any more) is left alone.
        owner: The stack that the Worker is made for and goes with; empty for one that stays when its stack goes.

    Raises:
        RefusedError: There is an owner, and the Worker was not made for it.
        UndeployedVersionError: A newer version is not deployed: it would be deployed along.
        ConflictError: Another kind of binding has one of the names.
        ApiError: As its tree says.
    """
    made = False
    if owner:
        draft.require_owned(client, target, owner)
    try:
        _change(client, target, values, gone)
    except (WorkerNotFoundError, NoVersionsError) as error:
        if not values:
            return False
        worker_exists = isinstance(error, NoVersionsError)
        made = not worker_exists
    else:
        return False
    draft.make(client, target, worker_exists=worker_exists, owner=owner)
    _change(client, target, values, ())
    return made


def remove(client: Client, target: Target, names: Collection[str], *, owner: str = "") -> None:
    """Remove these secrets, and the Worker with them when it is a draft of ours that holds nothing else.

    One that was made for the stack `owner` goes with whatever was deployed to it. What is gone already is fine.

    Raises:
        ApiError: As its tree says.
    """
    if owner and draft.remove_owned(client, target, owner):
        return
    try:
        if draft.is_removable(client, target, names):
            client.delete_script(*target.arguments)
            return
    except (WorkerNotFoundError, NoVersionsError):
        return
    put(client, target, {}, gone=names)


def _change(client: Client, target: Target, values: Mapping[str, str], gone: Collection[str]) -> None:
    """One attempt; a name to remove that vanished in the meantime is dropped after another read."""
    for number in range(1, MOST_READS + 1):
        removed = _present(client, target, gone)
        changes = {**dict.fromkeys(removed), **values}
        try:
            for part in _parts(changes):
                client.change_secrets(*target.arguments, part)
        except UndeployedVersionError as error:
            raise undeployed(target, error) from None
        except SecretNotFoundError:
            if not removed or number == MOST_READS:
                raise
        else:
            return


def _present(client: Client, target: Target, names: Collection[str]) -> list[str]:
    """Which of the names are secrets of the Worker."""
    if not names:
        return []
    found = {secret.name for secret in client.secrets(*target.arguments)}
    return sorted(found & set(names))


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
        next_step="deploy the newest version (wrangler versions deploy) and run the same command again",
        codes=error.codes if error else (),
        status=error.status if error else None,
        request_id=error.request_id if error else "",
    )


@dataclass(frozen=True, kw_only=True)
class Found:
    """How the secrets are.

    Attributes:
        missing: Which of the names are no secrets (any more), for instance because they are plain variables now.
        state: AS_SET, or what happened to the values.
        version: The id of the version that is as they were set; of state that does not know it, the one that answers.
    """

    missing: list[str]
    state: str
    version: str


def read(client: Client, target: Target, names: Iterable[str], *, since: str) -> Found | None:
    """Read what became of secrets that were set with the version `since`; None when the Worker itself is gone.

    Two lists are asked for at the same time, and a third where anything was uploaded meanwhile.

    Raises:
        ApiError: As its tree says.
    """
    try:
        with ThreadPoolExecutor(max_workers=1) as pool:
            asked = pool.submit(client.deployments, *target.arguments)
            history = _history(client, target, since)
            deployed = asked.result()[:1]
        running = {share.version_id for one in deployed for share in one.versions}
        state = _state_of(history, running, since)
        answers = next((one.id for one in history if one.id in running), "")
        unchanged = bool(history) and history[0].id == since
        there = set(names) if unchanged else _secrets(client, target)
    except NoVersionsError:
        state, answers, there = AS_SET, "", set()
    except WorkerNotFoundError:
        return None
    return Found(missing=sorted(set(names) - there), state=state, version=since or answers)


def version_of_change(client: Client, target: Target) -> str:
    """The id of the version that the last change of secrets made.

    Raises:
        ApiError: As its tree says.
    """
    newest = ""
    for version in client.versions(*target.arguments):
        newest = newest or version.id
        if version.annotation("triggered_by") == draft.SECRET_CHANGE:
            return version.id
    return newest


def _history(client: Client, target: Target, since: str) -> list[Version]:
    """The versions from the newest one to `since`; as many as can be deployed where that is not among them."""
    history = []
    for version in itertools.islice(client.versions(*target.arguments), MOST_VERSIONS):
        history.append(version)
        if version.id == since:
            break
    return history


def _state_of(history: Sequence[Version], running: set[str], since: str) -> str:
    if not since or not history:
        return AS_SET  # recorded before versions were: nobody can tell
    if running - {one.id for one in history}:
        return EARLIER
    first = next((place for place, one in enumerate(history) if one.id in running), 0)
    for version in history[first:]:
        if version.id != since and version.annotation("triggered_by") == draft.SECRET_CHANGE:
            return f"changed by somebody else: {version.metadata.source or 'unknown'}, version {version.number}"
    return AS_SET


def _secrets(client: Client, target: Target) -> set[str]:
    return {secret.name for secret in client.secrets(*target.arguments) if secret.type == SECRET_TEXT}


def require(client: Client, target: Target, *, owner: str = "") -> bool:
    """Whether the Worker is there; one that is not has no secret to lose. What a change would raise now is raised.

    Args:
        client: The API.
        target: The Worker.
        owner: As `put` takes it.

    Raises:
        RefusedError: There is an owner, and the Worker was not made for it.
        UndeployedVersionError: The newest version does not get all the traffic.
        ApiError: As its tree says; PermissionDeniedError where the token may read and not write.
    """
    if owner:
        draft.require_owned(client, target, owner)
    try:
        newest = next(client.versions(*target.arguments), None)
        if newest is None:
            return False
        if not is_deployed(client, target, newest.id):
            raise undeployed(target)
    except (WorkerNotFoundError, NoVersionsError):
        return False
    require_rights(client, target)
    return True


def require_rights(client: Client, target: Target) -> None:
    """Ask to remove a secret that is not there, which is refused for that reason alone where all others allow it.

    Raises:
        ApiError: As its tree says.
    """
    try:
        client.delete_secret(*target.arguments, NOBODYS)
    except (UndeployedVersionError, NoVersionsError):
        return  # the token may write, and nothing else is asked here
