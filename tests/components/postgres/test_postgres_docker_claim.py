from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from components.errors import LocalError, RefusedError
from components.postgres.docker_claim import require_claimable
from components.postgres.docker_engine import ContainerFacts, Done, VolumeFacts
from components.postgres.docker_settings import DockerSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OURS = {"infra.stack": "dev"}


class Machine:
    """A daemon with at most one container and one volume."""

    def __init__(self, container: ContainerFacts | None = None, volume: VolumeFacts | None = None) -> None:
        self._container, self._volume = container, volume

    def container(self, name: str) -> ContainerFacts | None:
        """The one container."""
        return self._container if name == "printfarm-db-dev" else None

    def volume(self, name: str) -> VolumeFacts | None:
        """The one volume."""
        return self._volume if name == "printfarm-db-dev-data" else None

    def execute(self, container_id: str, command: Sequence[str], *, text: str, environment: Mapping[str, str]) -> Done:
        """Never called: a look runs nothing."""
        raise AssertionError(container_id, command, text, environment)


def container(**changes: Any) -> ContainerFacts:
    """Our container, running."""
    return ContainerFacts(**{"id": "c1", "labels": OURS, "state": "running", "port": 15432, "major": "18", **changes})


def claim(machine: Machine, *, known: bool = True, free: bool = True, image: str = "postgres:18-alpine") -> None:
    """Look whether the container may be made."""
    settings = DockerSettings(stack="dev", port=15432, database="shop", user="clerk", image=image)
    require_claimable(settings, machine, known=known, is_free=lambda _: free)


def test_empty_machine_is_fine() -> None:
    """Nothing there, nothing in the way."""
    claim(Machine(), known=False)


def test_own_running_container_holds_its_own_port() -> None:
    """The port that our container listens on is not taken."""
    claim(Machine(container(), VolumeFacts(labels=OURS)), free=False)


def test_own_volume_is_taken_over() -> None:
    """A volume kept by an earlier destroy is adopted by its label."""
    claim(Machine(None, VolumeFacts(labels=OURS)), known=False)


@pytest.mark.parametrize("labels", [{}, {"infra.stack": "other"}])
@pytest.mark.parametrize("known", [True, False])
def test_foreign_container_is_refused_with_remedy(labels: dict[str, str], known: bool) -> None:  # noqa: FBT001 - parametrized
    """A container of that name without our label is never touched."""
    with pytest.raises(RefusedError) as caught:
        claim(Machine(container(labels=labels)), known=known)
    assert "printfarm-db-dev exists and is not this stack's" in caught.value.message
    assert "docker rename printfarm-db-dev printfarm-db-dev-old" in caught.value.next_step
    assert "containerName" in caught.value.next_step


def test_container_of_another_clone_is_refused() -> None:
    """Our label alone does not say that this clone made it."""
    with pytest.raises(RefusedError) as caught:
        claim(Machine(container()), known=False)
    assert "another clone, or the state of this one was removed" in caught.value.message
    assert "docker rm --force printfarm-db-dev (its data stay in the volume" in caught.value.next_step


def test_foreign_volume_is_refused() -> None:
    """A volume without our label holds somebody else's data."""
    with pytest.raises(RefusedError, match="volume printfarm-db-dev-data is not this stack's"):
        claim(Machine(None, VolumeFacts(labels={})))


def test_another_major_version_is_refused_with_the_recipe() -> None:
    """A newer image cannot read the old data; the way over is named."""
    with pytest.raises(RefusedError) as caught:
        claim(Machine(container()), image="postgres:19-alpine")
    assert "are Postgres 18's and dockerImage is now postgres:19-alpine" in caught.value.message
    assert "pg_dumpall -U infra_admin" in caught.value.next_step


@pytest.mark.parametrize("image", ["postgres:18.4", "registry.example/team/database:stable"])
def test_another_image_of_the_same_or_no_named_major_is_fine(image: str) -> None:
    """Only a tag that names another major is refused."""
    claim(Machine(container()), image=image)


@pytest.mark.parametrize("machine", [Machine(), Machine(container(state="exited")), Machine(container(port=15999))])
def test_taken_port_is_refused(machine: Machine) -> None:
    """A port that somebody else listens on is found before the container is made."""
    with pytest.raises(LocalError, match=r"port 15432 of 127\.0\.0\.1 is taken"):
        claim(machine, free=False)
