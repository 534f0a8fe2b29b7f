"""The component on a real Docker engine, through the real Pulumi CLI and the real provider plugin.

Needs, and otherwise skips: `pulumi` on the PATH, a daemon that answers, the Docker provider plugin in Pulumi's plugin
folder or on the PATH, and the image `postgres:18-alpine` on the machine.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker
import psycopg
import pytest
from pulumi import automation

from components import plugins
from components.errors import LocalError, RefusedError
from components.postgres import docker_daemon
from components.postgres.docker_claim import Known, claimed_on_this_machine
from components.postgres.docker_daemon import availability
from components.postgres.docker_settings import DockerSettings
from components.postgres.server.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parents[3]
IMAGE = "postgres:18-alpine"
LIFE = 600
"""Seconds for a test with many runs of the CLI."""

PROGRAM = f"""\
import sys
sys.path.insert(0, {str(PROJECT)!r})
import pulumi
from components.postgres.database import BaselineSettings
from components.postgres.docker_postgres import DockerPostgres
from components.postgres.docker_settings import DockerSettings

config = pulumi.Config()
settings = DockerSettings(
    stack=pulumi.get_stack(),
    clone="test",
    container_name=config.require("containerName"),
    port=config.require_int("port"),
    database=config.get("database") or "shop",
    user=config.get("user") or "clerk",
    memory_megabytes=config.get_int("memory") or 256,
    retain_data=config.get_bool("retainData") is not False,
    volume=config.get("volume") or "",
)
database = DockerPostgres("db", settings=settings, baseline=BaselineSettings(branch="dev"))
pulumi.export("url", database.connection().url)
pulumi.export("version", database.connection().version)
"""


def _missing() -> str:
    """What is not on this machine, with how to get it; empty when everything is there."""
    if shutil.which("pulumi") is None:
        return "no pulumi on the PATH: ./infra setup --pulumi installs it"
    known = availability(os.environ, may_download=False)
    if not known.available:
        return f"{known.reason}; {known.next_step}"
    with _client() as client:
        if not client.images.list(name=IMAGE):
            return f"no image {IMAGE} on this machine: docker pull {IMAGE}"
    return ""


def _client() -> contextlib.closing[docker.DockerClient]:
    """Docker's own client, for looking from outside."""
    return contextlib.closing(docker.DockerClient(base_url=docker_daemon.find(os.environ).address))


_MISSING = _missing()
pytestmark = [
    pytest.mark.docker,
    pytest.mark.cli,
    pytest.mark.timeout(LIFE),
    pytest.mark.skipif(bool(_MISSING), reason=_MISSING or "everything is there"),
]


class Developer:
    """One developer's stack, with a container of its own."""

    def __init__(self, folder: Path) -> None:
        self.container = f"infra-test-{secrets.token_hex(4)}"
        self.port = free_port(folder)
        self.folder = folder
        work, state, home = folder / "work", folder / "state", folder / "home"
        for made in (work, state, home):
            made.mkdir()
        if plugins.folder(os.environ).is_dir():
            (home / "plugins").symlink_to(plugins.folder(os.environ).resolve())
        (work / "__main__.py").write_text(PROGRAM)
        (work / "Pulumi.yaml").write_text(
            f"name: infra\nruntime: {{name: python, options: {{toolchain: pip, virtualenv: {sys.prefix}}}}}\n"
        )
        environment = {
            "PULUMI_BACKEND_URL": f"file://{state}",
            "PULUMI_HOME": str(home),
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PYTHONPATH": str(PROJECT),
        }
        workspace = automation.LocalWorkspace(work_dir=str(work), pulumi_home=str(home), env_vars=environment)
        self.stack = automation.Stack.create("dev", workspace)
        self.configure(containerName=self.container, port=str(self.port))

    def configure(self, **values: str) -> None:
        """Change the stack's configuration."""
        for key, value in values.items():
            self.stack.set_config(key, automation.ConfigValue(value))

    def up(self, **options: Any) -> dict[str, int]:
        """Bring it up, looking first; answers what changed."""
        summary = self.stack.up(refresh=True, **options).summary
        changes = {str(getattr(kind, "value", kind)): count for kind, count in (summary.resource_changes or {}).items()}
        return {kind: count for kind, count in changes.items() if kind != "same" and count}

    def query(self, sql: str) -> Any:
        """Ask the database through the stack's own URL."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchone() if cursor.description else None

    @property
    def url(self) -> str:
        """The stack's URL."""
        return str(self.stack.outputs()["url"].value)

    def inspect(self) -> dict[str, Any]:
        """What Docker says of the container."""
        with _client() as client:
            return dict(client.api.inspect_container(self.container))

    def logs(self) -> str:
        """What the container wrote."""
        with _client() as client:
            return bytes(client.api.logs(self.container)).decode()

    def act(self, action: str) -> None:
        """Do something to container or volume behind Pulumi's back."""
        with _client() as client:
            if action == "stop":
                client.api.stop(self.container, timeout=60)
            if action in {"remove", "empty"}:
                client.api.remove_container(self.container, force=True)
            if action in {"empty", "clean"}:
                client.api.remove_volume(f"{self.container}-data", force=True)

    def clean(self) -> None:
        """Leave nothing behind."""
        with _client() as client:
            for container in client.containers.list(all=True, filters={"name": f"^/?{self.container}$"}):
                container.remove(force=True)
            for volume in client.volumes.list(filters={"name": self.container}):
                volume.remove(force=True)


@pytest.fixture
def developer(tmp_path: Path) -> Iterator[Developer]:
    """A developer who cleans up."""
    made = Developer(tmp_path)
    yield made
    made.clean()


