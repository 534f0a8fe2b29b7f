"""What became of our secrets. Values can never be read: names are compared, and versions tell who changed what.

Each change of secrets makes a version (annotation `workers/triggered_by: secret`), and an upload inherits them. So they
are ours as long as no other change lies between the version that they were set with and the one that answers.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from components.errors import NoVersionsError, WorkerNotFoundError
from components.worker.api.models import SECRET_TEXT
from components.worker.secrets.draft import CHANGE_TAG, SECRET_CHANGE
from components.worker.secrets.names import AS_SET

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from components.worker.api.client import Client
    from components.worker.api.models import Version
    from components.worker.secrets.target import Target

EARLIER: Final = "a version from before they were set here is deployed"
UNFINISHED: Final = "set here, and not deployed"
MOST_VERSIONS: Final = 100
"""So many versions of a Worker can be deployed again; what is older cannot answer any more."""


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


def look(client: Client, target: Target, names: Iterable[str], *, since: str) -> Found | None:
    """Look at secrets that were set with the version `since`; None when the Worker itself is gone.

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
        state = _state(history, running, since)
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
        if version.annotation("triggered_by") == SECRET_CHANGE:
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


def _state(history: Sequence[Version], running: set[str], since: str) -> str:
    if not since or not history:
        return AS_SET  # recorded before versions were: nobody can tell
    newest = history[0]
    if newest.id not in {since, *running} and newest.annotation("tag") == CHANGE_TAG:
        return UNFINISHED
    if running - {one.id for one in history}:
        return EARLIER
    first = next((place for place, one in enumerate(history) if one.id in running), 0)
    for version in history[first:]:
        if version.id != since and version.annotation("triggered_by") == SECRET_CHANGE:
            return f"changed by somebody else: {version.metadata.source or 'unknown'}, version {version.number}"
    return AS_SET


def _secrets(client: Client, target: Target) -> set[str]:
    return {secret.name for secret in client.secrets(*target.arguments) if secret.type == SECRET_TEXT}
