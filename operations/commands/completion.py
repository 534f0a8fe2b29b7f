"""./infra completion SHELL: what makes a shell complete commands, options and stacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operations import cli, stack_names
from operations.errors import ExitCode

if TYPE_CHECKING:
    import argparse

SHELLS = ("bash", "zsh", "fish")


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "completion",
        text=(
            "Print what lets SHELL complete this command at TAB: commands, options, and the stacks that have a file.\n"
            "bash and zsh then ask the project whose command is typed, in any of this kind; fish asks this one."
        ),
        examples=(
            'eval "$(./infra completion bash)"     # in ~/.bashrc, with the path of a clone; zsh alike',
            "./infra completion fish > ~/.config/fish/completions/infra.fish",
        ),
        run=run,
    )
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=f"one of {', '.join(SHELLS)}")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print it."""
    from argcomplete.shell_integration import shellcode

    # fish would look for it on the PATH.
    asked = str(stack_names.PROJECT / "infra") if arguments.shell == "fish" else None
    print(shellcode(["infra"], shell=arguments.shell, argcomplete_script=asked), end="")
    return ExitCode.SUCCESS
