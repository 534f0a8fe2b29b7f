from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from components.errors import LocalError, RefusedError
from components.postgres import docker_claim
from components.postgres.docker_claim import Known
from components.postgres.docker_engine import ContainerFacts, VolumeFacts
from components.postgres.docker_settings import DockerSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

OURS = {"infra.stack": "dev", "infra.clone": "here"}


class Machine:
    """A daemon with at most one container and some volumes."""

    def __init__(self, container: ContainerFacts | None = None, *volumes: VolumeFacts) -> None:
        self._container, self._volumes = container, volumes
        self.removed: list[str] = []

    def container(self, name: str) -> ContainerFacts | None:
        """The one container."""
        return self._container if self._container and name == self._container.name else None

    def containers(self, stack: str) -> Sequence[ContainerFacts]:
        """The one container, where it is the stack's."""
        return [one for one in (self._container,) if one and one.labels.get("infra.stack") == stack]

    def volume(self, name: str) -> VolumeFacts | None:
        """One of the volumes."""
        return next((one for one in self._volumes if one.name == name), None)

    def volumes(self, stack: str) -> Sequence[VolumeFacts]:
        """Those of the stack."""
        return [one for one in self._volumes if one.labels.get("infra.stack") == stack]

    def remove(self, container_id: str) -> None:
        """Remember it."""
        self.removed.append(container_id)

    def remove_volume(self, name: str) -> None:
        """Remember it."""
        self.removed.append(name)


def container(**changes: Any) -> ContainerFacts:
    """Our container, running."""
    facts = {"id": "c1", "labels": OURS, "state": "running", "port": 15432, "major": "18", "name": "acme-shop-db-dev"}
    return ContainerFacts(**{**facts, **changes})


def volume(name: str = "acme-shop-db-dev-data", **labels: str) -> VolumeFacts:
    """A volume, ours where no labels are given."""
    return VolumeFacts(name=name, labels=labels or OURS)


def claim(
    machine: Machine, *, known: bool = True, free: bool = True, recorded_volume: str = "", **changes: Any
) -> DockerSettings:
    """Read whether the container may be made."""
    there = {"stack": "dev", "clone": "here", "container_name": "acme-shop-db-dev", "port": 15432}
    settings = DockerSettings(**{**there, "database": "shop", "user": "clerk", **changes})
    return docker_claim.claimed(
        settings, machine, Known(recorded=known, volume=recorded_volume), is_free=lambda _: free
    )


def test_empty_machine_is_fine() -> None:
    """Nothing there, nothing in the way."""
    claim(Machine(), known=False)


def test_own_running_container_holds_its_own_port() -> None:
    """The port that our container listens on is not taken."""
    claim(Machine(container(), volume()), free=False)


def test_own_volume_is_taken_over() -> None:
    """A volume kept by an earlier destroy is adopted by its label."""
    assert claim(Machine(None, volume()), known=False).volume_name == "acme-shop-db-dev-data"


@pytest.mark.parametrize("labels", [{}, {"infra.stack": "other"}])
@pytest.mark.parametrize("known", [True, False])
def test_foreign_container_is_refused_with_remedy(labels: dict[str, str], known: bool) -> None:  # noqa: FBT001 - parametrized
    """A container of that name without our label is never touched."""
    with pytest.raises(RefusedError) as caught:
        claim(Machine(container(labels=labels)), known=known)
    assert "acme-shop-db-dev exists and is not this stack's" in caught.value.message
    assert "docker rename acme-shop-db-dev acme-shop-db-dev-old" in caught.value.next_step
    assert "containerName" in caught.value.next_step


def test_container_of_another_clone_is_refused() -> None:
    """The stack's label alone does not say that this clone made it, not even where one of ours was made before."""
    for labels, known in (({"infra.stack": "dev"}, False), ({**OURS, "infra.clone": "there"}, True)):
        with pytest.raises(RefusedError, match="another clone"):
            claim(Machine(container(labels=labels)), known=known)
    with pytest.raises(RefusedError) as caught:
        claim(Machine(container(labels={"infra.stack": "dev"})), known=False)
    assert "another clone, or the state of this one was removed" in caught.value.message
    assert "docker rm --force acme-shop-db-dev (its data stay in the volume" in caught.value.next_step


