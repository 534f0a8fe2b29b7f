"""./infra reset pr-N: a fresh copy of the parent for a preview."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from operations import changes, cli, console, reporting, stack_names
from operations.changes import Done, deployed
from operations.errors import ChangesRefusedError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from operations.changes import ShowProgress, Target
    from operations.errors import ExitCode


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "reset",
        text=(
            "Replace the database of a pull request by a fresh copy of its parent, in this order: new branch, its\n"
            "check, the Worker's secret, the Worker's check, and then the old branch is deleted. The Worker and its\n"
            "address stay. When the run dies, the next `reset` goes on, and the next `up` completes it or takes it\n"
            "back; at no moment is there no database."
        ),
        examples=("./infra reset pr-7", "./infra reset pr-7 --yes --json", "./infra reset pr-7 --sandbox"),
        run=run,
    )
    cli.add_stack(parser)
    cli.add_yes(parser)
    cli.add_json(parser)
    cli.add_config(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    done = reset(
        changes.Target.from_arguments(arguments),
        yes=arguments.yes,
        ask=console.agreed if console.can_ask() else None,
        show=reporting.shower(verbose=arguments.verbose),
    )
    step = f"./infra verify {arguments.stack}"
    return reporting.report(done, as_json=arguments.json, next_step=step, stack=arguments.stack)


QUESTION = "{stack}: replace its database by a fresh copy? What was written to it is gone for good."
KEY = "infra:insteadOf"


def reset(target: Target, *, yes: bool, ask: Callable[[str], bool] | None, show: ShowProgress) -> Done:
    """Replace the branch, then let everything that is made of it follow.

    Args:
        target: Which stack, and how.
        yes: Agreed to beforehand.
        ask: Asks a question; None where nobody is there to answer.
        show: Makes whoever shows the progress of one run.

    Raises:
        UsageError: It is no preview, or was never deployed.
        ChangesRefusedError: Nobody agreed.
    """
    if not stack_names.is_preview(target.stack):
        raise UsageError(
            f"the stack {target.stack} keeps its data: only previews, pr-<number>, are given a fresh copy",
            next_step="name a preview, such as pr-7",
        )
    values = deployed(changes.opened(target, deploys=True).outputs(), target)
    if not yes and not (ask and ask(QUESTION.format(stack=target.stack))):
        why = "there is no terminal to ask on, and no --yes" if ask is None else "the answer was no"
        raise ChangesRefusedError(
            f"{target.stack}: nothing was changed, because {why}",
            next_step=f"./infra reset {target.stack} --yes replaces the database by a fresh copy",
        )
    wanted = replace(target, config={**target.config, KEY: str(values["branchId"].value)})
    engine = changes.opened(wanted, deploys=True, changes=True)
    return Done(engine=engine.name, result=changes.carried_out(engine, "up", show))
