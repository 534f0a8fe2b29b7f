"""The options that commands share, and the parser that raises errors of ours. Loads nothing but argparse."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, NoReturn

from operations import stack_names
from operations.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse has no public name for it

ENGINES = ("auto", "pulumi", "embedded")
NAMESPACE = "infra"
MOST_PARALLEL = 256


class Parser(argparse.ArgumentParser):
    """A parser that raises instead of printing and leaving, so that one place answers for all errors."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would have printed."""
        raise UsageError(message, next_step=f"{self.prog} --help")


def add_command(
    commands: Commands, name: str, *, summary: str, text: str, examples: tuple[str, ...], run: Callable[..., int]
) -> argparse.ArgumentParser:
    """Add a command with its help, its examples, and `--verbose`, which every command has."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=text,
        epilog="examples:\n" + "\n".join(f"  {example}" for example in examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--verbose", action="store_true", help="say more, and show where an error comes from")
    parser.set_defaults(run=run)
    return parser


def add_stack(parser: argparse.ArgumentParser) -> None:
    """Add STACK, judged while the command line is read, and the engine that works on it."""
    parser.add_argument(
        "stack", metavar="STACK", type=stack_names.checked, help=f"the environment: {stack_names.ALLOWED}"
    )
    add_engine(parser)


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Add `--engine`, which says what works on the stack, and `--sandbox`."""
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default="auto",
        help="what works on the stack: the Pulumi CLI, the embedded engine, or auto (the CLI where there is one)",
    )
    add_sandbox(parser)


def add_previews(parser: argparse.ArgumentParser) -> None:
    """Add FILE…: documents of previews."""
    parser.add_argument(
        "documents",
        metavar="FILE",
        nargs="*",
        help="what `preview --json` printed; STACK=FILE says which stack it is of; - or nothing: standard input",
    )


def add_sandbox(parser: argparse.ArgumentParser) -> None:
    """Add `--sandbox`."""
    parser.add_argument(
        "--sandbox",
        action="store_true",
        help="work against the sandbox on this machine, with a state of its own (./infra sandbox start)",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument(
        "--json",
        action="store_true",
        help="answer with one JSON document on standard output, the rest on standard error",
    )


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add `--config` and `--parallel`."""
    add_overrides(parser)
    parser.add_argument(
        "--parallel", metavar="N", type=_parallel, default=16, help="resources worked on at once (default: 16)"
    )


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Add `--config`."""
    parser.add_argument(
        "--config",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        type=override,
        help=f"a value for this run only, before the stack file's; repeatable; KEY alone means {NAMESPACE}:KEY",
    )


def add_yes(parser: argparse.ArgumentParser) -> None:
    """Add `--yes`."""
    parser.add_argument("--yes", action="store_true", help="carry the plan out without asking")


def override(text: str) -> tuple[str, str]:
    """Read one `--config` value.

    Raises:
        UsageError: It is not of the form KEY=VALUE.
    """
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(
            f"--config {text.partition('=')[0]!r} is not of the form KEY=VALUE", next_step="--config port=15432"
        )
    return (key if ":" in key else f"{NAMESPACE}:{key}", value)


def _parallel(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", text, re.ASCII) or not 1 <= int(text) <= MOST_PARALLEL:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MOST_PARALLEL}")
    return int(text)
