"""./infra setup: what the machine has, and the Pulumi CLI on request."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from operations import console, options
from operations.errors import MachineError
from operations.exit_codes import ExitCode

if TYPE_CHECKING:
    import argparse

    from operations.engines.choice import Cli


def add_parser(commands: options.Commands) -> None:
    """Add the command."""
    parser = options.add_command(
        commands,
        "setup",
        summary="set this machine up; with --pulumi, install the official Pulumi CLI",
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
    from operations.engines import choice, pinned  # noqa: PLC0415 - not for help

    pin = pinned.pinned()
    home = choice.pulumi_home(os.environ, Path.home())
    program = pinned.install(pin, home, on=pinned.this_platform())
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
