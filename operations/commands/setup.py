"""./infra setup: what the machine has, and the Pulumi CLI on request."""

from __future__ import annotations

import sys
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
            "official Pulumi CLI, in the version of the Python SDK, into ~/.pulumi/versions."
        ),
        examples=("./infra setup", "./infra setup --pulumi"),
        run=run,
    )
    parser.add_argument("--pulumi", action="store_true", help="install the Pulumi CLI from Pulumi's download site")


def install_pulumi() -> Cli:
    """Install the official CLI with Pulumi's own installer; one that is there is kept.

    Raises:
        MachineError: It could not be downloaded or does not run.
    """
    from pulumi.automation import PulumiCommand  # noqa: PLC0415 - only this command pays for it

    from operations.engines import choice  # noqa: PLC0415 - not for help

    try:
        PulumiCommand.install()
    except Exception as error:
        # Whatever goes wrong between the download site and the first run: the installer has no errors of its own.
        raise MachineError(
            f"the Pulumi CLI could not be installed: {type(error).__name__}: {error}",
            next_step="check that get.pulumi.com can be reached, or go on with --engine embedded",
        ) from error
    cli, _too_old = choice.installed()
    if cli is None:
        raise MachineError("the Pulumi CLI was installed, but does not answer", next_step="./infra doctor")
    return cli


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    console.say(f"Python {sys.version.split()[0]} in {sys.prefix}: in step with requirements.txt")
    if arguments.pulumi:
        console.say(f"ready: {install_pulumi()}")
    return ExitCode.SUCCESS
