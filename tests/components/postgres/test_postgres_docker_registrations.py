from __future__ import annotations

import json
import re
from typing import Any

import pulumi
import pytest
from google.protobuf import json_format

from components.postgres.database import BaselineSettings
from components.postgres.docker_postgres import DockerPostgres
from components.postgres.docker_settings import DockerSettings
from tests.components.recorder import Cloud, Recorder, stand_in

PASSWORD = "the-generated-password"
LABELS = [{"label": "infra.stack", "value": "dev"}, {"label": "infra.clone", "value": "here"}]
IMAGE_ID = "sha256:67ca6dd08f4c"


MADE = {
    "docker:index/remoteImage:RemoteImage": {"imageId": IMAGE_ID},
    "pulumi-python:dynamic/postgres:Password": {"value": PASSWORD},
    "pulumi-python:dynamic/postgres:DockerRole": {"version": "18.6", "condition": "in place"},
}
"""The outputs that the component goes on with."""


class Recorded:
    """What a program registered, and what it got."""

    def __init__(self, requests: dict[str, Any], outputs: dict[str, Any]) -> None:
        self.requests = requests
        self.outputs = outputs

    def options(self, kind: str) -> Any:
        """The request that registered a resource of this kind."""
        return next(request for type_, request in self.requests.items() if type_.endswith(f":{kind}"))

    def inputs(self, kind: str) -> dict[str, Any]:
        """Its inputs."""
        return dict(json_format.MessageToDict(self.options(kind).object))

    def text(self) -> str:
        """Everything that was sent."""
        return json.dumps({kind: json_format.MessageToDict(request) for kind, request in self.requests.items()})


def settings(**changes: Any) -> DockerSettings:
    """Good settings with some changes."""
    known = {"stack": "dev", "clone": "here", "container_name": "acme-shop-db-dev", "port": 15432}
    return DockerSettings(**{**known, "database": "shop", "user": "clerk", **changes})


def declare(**changes: Any) -> Recorded:
    """Run a program that declares the component."""
    recorder = Recorder(cloud := Cloud(MADE))
    stand_in(cloud, recorder, stack="dev")
    outputs: dict[str, Any] = {}

    def program() -> pulumi.Output[Any]:
        database = DockerPostgres("db", settings=settings(**changes), baseline=BaselineSettings(branch="dev"))
        known = database.connection()
        return pulumi.Output.all(
            host=known.host,
            port=known.port,
            database=known.database,
            user=known.user,
            url=pulumi.Output.unsecret(known.url),
            version=known.version,
        ).apply(outputs.update)

    pulumi.runtime.test(program)()  # type: ignore[no-untyped-call] # the SDK's test helpers are untyped
    return Recorded(recorder.requests, outputs)


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    """The component with defaults."""
    return declare()


@pytest.fixture(scope="module")
def container(recorded: Recorded) -> dict[str, Any]:
    """Its container's inputs."""
    return recorded.inputs("Container")


def test_connection_tells_address_and_url(recorded: Recorded) -> None:
    """The twin answers like every home of the database, with the server on the loopback."""
    told = {key: recorded.outputs[key] for key in ("host", "port", "database", "user", "version")}
    assert told == {"host": "127.0.0.1", "port": 15432, "database": "shop", "user": "clerk", "version": "18.6"}
    assert recorded.outputs["url"] == f"postgresql://clerk:{PASSWORD}@127.0.0.1:15432/shop?sslmode=disable"


def test_type_tokens_are_the_contract(recorded: Recorded) -> None:
    """Recorded state is found again by these types."""
    assert recorded.requests.keys() - {"pulumi:pulumi:Stack"} == {  # which the SDK registers once in a process
        "infra:postgres:DockerPostgres",
        "pulumi-python:dynamic/postgres:Password",
        "docker:index/remoteImage:RemoteImage",
        "docker:index/volume:Volume",
        "docker:index/container:Container",
        "pulumi-python:dynamic/postgres:DockerRole",
        "pulumi-python:dynamic/postgres:Baseline",
    }


