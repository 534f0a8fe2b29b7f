"""What Docker holds of a dev stack, where state and daemon do not meet.

While Docker does not answer, a stack can be moved and taken down. The provider plugin wants the daemon for whatever it
has recorded. So what it has made is named, forgotten and left as it is. It carries the stack's label and this clone's
mark: an `up` that has Docker again takes it over.

What a run has made that was cut off before its engine could record it goes with the stack: it carries the same mark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from operations import console
from operations.errors import ChangesRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from operations.engines.interface import Change, Engine
    from operations.engines.recorded import Recorded
    from operations.workspace import Workspace
    from stacks.settings import Settings

PACKAGE: Final = "docker"
CONTAINER: Final = "container:Container"
VOLUME: Final = "volume:Volume"
KINDS: Final = frozenset({CONTAINER, VOLUME, "remoteImage:RemoteImage"})


def leave(engine: Engine, workspace: Workspace, settings: Settings, kind: Change, *, yes: bool) -> None:
    """Forget what Docker holds of the stack, where Docker does not answer and the change would take it away.

    Args:
        engine: Works on the stack.
        workspace: The stack.
        settings: Its configuration.
        kind: The change.
        yes: Whether it was agreed to beforehand; a plan cannot be made as long as Docker's part is recorded.

    Raises:
        ChangesRefusedError: Something would be left, and nobody has agreed, or it is only to be looked at. Nothing was
            changed.
    """
    from components.postgres.docker_daemon import availability
    from stacks.home import lives_in_docker

    environment = {**workspace.environ, "PULUMI_BACKEND_URL": workspace.backend_url, "INFRA_ENGINE": engine.name}
    lives, has_lived = lives_in_docker(settings, workspace.folder, environment)
    if not has_lived or (lives and kind != "destroy"):
        return
    left = [one for one in engine.recorded() if one.kind in KINDS]
    docker = availability(environment, may_download=True) if left else None
    if docker is None or docker.available:
        return
    what = _named(left)
    if not yes or kind == "refresh":
        kind = "up" if kind == "refresh" else kind
        raise ChangesRefusedError(
            f"{workspace.stack}: nothing was changed: {what} cannot be reached, because {docker.reason}",
            next_step=f"{docker.next_step}; or ./infra {kind} STACK --yes, which leaves that as it is and forgets it",
        )
    engine.drop(PACKAGE)
    console.say(f"{what} cannot be reached, because {docker.reason}")
    console.say(f"  that is left as it is, and forgotten; to remove it once Docker answers: {_removal(left)}")


def clear(recorded: Iterable[Recorded], workspace: Workspace, settings: Settings) -> None:
    """Remove what runs that were cut off have left in Docker, before the stack is taken down.

    Args:
        recorded: The stack's state, whose resources are the engine's to delete.
        workspace: The stack.
        settings: Its configuration.
    """
    from components.errors import LocalError
    from components.postgres import docker_claim, docker_daemon
    from components.postgres.docker_settings import CLONE_LABEL
    from stacks.home import recorded_home

    record = recorded_home(
        settings, workspace.folder, {**workspace.environ, "PULUMI_BACKEND_URL": workspace.backend_url}
    )
    if record is None or not record.clone:
        return
    try:
        daemon = docker_daemon.find(workspace.environ)
    except LocalError as error:
        if record.home == "docker":
            console.say(f"whether a run that was cut off has left a container cannot be seen, because {error.message}")
            console.say(
                f"  to look for one once Docker answers: docker ps --all --filter label={CLONE_LABEL}={record.clone}"
            )
        return
    from components.postgres.docker_engine import REMOVE_SECONDS, open_engine

    spends = record.home == "docker" and not getattr(settings, "retain_data", True)
    with open_engine(daemon.address, workspace.environ, timeout_seconds=REMOVE_SECONDS) as docker:
        for sentence in docker_claim.clear(
            docker,
            stack=workspace.stack,
            clone=record.clone,
            recorded={one.id for one in recorded},
            spent=record.docker_volume if spends else "",
        ):
            console.say(f"{workspace.stack}: {sentence}")


def is_left(resources: Iterable[Recorded]) -> bool:
    """Whether `leave` has forgotten the container of a role that is recorded still: no `up` can work on that."""
    kinds = {one.kind for one in resources}
    return "postgres:DockerRole" in kinds and not KINDS & kinds


def _named(left: list[Recorded]) -> str:
    words = {CONTAINER: "the Docker container", VOLUME: "the volume with its data"}
    return " and ".join(f"{words[kind]} {one.called}" for kind in words for one in left if one.kind == kind) or (
        "the Docker image of the dev database"
    )


def _removal(left: list[Recorded]) -> str:
    commands = {CONTAINER: "docker rm --force", VOLUME: "docker volume rm"}
    return "; ".join(f"{commands[kind]} {one.called}" for kind in commands for one in left if one.kind == kind) or (
        "nothing is left to remove"
    )
