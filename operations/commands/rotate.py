"""./infra rotate STACK: a new password for the stack's database, now."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from operations import changes, console, options, reporting
from operations.errors import UsageError
from operations.exit_codes import ExitCode
from operations.job import summarize

if TYPE_CHECKING:
    import argparse


def add_parser(commands: options.Commands) -> None:
    """Add the command."""
    parser = options.add_command(
        commands,
        "rotate",
        summary="give an environment's database a new password, now",
        text=(
            "Bring STACK up with a new password for its branch. What an `up` refuses is refused first, and so is a\n"
            "Worker whose secret cannot be changed now; only then the password changes at Xata, and the Worker is\n"
            "told at once. Who else uses the old password is refused at the next log-in; open sessions stay. When\n"
            "the run dies in between, the next `up` or `rotate` completes it, and nothing is rotated twice.\n\n"
            "With --due it changes nothing and asks nobody: it says whether infra:rotation of STACK is this quarter,\n"
            "such as 2026-Q4, and exits with 5 when it is not. A new value there rotates the password at the next `up`."
        ),
        examples=("./infra rotate staging", "./infra rotate staging --yes --json", "./infra rotate staging --due"),
        run=run,
    )
    options.add_stack(parser)
    options.add_yes(parser)
    options.add_json(parser)
    options.add_config(parser)
    parser.add_argument("--due", action="store_true", help="only say whether the password is older than this quarter")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    if arguments.due:
        return _due(arguments)
    from operations.rotation import rotate  # noqa: PLC0415 - not for help and usage errors

    done = rotate(
        changes.Target.from_arguments(arguments),
        yes=arguments.yes,
        ask=console.agreed if console.can_ask() else None,
        show=reporting.shower(verbose=arguments.verbose),
    )
    step = f"./infra verify {arguments.stack}"
    return reporting.report(done, as_json=arguments.json, next_step=step, stack=arguments.stack)


def _due(arguments: argparse.Namespace) -> ExitCode:
    """Say whether it is time, by the stack's file alone."""
    from operations.rotation_due import due, quarter  # noqa: PLC0415 - not for help and usage errors
    from operations.settings import judged, on_xata  # noqa: PLC0415 - as above
    from operations.workspace import describe_workspace  # noqa: PLC0415 - as above

    target, today = changes.Target.from_arguments(arguments), datetime.now(tz=UTC).date()
    settings = judged(describe_workspace(target.folder, target.stack, overrides=target.config), with_files=False)
    if arguments.json or not on_xata(settings):
        raise UsageError(
            "--due answers with its exit code, and for environments in the cloud only",
            next_step="./infra rotate staging --due",
        )
    why = due(getattr(settings, "rotation", ""), today)
    words = f"the environment {target.stack} {why or f'has a password of {quarter(today)}'}"
    summarize(f"{words}.\n\n", os.environ)
    print(words)
    if why:
        console.say(
            f"  next: set infra:rotation: {quarter(today)} in Pulumi.{target.stack}.yaml; the next `up` rotates it"
        )
    return ExitCode.VERIFICATION_FAILED if why else ExitCode.SUCCESS
