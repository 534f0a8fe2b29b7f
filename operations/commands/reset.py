"""./infra reset pr-N: a fresh copy of the parent for a preview."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from operations import changes, cli, console, reporting, stack_names
from operations.changes import Done, deployed
from operations.errors import UsageError

if TYPE_CHECKING:
    import argparse

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
    """Replace the branch, then let everything that is made of it follow.

    It is an `up` whose configuration names the branch that is to be replaced. Said again after a run that died, it goes
    on where that one ended, and makes no second copy; an `up` that is not told of it completes it or takes it back.
    """
    target = changes.Target.from_arguments(arguments)
    if not stack_names.is_pull_request(target.stack):
        raise UsageError(
            f"the stack {target.stack} keeps its data: only previews, pr-<number>, are given a fresh copy",
            next_step="name a preview, such as pr-7",
        )
    values = deployed(changes.opened(target, deploys=True).outputs(), target)
    console.require_agreement(
        f"{target.stack}: replace its database by a fresh copy? What was written to it is gone for good.",
        yes=arguments.yes,
        otherwise=f"{target.stack}: nothing was changed",
        next_step=f"./infra reset {target.stack} --yes replaces the database by a fresh copy",
    )
    wanted = replace(target, config={**target.config, "infra:insteadOf": str(values["branchId"].value)})
    engine = changes.opened(wanted, deploys=True, changes=True)
    result = changes.carried_out(engine, "up", reporting.shower(verbose=arguments.verbose))
    done, step = Done(engine=engine.name, result=result), f"./infra verify {target.stack}"
    return reporting.report(done, as_json=arguments.json, next_step=step, stack=target.stack)
