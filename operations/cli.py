"""The command line of ./infra: one module per command, assembled here. Loads no engine and no Pulumi."""

from __future__ import annotations

import argparse
import difflib
from typing import TYPE_CHECKING

from operations import options
from operations.commands import (
    comment,
    config,
    consumer,
    destroy,
    doctor,
    drift,
    gate,
    outputs,
    preview,
    refresh,
    reset,
    restore,
    rotate,
    sandbox,
    setup,
    sweep,
    sync,
    test,
    unlock,
    up,
    verify,
    wrangler,
)
from operations.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "up": up,
    "preview": preview,
    "refresh": refresh,
    "destroy": destroy,
    "outputs": outputs,
    "config": config,
    "consumer": consumer,
    "verify": verify,
    "drift": drift,
    "sweep": sweep,
    "rotate": rotate,
    "restore": restore,
    "sync": sync,
    "reset": reset,
    "wrangler": wrangler,
    "unlock": unlock,
    "comment": comment,
    "gate": gate,
    "doctor": doctor,
    "sandbox": sandbox,
    "setup": setup,
    "test": test,
}

EPILOG = """\
examples:
  ./infra up dev                 make or repair the developer's database
  ./infra verify dev             prove that it answers, layer by layer
  ./infra COMMAND --help         everything about one command

Exit codes are explained in docs/exit-codes.md.
"""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = options.Parser(
        prog="./infra",
        description="The app's database, one isolated one per environment, as one Pulumi program.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS.values():
        command.add_parser(commands)
    return top


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read a command line.

    Raises:
        UsageError: It is wrong.
        SystemExit: It asked for help, which has been printed.
    """
    if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        near = difflib.get_close_matches(arguments[0], COMMANDS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(
            f"there is no command {arguments[0]!r}{hint}", next_step=f"the commands are {', '.join(COMMANDS)}"
        )
    if arguments[:1] == ["test"]:
        return test.parse(arguments[1:])
    return parser().parse_args(arguments)