def test_image_is_taken_by_its_id_and_kept(recorded: Recorded, container: dict[str, Any]) -> None:
    """The image is pulled before the old container goes, and stays on the machine; its digest may be empty."""
    assert recorded.inputs("RemoteImage") == {"name": "postgres:18-alpine", "keepLocally": True}
    assert container["image"] == IMAGE_ID


def test_container_is_named_labelled_and_restarted(container: dict[str, Any]) -> None:
    """The container has its fixed name, our label, and comes back with the daemon."""
    assert container["name"] == "acme-shop-db-dev"
    assert container["labels"] == LABELS
    assert container["restart"] == "unless-stopped"
    assert container["mustRun"] is True


def test_only_the_loopback_is_published(container: dict[str, Any]) -> None:
    """Without an address Docker would listen on every interface."""
    assert container["ports"] == [{"internal": 5432, "external": 15432, "ip": "127.0.0.1", "protocol": "tcp"}]


def test_data_live_in_the_named_volume_at_the_parent_folder(container: dict[str, Any]) -> None:
    """Postgres 18 and later keep a folder for each major version below this one."""
    assert container["volumes"] == [{"volumeName": "acme-shop-db-dev-data", "containerPath": "/var/lib/postgresql"}]


def test_health_is_asked_over_tcp_for_the_real_database(container: dict[str, Any]) -> None:
    """The check names user and database, or it fills the log, and asks 127.0.0.1, which answers only when ready."""
    tests = container["healthcheck"]["tests"]
    assert tests[:2] == ["CMD", "pg_isready"]
    assert tests[-6:] == ["-h", "127.0.0.1", "-U", "clerk", "-d", "shop"]
    assert container["wait"] is False


def test_durations_are_written_as_docker_reads_them_back(container: dict[str, Any]) -> None:
    """A duration in another form than Go's is a difference on every run."""
    check = container["healthcheck"]
    for key in ("interval", "timeout", "startPeriod"):
        assert re.fullmatch(r"([1-9]|[1-5]\d)s|\d+m([0-9]|[1-5]\d)s", check[key]), key
    assert "startInterval" not in check  # needs a newer engine than we ask for


def test_changed_health_check_replaces_and_frees_the_name_first(recorded: Recorded) -> None:
    """The plugin updates a health check in the state alone; a forced replacement needs the name."""
    options = recorded.options("Container")
    assert list(options.replaceOnChanges) == ["healthcheck"]
    assert options.deleteBeforeReplace is True
    assert options.deleteBeforeReplaceDefined is True


def test_server_is_shut_down_not_killed(container: dict[str, Any]) -> None:
    """Without the grace seconds every replacement is a crash; the stop timeout alone does not help."""
    assert container["stopSignal"] == "SIGINT"
    assert (container["stopTimeout"], container["destroyGraceSeconds"]) == (60, 60)


def test_memory_is_limited_and_swap_is_said(container: dict[str, Any]) -> None:
    """Docker fills in twice the memory as swap, which then differs on every run."""
    assert container["memory"] == container["memorySwap"] == 512
    assert container["shmSize"] == 128


def test_logs_are_bounded_and_privileges_stay(container: dict[str, Any]) -> None:
    """A chatty database must not fill the disk, and nothing inside gains rights."""
    assert container["logDriver"] == "json-file"
    assert container["logOpts"] == {"max-file": "3", "max-size": "10m"}
    assert container["securityOpts"] == ["no-new-privileges:true"]


@pytest.mark.parametrize(
    "argument",
    [
        "platform",  # read back without its architecture: replaced on every run
        "cpus",  # "1" is read back as "1.0"
        "networkMode",  # "default" is read back as "bridge"
        "capabilities",  # read back with another prefix
        "mounts",  # volume options need a newer engine
        "tmpfs",
        "init",
        "cpuPeriod",
        "cpuQuota",  # changed in the state alone, as a health check
        "publishAllPorts",
        "privileged",
    ],
)
def test_arguments_that_never_come_to_rest_are_not_written(container: dict[str, Any], argument: str) -> None:
    """What Docker reads back in another form, or changes only in the state, is left out."""
    assert argument not in container


