"""./infra wrangler: whether the app's wrangler.jsonc fits an environment, the edits that make it fit, and deploying."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from operations import cli, console, stack_names
from operations.errors import ChangesRefusedError, ExitCode
from operations.next_steps import filled

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from components.worker.wrangler.findings import Finding
    from operations.wrangler import Asked

ACTIONS = ("check", "write", "deploy")


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "wrangler",
        text=(
            "Compare the app's wrangler.jsonc (in the folder that infra:appPath names) with what STACK expects of it:\n"
            "the Worker's name, ENVIRONMENT and XATA_BRANCH, DATABASE_URL as a required secret and never as a\n"
            "variable, and nothing of another environment. `check` only looks; `write` edits the lines that must\n"
            "change in the environment's own block and leaves comments and layout as they are. `deploy` has the app's\n"
            "wrangler deploy to STACK's Worker, for a pull request under its name and with its branch."
        ),
        examples=(
            "./infra wrangler check staging",
            "./infra wrangler write staging",
            "./infra wrangler deploy pr-7 --sandbox",
            "./infra wrangler check production --json --config appPath=../acme-shop",
        ),
        run=run,
    )
    parser.add_argument("action", metavar="ACTION", choices=ACTIONS, help=f"one of {', '.join(ACTIONS)}")
    parser.add_argument(
        "stack", metavar="STACK", type=stack_names.checked, help=f"the environment: {stack_names.ALLOWED}"
    )
    cli.add_sandbox(parser)
    cli.add_yes(parser)
    cli.add_json(parser)
    cli.add_overrides(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    from components.worker.wrangler.findings import errors
    from operations.wrangler import asked, findings

    file = asked(arguments.stack, dict(arguments.config))
    done = DOES[arguments.action](file, arguments) if arguments.action in DOES else []
    found = findings(file)
    if arguments.json:
        console.answer(as_answer(arguments.stack, file, done, found))
    else:
        print("\n".join(_lines(file, done, found)))
    if arguments.action == "deploy":
        console.say(f"  next: ./infra verify {arguments.stack}")
        return ExitCode.SUCCESS
    return ExitCode.VERIFICATION_FAILED if errors(found) else ExitCode.SUCCESS


def as_answer(stack: str, file: Asked, done: Sequence[str], found: Sequence[Finding]) -> dict[str, Any]:
    """The answer for a program."""
    return {
        "stack": stack,
        "file": str(file.path),
        "ok": not any(finding.severity == "error" for finding in found),
        "changes": list(done),
        "findings": [
            {
                "severity": one.severity,
                "what": one.what,
                "found": one.found,
                "expected": one.expected,
                "next": filled(one.next_step),
                "line": one.line,
                "column": one.column,
            }
            for one in found
        ],
    }


def _written(file: Asked, arguments: argparse.Namespace) -> list[str]:
    """Edit the file once its changes have been agreed to; what was changed, in words.

    Raises:
        ChangesRefusedError: Nobody agreed.
    """
    from operations.wrangler import planned, write

    steps = planned(file)
    if steps and not arguments.yes:
        for step in steps:
            console.say(f"  {step}")
        if not console.can_ask() or not console.agreed(f"{file.path}: make these changes?"):
            raise ChangesRefusedError(
                f"{file.path}: nothing was changed, because nobody agreed",
                next_step=f"./infra wrangler write {arguments.stack} --yes makes the changes",
            )
    return write(file) if steps else []


def _deployed(_file: Asked, arguments: argparse.Namespace) -> list[str]:
    """Have wrangler deploy the app; what was done, in words."""
    from operations import wrangler
    from operations.changes import Target

    deployment = wrangler.plan_deployment(
        Target(stack=arguments.stack, config=dict(arguments.config), only_reads=True, sandbox=arguments.sandbox)
    )
    wrangler.deploy(deployment)
    return [f"{deployment.file}: deployed to the Worker {deployment.script}"]


DOES = {"write": _written, "deploy": _deployed}


def _lines(file: Asked, done: Sequence[str], found: Sequence[Finding]) -> list[str]:
    told = [filled(finding.told(str(file.path))) for finding in found]
    return [*done, *(told or [f"{file.path}: as {file.expectation.stack} expects it"])]
