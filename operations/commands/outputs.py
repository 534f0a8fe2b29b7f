"""./infra outputs STACK: what the last deployment exports."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from operations import answers, changes, console, options
from operations.deployed import deployed
from operations.display.table import Row, table
from operations.errors import UsageError
from operations.exit_codes import ExitCode

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from pulumi_embedded.api import Output

FORMATS = ("env", "json", "dotenv", "github")


def add_parser(commands: options.Commands) -> None:
    """Add the command."""
    parser = options.add_command(
        commands,
        "outputs",
        summary="show what an environment exports",
        text=(
            "Show what the last deployment of STACK exports. Secrets are masked unless asked for.\n\n"
            "--format writes them for another program: `env` for eval in a POSIX shell, `dotenv` for a file,\n"
            "`github` for a step of GitHub Actions (secrets are masked in its log first; the values go to the file\n"
            "that GITHUB_OUTPUT names), `json` as --json. databaseUrl is then called DATABASE_URL, lists and objects\n"
            "are JSON text, and a secret that is not asked for is left out: a mask would be taken for a value."
        ),
        examples=(
            "./infra outputs dev",
            "./infra outputs dev --json --show-secrets",
            'text=$(./infra outputs staging --format env --show-secrets) && eval "$text"',
            "./infra outputs staging --format github --show-secrets",
        ),
        run=run,
    )
    options.add_stack(parser)
    options.add_json(parser)
    add_format(parser)


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add `--format` and `--show-secrets`."""
    parser.add_argument("--format", choices=FORMATS, help="write them for another program")
    parser.add_argument("--show-secrets", action="store_true", help="show secrets in the clear")


def outputs(target: changes.Target) -> Mapping[str, Output]:
    """Read a stack's outputs.

    Raises:
        UsageError: It has none.
    """
    return deployed(changes.opened(target, deploys=False).outputs(), target)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    require_one_format(arguments)
    shown(outputs(changes.Target.from_arguments(arguments)), arguments)
    return ExitCode.SUCCESS


def require_one_format(arguments: argparse.Namespace) -> None:
    """Refuse two formats at once.

    Raises:
        UsageError: --json and another format are asked for.
    """
    if arguments.json and arguments.format not in {None, "json"}:
        raise UsageError(
            f"--json and --format {arguments.format} are two formats; one can be written", next_step="leave one out"
        )


def shown(values: Mapping[str, Output], arguments: argparse.Namespace) -> None:
    """Show outputs as the command line says.

    Raises:
        UsageError: The format cannot carry one of them.
    """
    if arguments.format not in {None, "json"}:
        _write(arguments.format, values, show_secrets=arguments.show_secrets)
        return
    texts = answers.shown(values, show_secrets=arguments.show_secrets)
    if arguments.json or arguments.format:
        console.answer(texts)
        return
    rows = [Row(cells=(name,), text=_text(value), colour="cyan") for name, value in texts.items()]
    print("\n".join(table(rows, sys.stdout)))


def _write(name: str, values: Mapping[str, Output], *, show_secrets: bool) -> None:
    """Write them for another program; nothing is written before all of it is known to be right."""
    from operations.outputs import dotenv, github, shell  # noqa: PLC0415 - not for the other formats
    from operations.outputs.variables import variables  # noqa: PLC0415 - as above

    found = variables(values, show_secrets=show_secrets)
    if name == "github":
        _to_github(github.masks(found), github.written(found))
    else:
        print({"env": shell, "dotenv": dotenv}[name].written(found), end="")
    if found.left_out:
        console.say(f"left out, because secret: {', '.join(found.left_out)} (--show-secrets writes them, too)")


def _to_github(masks: str, text: str) -> None:
    """Mask first, and be sure that the runner has read it; then write where it looks for outputs."""
    print(masks, end="", flush=True)
    file = os.environ.get("GITHUB_OUTPUT", "")
    if not file:
        print(text, end="")
        return
    with open(file, "a", encoding="utf-8", newline="", opener=_private) as stream:
        stream.write(text)


def _private(path: str, flags: int) -> int:
    """Make a file that only this user may read; one that is there stays as it is."""
    return os.open(path, flags, 0o600)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
