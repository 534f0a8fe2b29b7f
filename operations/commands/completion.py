"""./infra completion SHELL: what makes a shell complete commands, options and stacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operations import cli
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
            "Print what lets SHELL complete this command at TAB: commands, options, and the stacks that have a file. It\n"
            "works in every project like this one, and asks the one whose ./infra is typed."
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

    print(shellcode(["infra"], shell=arguments.shell), end="")
    return ExitCode.SUCCESS
