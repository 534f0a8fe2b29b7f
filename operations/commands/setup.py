"""./infra setup: what the machine has, and the Pulumi CLI on request."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from components.http.address import is_loopback
from components.lazy import Lazy
from operations import cli, console
from operations.engines.choice import OLDEST_TEXT
from operations.errors import ExitCode, MachineError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    import httpx

    from operations.engines.choice import Cli
else:
    httpx = Lazy("httpx")


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "setup",
        text=(
            "Set this machine up. The virtual environment is made by every command by itself; --pulumi installs the\n"
            "official Pulumi CLI into ~/.pulumi/versions: one version, verified by its checksum before it is unpacked."
        ),
        examples=("./infra setup", "./infra setup --pulumi"),
        run=run,
    )
    parser.add_argument("--pulumi", action="store_true", help="install the Pulumi CLI from Pulumi's download site")


def install_pulumi() -> Cli:
    """Install the pinned CLI, unless it is there; the CLI that commands use from now on.

    Raises:
        MachineError: It could not be downloaded, is not what is pinned, or does not run.
    """
    from operations.engines import choice

    pin = pinned()
    home = choice.pulumi_home(os.environ, Path.home())
    program = install(pin, home, on=this_platform())
    used, _too_old = choice.installed()
    if used is None:
        raise MachineError(
            f"the Pulumi CLI {pin.version} was installed, but does not answer", next_step=f"{program} version"
        )
    if not used.path.samefile(program):
        console.say(f"Pulumi {pin.version} is in {program.parent}; the one on the PATH, or in {home}/bin, comes first")
    return used


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    console.say(f"Python {sys.version.split()[0]} in {sys.prefix}: in step with requirements.txt")
    if arguments.pulumi:
        console.say(f"ready: {install_pulumi()}")
    return ExitCode.SUCCESS


FILE: Final = Path(__file__).with_name("pinned_cli.json")
MOST_BYTES: Final = 1024 * 1024 * 1024
"""An archive has about 150 MB."""
IDLE_SECONDS: Final = 60.0
TOP: Final = PurePosixPath("pulumi")
"""The archive's one folder, which holds nothing but programs."""
WITHOUT: Final = (
    f"install the CLI, {OLDEST_TEXT} or newer, as https://www.pulumi.com/docs/install says and put it on the PATH, "
    "or go on with --engine embedded"
)
_ARCHITECTURES: Final = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}


@dataclass(frozen=True, kw_only=True)
class Pin:
    """One version.

    Attributes:
        version: Such as `3.259.0`.
        address: The folder of the archives, as a URL.
        sha256: By platform, the archive's SHA-256 in hexadecimal digits.
    """

    version: str
    address: str
    sha256: Mapping[str, str]

    def archive(self, on: str) -> str:
        """The URL of a platform's archive."""
        return f"{self.address}/pulumi-v{self.version}-{on}.tar.gz"


def pinned() -> Pin:
    """The version that this project pins."""
    told = json.loads(FILE.read_text(encoding="utf-8"))
    return Pin(version=told["version"], address=told["address"], sha256=told["sha256"])


def this_platform() -> str:
    """This machine as Pulumi names it, such as `linux-x64`."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}-{_ARCHITECTURES.get(machine, machine)}"


def install(pin: Pin, home: Path, *, on: str) -> Path:
    """Download, verify and unpack the CLI, unless it is there; it gets its place whole or not at all.

    Args:
        pin: Which version.
        home: The user's Pulumi folder.
        on: The platform.

    Returns:
        The program.

    Raises:
        MachineError: There is no checksum for the platform, the archive cannot be had or is another than the one
            that is pinned, or it cannot be unpacked. Nothing of it is kept.
    """
    place = home / "versions" / pin.version
    program = place / "bin" / "pulumi"
    if program.is_file():
        return program
    if on not in pin.sha256:
        raise MachineError(
            f"no Pulumi CLI is pinned for {on}; there is one for {', '.join(sorted(pin.sha256))}", next_step=WITHOUT
        )
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".new-") as folder:
            half, archive = Path(folder) / "whole", Path(folder) / "archive"
            _download(pin.archive(on), archive, pin.sha256[on])
            _unpack(archive, half / "bin")
            half.rename(place)
    except OSError as error:
        if program.is_file():  # another call was quicker
            return program
        raise MachineError(f"the Pulumi CLI could not be put into {place}: {error}", next_step=WITHOUT) from error
    return program


def _download(url: str, archive: Path, expected: str) -> None:
    """Write what the URL answers, and compare it with what is pinned."""
    try:
        found = _received(url, archive)
    except (httpx.HTTPError, httpx.InvalidURL, ImportError, ValueError) as error:
        raise MachineError(
            f"the Pulumi CLI could not be downloaded from {url}: {type(error).__name__}: {error}",
            next_step=f"check the network, HTTPS_PROXY and SSL_CERT_FILE, then call again; or {WITHOUT}",
        ) from error
    if found != expected:
        raise MachineError(
            f"what {url} answers is not the Pulumi CLI that is pinned: its SHA-256 is {found}, and should be "
            f"{expected}; nothing of it was kept or run",
            next_step=f"call again; if it stays so, ask who runs the proxy or network in between. Meanwhile {WITHOUT}",
        )


def _received(url: str, archive: Path) -> str:
    """The SHA-256 of what was written. Proxies and certificates are those of the environment."""
    digest, size = hashlib.sha256(), 0
    outside = not is_loopback(httpx.URL(url).host)
    as_it_is = {"Accept-Encoding": "identity"}
    with (
        httpx.stream(
            "GET", url, headers=as_it_is, follow_redirects=True, timeout=IDLE_SECONDS, trust_env=outside
        ) as answer,
        archive.open("wb") as file,
    ):
        answer.raise_for_status()
        for part in answer.iter_raw():
            size += len(part)
            if size > MOST_BYTES:
                raise ValueError(f"it is longer than {MOST_BYTES} bytes")
            digest.update(part)
            file.write(part)
    return digest.hexdigest()


def _unpack(archive: Path, programs: Path) -> None:
    """Write the programs of an archive; whatever else it holds is refused, not unpacked."""
    programs.mkdir(parents=True)
    try:
        with tarfile.open(archive, "r:gz") as packed:
            for member in packed:
                path = PurePosixPath(member.name)
                if member.isdir() and path == TOP:
                    continue
                content = packed.extractfile(member) if member.isreg() else None
                if content is None or path.parent != TOP or path.name == "..":
                    raise MachineError(
                        f"the Pulumi CLI's archive holds {member.name!r}, which is no program of it", next_step=WITHOUT
                    )
                program = programs / path.name
                with program.open("xb") as file:
                    while part := content.read(1024 * 1024):
                        file.write(part)
                program.chmod(0o755)
    except (tarfile.TarError, EOFError) as error:
        raise MachineError(f"the Pulumi CLI's archive cannot be unpacked: {error}", next_step=WITHOUT) from error
