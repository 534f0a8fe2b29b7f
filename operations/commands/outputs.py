"""./infra outputs STACK: what the last deployment exports."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from operations import answers, changes, console, options
from operations.deployed import deployed
from operations.exit_codes import ExitCode

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from engine.api import Output


def add_parser(commands: options.Commands) -> None:
    """Add the command."""
    parser = options.add_command(
        commands,
        "outputs",
        summary="show what an environment exports",
        text="Show what the last deployment of STACK exports. Secrets are masked unless asked for.",
        examples=("./infra outputs dev", "./infra outputs dev --json", "./infra outputs dev --json --show-secrets"),
        run=run,
    )
    options.add_stack(parser)
    options.add_json(parser)
    parser.add_argument("--show-secrets", action="store_true", help="show secrets in the clear")


def outputs(target: changes.Target) -> Mapping[str, Output]:
    """Read a stack's outputs.

    Raises:
        UsageError: It has none.
    """
    return deployed(changes.opened(target, deploys=False).outputs(), target)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    values = outputs(changes.Target.from_arguments(arguments))
    shown = answers.shown(values, show_secrets=arguments.show_secrets)
    if arguments.json:
        console.answer(shown)
        return ExitCode.SUCCESS
    width = max(map(len, shown))
    for name, value in shown.items():
        print(f"{name:<{width}}  {_text(value)}")
    return ExitCode.SUCCESS


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
