from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from components import plugins as pulumi_plugins
from components.errors import LocalError
from components.postgres import docker_daemon
from components.postgres.docker_daemon import (
    PACKAGE,
    Daemon,
    addresses,
    availability,
    find,
    remote_reason,
    socket_reason,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HOME = Path("/home/mira")
DEFAULTS = (
    "unix:///var/run/docker.sock",
    "unix:///home/mira/.docker/run/docker.sock",
    "unix:///home/mira/.docker/desktop/docker.sock",
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path: a socket's is limited to about a hundred bytes."""
    with tempfile.TemporaryDirectory(prefix="infra-") as made:
        yield Path(made)


def test_addresses_are_tried_as_the_plugin_does() -> None:
    """DOCKER_HOST alone if it is set, else the system's socket and then the user's."""
    assert addresses({}, home=HOME) == DEFAULTS
    assert addresses({"DOCKER_HOST": ""}, home=HOME) == DEFAULTS
    assert addresses({"DOCKER_HOST": "unix:///x"}, home=HOME) == ("unix:///x",)


def test_first_daemon_that_answers_is_taken() -> None:
    """A user's socket is found after the system's."""

    def ask(address: str, _: Mapping[str, str]) -> str:
        return "" if "desktop" in address else "nobody there"

    assert find({}, home=HOME, ask=ask) == Daemon(address=DEFAULTS[2])


def test_no_daemon_is_told_with_every_address_and_cause() -> None:
    """The message has what the plugin's lacks: addresses, causes, and how to start one."""
    with pytest.raises(LocalError) as caught:
        find({}, home=HOME, ask=lambda address, _: f"reason {len(address)}")
    for address in DEFAULTS:
        assert f"{address}: reason {len(address)}" in caught.value.message
    assert "start Docker" in caught.value.next_step
    assert "docker context inspect" in caught.value.next_step


def test_docker_host_is_named_as_the_source() -> None:
    """An address from the environment is told as such."""
    with pytest.raises(LocalError, match=r"\(from DOCKER_HOST\):\n  unix:///x: down"):
        find({"DOCKER_HOST": "unix:///x"}, home=HOME, ask=lambda *_: "down")


@pytest.mark.parametrize(
    ("environment", "advice"),
    [
        (
            {"DOCKER_CONTEXT": "colima"},
            "unset DOCKER_CONTEXT, and set DOCKER_HOST to what `docker context inspect colima",
        ),
        ({"DOCKER_CONTEXT": "colima", "DOCKER_HOST": "unix:///x"}, "unset DOCKER_CONTEXT"),
        ({"DOCKER_CONTEXT": "default"}, "unset DOCKER_CONTEXT"),
    ],
)
def test_a_context_is_refused_whatever_else_is_said(environment: dict[str, str], advice: str) -> None:
    """The plugin looks for the daemon of DOCKER_HOST and works on the context's, of which `default` is none to it."""
    with pytest.raises(LocalError, match=f"DOCKER_CONTEXT={environment['DOCKER_CONTEXT']} is set") as caught:
        find(environment, home=HOME, ask=lambda *_: "")
    assert caught.value.next_step.startswith(advice)
    assert ("DOCKER_HOST" in caught.value.next_step) == (environment == {"DOCKER_CONTEXT": "colima"})
    assert find({"DOCKER_CONTEXT": ""}, home=HOME, ask=lambda *_: "") == Daemon(address=DEFAULTS[0])


@pytest.mark.parametrize(
    "address", ["unix:///x.sock", "tcp://127.0.0.1:2375", "tcp://localhost:2375", "tcp://[::1]:2375"]
)
def test_this_machine_s_daemons_are_fine(address: str) -> None:
    """A socket, or the loopback."""
    assert remote_reason(address) == ""


@pytest.mark.parametrize("address", ["ssh://me@build", "tcp://10.0.0.7:2376", "https://docker.example"])
def test_other_machines_daemons_are_refused(address: str) -> None:
    """A container elsewhere listens on a loopback that nobody here can reach."""
    assert "another machine" in remote_reason(address)


def test_nonsense_is_no_address() -> None:
    """What is no address is told with the allowed ones."""
    assert "allowed: unix:///path" in remote_reason("docker")


def test_missing_and_abandoned_sockets_are_told_apart(folder: Path) -> None:
    """No socket means not installed; a socket without a listener means stopped."""
    path = folder / "docker.sock"
    assert "there is no such socket" in socket_reason(f"unix://{path}")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        assert socket_reason(f"unix://{path}") == ""
    assert "nobody listens" in socket_reason(f"unix://{path}")


def test_long_path_is_told(folder: Path) -> None:
    """A path that no socket can have is an answer, not a crash."""
    assert socket_reason(f"unix://{folder}/{'x' * 200}") != ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every socket")
def test_forbidden_socket_tells_the_group(folder: Path) -> None:
    """An account outside the group docker is told how to join it."""
    path = folder / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0)
        assert "usermod -aG docker" in socket_reason(f"unix://{path}")


def plugins(tmp_path: Path, *versions: str) -> dict[str, str]:
    """An environment whose plugin folder holds these versions."""
    for version in versions:
        folder = tmp_path / "plugins" / f"resource-docker-v{version}"
        folder.mkdir(parents=True)
        (folder / "pulumi-resource-docker").touch()
    return {"PULUMI_HOME": str(tmp_path), "PATH": ""}


def test_an_empty_plugin_folder_is_no_plugin(tmp_path: Path) -> None:
    """A download that was interrupted leaves a folder and nothing to run."""
    environment = plugins(tmp_path, "5.2.0")
    assert availability(environment, may_download=False, look_for=found).available
    (tmp_path / "plugins" / "resource-docker-v5.2.0" / "pulumi-resource-docker").unlink()
    assert not availability(environment, may_download=False, look_for=found).available


def found(_: Mapping[str, str]) -> Daemon:
    """A daemon that answers."""
    return Daemon(address="unix:///x")


def test_docker_is_available_with_daemon_and_plugin(tmp_path: Path) -> None:
    """Both are there: the reason names the daemon."""
    known = availability(plugins(tmp_path, pulumi_plugins.wanted(PACKAGE)), may_download=False, look_for=found)
    assert (known.available, known.reason) == (True, "a Docker daemon answers at unix:///x")


def test_embedded_engine_runs_no_plugins(tmp_path: Path) -> None:
    """With the embedded engine Docker is not looked for at all."""
    environment = {**plugins(tmp_path, pulumi_plugins.wanted(PACKAGE)), "INFRA_ENGINE": "embedded"}
    known = availability(environment, may_download=True, look_for=found)
    assert not known.available
    assert "embedded engine runs no provider plugins" in known.reason
    assert "./infra setup --pulumi" in known.next_step


def test_silent_daemon_is_passed_on(tmp_path: Path) -> None:
    """Why no daemon answers becomes the reason."""

    def silent(_: Mapping[str, str]) -> Daemon:
        raise LocalError("no Docker daemon answers", next_step="start Docker")

    known = availability(plugins(tmp_path, pulumi_plugins.wanted(PACKAGE)), may_download=False, look_for=silent)
    assert (known.available, known.reason, known.next_step) == (False, "no Docker daemon answers", "start Docker")


def test_missing_plugin_is_told_with_the_command(tmp_path: Path) -> None:
    """A plugin that did not come makes Docker unavailable; the command that installs it is named."""
    known = availability(plugins(tmp_path), may_download=False, look_for=found)
    assert not known.available
    assert f"the Docker provider plugin {pulumi_plugins.wanted(PACKAGE)} is not in {tmp_path}/plugins" in known.reason
    assert known.next_step == f"pulumi plugin install resource docker v{pulumi_plugins.wanted(PACKAGE)}"


def test_plugin_that_can_still_come_is_fine(tmp_path: Path) -> None:
    """Before the CLI has started, a missing plugin may yet be downloaded, unless that is forbidden."""
    environment = plugins(tmp_path)
    assert pulumi_plugins.problem(PACKAGE, environment, may_download=True) == ""
    forbidden = {**environment, "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true"}
    assert "forbids to download it" in pulumi_plugins.problem(PACKAGE, forbidden, may_download=True)


@pytest.mark.parametrize(("version", "serves"), [("99.0.0", False), ("1.0.0", False), ("5.9999.0", True)])
def test_only_a_matching_plugin_serves(tmp_path: Path, version: str, serves: bool) -> None:  # noqa: FBT001 - parametrized
    """Another major version speaks another language; an older one may lack what the SDK asks for."""
    assert (pulumi_plugins.problem(PACKAGE, plugins(tmp_path, version), may_download=False) == "") is serves


def test_plugin_on_the_path_serves(tmp_path: Path) -> None:
    """Pulumi looks at the PATH before its own folder."""
    program = tmp_path / "pulumi-resource-docker"
    program.write_text("")
    program.chmod(0o755)
    assert pulumi_plugins.problem(PACKAGE, {"PATH": str(tmp_path), "PULUMI_HOME": "/nowhere"}, may_download=False) == ""


def test_looking_for_a_daemon_loads_no_sdk() -> None:
    """Where nobody listens, the slow SDK is not loaded."""
    code = (
        "import sys; from components.postgres import docker_daemon as d; "
        "d.ping('unix:///nowhere/docker.sock', {}); sys.exit('docker' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_listener_that_is_no_daemon_is_told(folder: Path) -> None:
    """Somebody who listens and does not speak Docker's protocol is no daemon."""
    path = folder / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(0.2)
        script = "import sys; from components.postgres import docker_daemon as d; print(d.ping(sys.argv[1], {}))"
        asking = subprocess.Popen([sys.executable, "-c", script, f"unix://{path}"], stdout=subprocess.PIPE, text=True)
        while asking.poll() is None:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            connection.close()
        output, _ = asking.communicate()
    assert "did not do what it was asked" in output
    assert docker_daemon.PING_SECONDS < 5