def test_password_travels_as_a_file_for_root_alone(recorded: Recorded, container: dict[str, Any]) -> None:
    """`docker inspect` shows the environment to everybody with access to Docker, so the password is not there."""
    assert "POSTGRES_PASSWORD_FILE=/run/pg-password" in container["envs"]
    (upload,) = container["uploads"]
    assert (upload["file"], upload["permissions"]) == ("/run/pg-password", "0400")
    assert PASSWORD not in json.dumps([container["envs"], container["labels"], container["healthcheck"]])
    assert list(recorded.options("Container").ignoreChanges) == ["uploads"]


def test_every_password_registered_is_a_secret(recorded: Recorded) -> None:
    """Wherever the password stands among inputs, it stands inside a secret."""
    secret_mark = "4dabf18193072939515e22adb298388d"

    def plain(value: Any) -> str:
        if isinstance(value, dict):
            return "" if secret_mark in value else "".join(plain(item) for item in value.values())
        return "".join(plain(item) for item in value) if isinstance(value, list) else str(value)

    assert PASSWORD in recorded.text()
    for kind in ("Container", "Volume", "RemoteImage", "DockerRole", "Baseline"):
        assert PASSWORD not in plain(recorded.inputs(kind)), kind
    assert list(recorded.options("DockerRole").additionalSecretOutputs) == ["password"]


def test_superuser_is_not_the_app_s_role(container: dict[str, Any]) -> None:
    """The app's role is made by DockerRole without a superuser's rights, and TCP asks for a password even inside."""
    assert "POSTGRES_USER=infra_admin" in container["envs"]
    assert "POSTGRES_INITDB_ARGS=--auth-local=trust --auth-host=scram-sha-256" in container["envs"]
    assert not [line for line in container["envs"] if "clerk" in line or "shop" in line]


def test_volume_is_kept_and_never_replaced(recorded: Recorded) -> None:
    """Each of a volume's arguments replaces it, and a replaced volume is an empty one."""
    options = recorded.options("Volume")
    assert options.retainOnDelete is True
    assert set(options.ignoreChanges) == {"name", "labels", "driver", "driverOpts"}
    assert recorded.inputs("Volume") == {
        "name": "acme-shop-db-dev-data",
        "labels": LABELS,
    }


def test_volume_goes_only_when_asked_by_name() -> None:
    """`retainData: false` is the one way to let destroy remove the data."""
    assert declare(retain_data=False).options("Volume").retainOnDelete is False


@pytest.mark.parametrize(
    "changes",
    [
        {"memory_megabytes": 1024},
        {"image": "postgres:18.4-bookworm"},
        {"user": "other", "database": "other"},
        {"port": 15999},
        {"start_timeout_seconds": 30},
        {"retain_data": False},
    ],
    ids=str,
)
def test_no_setting_changes_the_volume(recorded: Recorded, changes: dict[str, Any]) -> None:
    """Whatever else is configured, the volume's arguments stay as they are."""
    assert declare(**changes).inputs("Volume") == recorded.inputs("Volume")


def test_role_follows_the_container(recorded: Recorded) -> None:
    """The role is looked at after the container is healthy, and again when it was replaced."""
    role = recorded.inputs("DockerRole")
    assert role["containerId"] == "db-container-id"
    assert (role["container"], role["port"], role["user"], role["database"]) == (
        "acme-shop-db-dev",
        15432,
        "clerk",
        "shop",
    )
    urns = list(recorded.options("DockerRole").dependencies)
    assert [urn for urn in urns if urn.endswith("docker:index/container:Container::db-container")]


def test_baseline_waits_for_the_role(recorded: Recorded) -> None:
    """Nothing is stamped before the role can log in."""
    urns = list(recorded.options("Baseline").dependencies)
    assert [urn for urn in urns if urn.endswith("dynamic/postgres:DockerRole::db-role")]


def test_children_belong_to_the_component(recorded: Recorded) -> None:
    """Every resource stands below the component in a plan."""
    for kind in ("Password", "RemoteImage", "Volume", "Container", "DockerRole", "Baseline"):
        assert recorded.options(kind).parent.endswith("infra:postgres:DockerPostgres::db"), kind