def test_foreign_volume_is_refused() -> None:
    """A volume without our label holds somebody else's data."""
    with pytest.raises(RefusedError, match="volume acme-shop-db-dev-data is not this stack's"):
        claim(Machine(None, VolumeFacts(name="acme-shop-db-dev-data", labels={})))


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


@pytest.mark.parametrize("state", ["running", "paused", "restarting"])
@pytest.mark.parametrize("name", ["acme-shop-db-dev", "renamed"])
def test_port_of_our_own_container_is_not_taken(state: str, name: str) -> None:
    """Paused, or renamed behind our back, it holds its port all the same."""
    claim(Machine(container(state=state, name=name)), free=False)


def test_data_follow_a_new_name() -> None:
    """The volume that is recorded, or that our container uses, stays the volume when containerName changes."""
    ours = volume("old-data")
    assert claim(Machine(None, ours), recorded_volume="old-data", container_name="new").volume_name == "old-data"
    assert claim(Machine(container(volume="old-data"), ours), container_name="new").volume_name == "old-data"
    assert claim(Machine(), recorded_volume="gone-data", container_name="new").volume_name == "new-data"


def test_volumes_that_are_not_used_or_taken_over_are_named() -> None:
    """Nobody has to wonder where data are; another clone's volume of another name is not our business."""
    said = docker_claim.remarks_on(
        claim(Machine()),
        [volume(), volume("old-data"), volume("theirs-data", **{"infra.stack": "dev", "infra.clone": "there"})],
    )
    assert len(said) == 1
    assert "old-data is this stack's, too, and is not used: the data are in acme-shop-db-dev-data" in said[0]
    assert "docker volume rm old-data" in said[0]
    theirs = volume(**{"infra.stack": "dev", "infra.clone": "there"})
    assert "another clone" in docker_claim.remarks_on(claim(Machine()), [theirs])[0]


@pytest.mark.parametrize(("labels", "removed"), [(OURS, ["c1"]), ({"infra.stack": "dev"}, [])])
def test_what_a_cut_off_run_has_left_is_removed_by_its_mark(labels: dict[str, str], removed: list[str]) -> None:
    """A container of the name that is about to be made goes when it is ours, and only then."""
    machine = Machine(container(labels=labels))
    docker_claim.make_room("acme-shop-db-dev", OURS, machine)
    docker_claim.make_room("another", OURS, machine)
    assert machine.removed == removed


@pytest.mark.parametrize("machine", [Machine(), Machine(container(state="exited")), Machine(container(port=15999))])
def test_taken_port_is_refused(machine: Machine) -> None:
    """A port that somebody else listens on is found before the container is made."""
    with pytest.raises(LocalError, match=r"port 15432 of 127\.0\.0\.1 is taken"):
        claim(machine, free=False)


def clear(machine: Machine, *recorded: str, spent: str = "") -> list[str]:
    """Take down what this clone has left."""
    said = docker_claim.clear(machine, stack="dev", clone="here", recorded=recorded, spent=spent)
    assert all(name in " ".join(said) for name in ("acme-shop-db-dev",) if said)
    return machine.removed


def test_what_a_run_that_was_cut_off_has_left_goes_with_the_stack() -> None:
    """Its container is removed; its volume only where data are not kept."""
    assert clear(Machine(container(), volume())) == ["c1"]
    assert clear(Machine(container(), volume()), spent="acme-shop-db-dev-data") == ["c1", "acme-shop-db-dev-data"]


def test_what_is_recorded_or_of_another_clone_is_left_to_its_owner() -> None:
    """The engine deletes its own, and other volumes of this stack hold data that somebody kept."""
    other = {"infra.stack": "dev", "infra.clone": "there"}
    assert clear(Machine(container(), volume()), "c1", "acme-shop-db-dev-data", spent="acme-shop-db-dev-data") == []
    assert clear(Machine(container(labels=other), volume(**other)), spent="acme-shop-db-dev-data") == []
    assert clear(Machine(None, volume("acme-shop-db-dev-old")), spent="acme-shop-db-dev-data") == []