def test_database_comes_up_once_and_stays(developer: Developer) -> None:
    """The first up makes it, the second shows nothing, a refresh is clean, and nothing secret is seen from outside."""
    assert developer.up() == {"create": 8}
    assert developer.up() == {}
    assert developer.stack.refresh().summary.resource_changes == {"same": 8}
    assert developer.query(
        "SELECT current_user, current_database(), usesuper FROM pg_user WHERE usename = current_user"
    ) == (
        "clerk",
        "shop",
        False,
    )
    password = developer.url.split(":")[2].partition("@")[0]
    seen = developer.inspect()
    assert password not in str(seen)
    assert password not in developer.logs()
    assert password not in "".join(path.read_text() for path in developer.folder.joinpath("state").rglob("*.json"))
    limits = seen["HostConfig"]
    assert limits["Memory"] == limits["MemorySwap"] == 256 * 1024 * 1024
    assert limits["PortBindings"] == {"5432/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(developer.port)}]}
    assert limits["RestartPolicy"]["Name"] == "unless-stopped"


def test_superuser_cannot_log_in_from_outside(developer: Developer) -> None:
    """The password that made the cluster opens nothing afterwards."""
    developer.up()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(developer.url.replace("//clerk:", "//infra_admin:").replace("/shop", "/postgres"))


@pytest.mark.parametrize("accident", ["stop", "remove"])
def test_stopped_or_removed_container_is_healed(developer: Developer, accident: str) -> None:
    """The next up makes the container again on the same data, after a clean shutdown."""
    developer.up()
    developer.query("CREATE TABLE kept AS SELECT 42 AS answer")
    url = developer.url
    developer.act(accident)
    assert developer.up()
    assert developer.url == url
    assert developer.query("SELECT answer FROM kept") == (42,)
    assert developer.up() == {}


def test_data_survive_destroy_although_the_password_is_new(developer: Developer) -> None:
    """Destroy keeps the volume; the next up adopts it and gives its role the new password."""
    developer.up()
    developer.query("CREATE TABLE kept AS SELECT 42 AS answer")
    url = developer.url
    developer.stack.destroy()
    developer.up()
    assert developer.url != url
    assert developer.query("SELECT answer FROM kept") == (42,)
    assert "not properly shut down" not in developer.logs()
    assert developer.up() == {}


def test_data_survive_every_change(developer: Developer) -> None:
    """Memory changes in place; port, health check and names replace the container; the data stay."""
    developer.up()
    developer.query("CREATE TABLE kept AS SELECT 42 AS answer")
    before = developer.inspect()["Id"]
    developer.configure(memory="384")
    assert developer.up() == {"update": 1}
    assert developer.inspect()["Id"] == before
    developer.configure(user="keeper", database="store", port=str(free_port(developer.folder / "other")))
    developer.up()
    assert developer.query("SELECT current_user, current_database(), answer FROM kept") == ("keeper", "store", 42)
    assert developer.inspect()["Config"]["Healthcheck"]["Test"][-4:] == ["-U", "keeper", "-d", "store"]
    assert "not properly shut down" not in developer.logs()
    assert developer.up() == {}


def test_rotated_password_reaches_the_role_without_a_new_container(developer: Developer) -> None:
    """A new password is an ALTER ROLE: the container runs on, and the old password opens nothing."""
    developer.up()
    old, container = developer.url, developer.inspect()["Id"]
    password = (
        "urn:pulumi:dev::infra::infra:postgres:DockerPostgres$pulumi-python:dynamic/postgres:Password::db-password"
    )
    assert developer.up(replace=[password]) == {"replace": 1, "update": 2}
    assert developer.inspect()["Id"] == container
    assert developer.query("SELECT 1") == (1,)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(old)


def test_emptied_volume_is_told_until_it_is_accepted(developer: Developer) -> None:
    """A volume removed behind our back is no silent empty database; destroy and up accept the new one."""
    developer.up()
    developer.act("empty")
    for _ in range(2):
        with pytest.raises(automation.CommandError, match="an empty database stands in its place"):
            developer.up()
    developer.stack.destroy()
    developer.up()
    assert developer.query("SELECT 1") == (1,)


def test_data_go_when_asked_by_name(developer: Developer) -> None:
    """`retainData: false` is the way to let destroy remove the volume."""
    developer.configure(retainData="false")
    developer.up()
    developer.stack.destroy()
    with _client() as client:
        assert not client.volumes.list(filters={"name": developer.container})


def test_foreign_things_are_found_before_anything_is_made(tmp_path: Path) -> None:
    """A container, a volume or a port of somebody else stops the run with a remedy."""
    name, port = f"infra-test-{secrets.token_hex(4)}", free_port(tmp_path)
    settings = DockerSettings(stack="dev", clone="test", container_name=name, port=port, database="shop", user="clerk")
    claimed_on_this_machine(settings, os.environ, Known(recorded=False))
    with _client() as client:
        foreign = client.containers.create(IMAGE, name=name)
        try:
            with pytest.raises(RefusedError, match="is not this stack's"):
                claimed_on_this_machine(settings, os.environ, Known(recorded=True))
        finally:
            foreign.remove(v=True)
        volume = client.volumes.create(f"{name}-data")
        try:
            with pytest.raises(RefusedError, match="volume"):
                claimed_on_this_machine(settings, os.environ, Known(recorded=True))
        finally:
            volume.remove()
        server = client.containers.run(IMAGE, "sleep 60", detach=True, ports={"5432/tcp": ("127.0.0.1", port)})
        try:
            with pytest.raises(LocalError, match=f"port {port}"):
                claimed_on_this_machine(settings, os.environ, Known(recorded=True))
        finally:
            server.remove(force=True, v=True)
