"""The command line of ./infra: one module per command, assembled here. Loads no engine and no Pulumi."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NoReturn

from operations import stack_names
from operations.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

GROUPS: Final[dict[str, dict[str, str]]] = {
    "an environment": {
        "up": "make or repair an environment",
        "preview": "say what up would do",
        "refresh": "record what is really there",
        "destroy": "take an environment down; the dev database keeps its data",
        "outputs": "show what an environment exports",
        "environments": "list the environments that have a file, and say which are production",
        "config": "set, read or remove a value of a stack's file, also an encrypted one",
    },
    "its database": {
        "psql": "open Postgres' own shell on an environment's database",
        "dump": "write an environment's data into a file",
        "load": "bring such a file into an environment that is not production",
        "schema": "say what one environment's schema has otherwise than another's",
        "rotate": "give an environment's database a new password, now",
        "restore": "bring a backup back, in a new branch beside the environment's",
    },
    "whether all is well": {
        "status": "show every environment as it is now: health, size, last up, password, backup",
        "verify": "prove that the database and the app answer, layer by layer",
        "drift": "say what was changed or deleted behind a stack's back, and bring it back",
        "doctor": "look at this machine and at Xata: what is there, what is missing, what to do",
        "unlock": "remove the lock that a killed run has left, after showing who holds it",
    },
    "pull requests": {
        "comment": "show a reviewer what a pull request would change",
        "gate": "refuse a plan that would lose data",
        "sync": "bring a preview environment in line with its pull request",
        "reset": "give a preview's database a fresh copy of its parent",
        "sweep": "remove the previews of pull requests that are closed, or whose life has ended",
    },
    "the app, and other projects": {
        "wrangler": "check the app's wrangler.jsonc, make it fit an environment, or deploy the app",
        "consumer": "run another Pulumi project that reads the outputs of this one",
    },
    "this project": {
        "init": "make this project that of your app, or make one for another app of it",
        "upgrade": "bring a project that init has made to a newer version",
        "sandbox": "the stand-ins for Xata, Cloudflare and GitHub that --sandbox works against",
        "completion": "print what makes a shell complete commands and stacks",
        "setup": "set this machine up; with --pulumi, install the official Pulumi CLI",
        "test": "check everything a change must pass, or run some tests",
    },
}
"""What one may want, and the commands for it: modules of that name in `operations.commands`, loaded when called."""
COMMANDS: Final = {name: summary for group in GROUPS.values() for name, summary in group.items()}

DESCRIPTION: Final = "The app's database, one isolated one per environment, as one Pulumi program."
EPILOG: Final = """\
examples:
  ./infra up dev                 make or repair the developer's database
  ./infra verify dev             prove that it answers, layer by layer
  ./infra help COMMAND           everything about one command

Exit codes are explained in docs/exit-codes.md.
"""


def overview() -> str:
    """All commands, by what one wants."""
    width = max(map(len, COMMANDS))
    groups = [
        f"{wanted}:\n" + "".join(f"  {name:<{width}}  {summary}\n" for name, summary in group.items())
        for wanted, group in GROUPS.items()
    ]
    return "\n".join(["usage: ./infra COMMAND [--help] …\n", f"{DESCRIPTION}\n", *groups, EPILOG])


def parser(loaded: Iterable[str] = COMMANDS) -> argparse.ArgumentParser:
    """The whole command line; of commands that are not `loaded`, the name and the summary alone."""
    top = Parser(
        prog="./infra",
        allow_abbrev=False,
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        if name in loaded:
            import_module(f"operations.commands.{name}").add_parser(commands)
        else:
            commands.add_parser(name, help=summary, add_help=False)
    return top


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read a command line.

    Raises:
        UsageError: It is wrong.
        SystemExit: It asked for help or for the version, which has been printed.
    """
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:2], "--help"]
    if not arguments or arguments[0] in {"-h", "--help"}:
        _printed(overview())
    if arguments[0] == "--version":
        _printed(f"infra {version()}\n")
    if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        near = difflib.get_close_matches(arguments[0], COMMANDS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(
            f"there is no command {arguments[0]!r}{hint}", next_step=f"the commands are {', '.join(COMMANDS)}"
        )
    if arguments[:1] == ["test"]:
        from operations.commands import test

        return test.parse(arguments[1:])
    own = arguments.index("--") if arguments[:1] == ["psql"] and "--" in arguments else len(arguments)
    read = parser(arguments[:1]).parse_args(arguments[:own])
    read.passed_on = arguments[own + 1 :]
    return read


def version() -> str:
    """What this program calls itself, and its commit where git knows one."""
    import tomllib
    from contextlib import suppress

    from operations import git
    from operations.errors import MachineError

    told: str = tomllib.loads((stack_names.PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "version"
    ]
    commit = ""
    with suppress(MachineError):
        commit = git.answer(stack_names.PROJECT, "describe", "--always", "--dirty", "--exclude=*")
    return f"{told} ({commit})" if commit else told


def complete() -> None:
    """Answer a shell that asks, at TAB, how a command line may go on; ends the process."""
    import argcomplete

    argcomplete.autocomplete(parser())


def _printed(text: str) -> NoReturn:
    print(text, end="")
    sys.exit()


if TYPE_CHECKING:
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
    commands: Commands, name: str, *, text: str, examples: tuple[str, ...], run: Callable[..., int]
) -> argparse.ArgumentParser:
    """Add a command with its help, its examples, and `--verbose`, which every command has."""
    parser = commands.add_parser(
        name,
        help=COMMANDS[name],
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
    stack: Any = parser.add_argument(
        "stack", metavar="STACK", type=stack_names.checked, help=f"the environment: {stack_names.ALLOWED}"
    )
    stack.completer = lambda **_: stack_names.names(stack_names.PROJECT)
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
