"""./infra verify STACK: prove that the database answers, and that it is the right one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operations import changes, console, options
from operations.commands.outputs import outputs
from operations.exit_codes import ExitCode

if TYPE_CHECKING:
    import argparse

    from components.connectivity.report import Finding, Report

EXPECTED_MAJOR = 18
DEFAULT_BUDGET = 10.0
LONGEST_BUDGET = 3600


def add_parser(commands: options.Commands) -> None:
    """Add the command."""
    parser = options.add_command(
        commands,
        "verify",
        summary="prove that the database answers, layer by layer",
        text=(
            "Connect to STACK's database as the app would: name, TCP, TLS, authentication, database, query and\n"
            "identity. Says which layer is at fault, why, and what to do. Changes nothing."
        ),
        examples=("./infra verify dev", "./infra verify dev --json", "./infra verify staging --budget 60"),
        run=run,
    )
    options.add_stack(parser)
    options.add_json(parser)
    parser.add_argument(
        "--budget",
        metavar="SECONDS",
        type=_budget,
        default=DEFAULT_BUDGET,
        help=f"how long to try before the verdict is final (default: {DEFAULT_BUDGET:g})",
    )


def verify(target: changes.Target, *, budget_seconds: float) -> Report:
    """Probe the database that a stack's outputs name.

    Raises:
        UsageError: The stack has no outputs.
    """
    from components.connection import Connection  # noqa: PLC0415 - not for help and usage errors
    from components.connectivity.probe import probe  # noqa: PLC0415 - loads the driver

    values = outputs(target)
    return probe(
        Connection.parse(str(values["databaseUrl"].value)),
        expected_branch=str(values["branchName"].value),
        expected_major=EXPECTED_MAJOR,
        budget_seconds=budget_seconds,
    )


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    report = verify(changes.Target.from_arguments(arguments), budget_seconds=arguments.budget)
    if arguments.json:
        console.answer({"stack": arguments.stack, **report.to_json()})
    else:
        print("\n".join(table(report)))
    console.say(f"{arguments.stack}: {report}")
    return ExitCode.SUCCESS if report.ok else ExitCode.VERIFICATION_FAILED


def table(report: Report) -> list[str]:
    """The findings as lines of a table, with the next step under the layer at fault."""
    width = max(len(finding.layer.value) for finding in report.findings)
    return [line for finding in report.findings for line in _lines(finding, width)]


def _lines(finding: Finding, width: int) -> list[str]:
    verdict = {True: "ok", False: "FAILED", None: "not reached"}[finding.ok]
    time = "" if finding.milliseconds is None else f"{finding.milliseconds:.1f} ms"
    lines = [f"{finding.layer.value:<{width}}  {verdict:<11}  {time:>10}  {finding.cause}".rstrip()]
    if finding.ok is False and finding.next_step:
        lines.append(f"{'':<{width}}  next: {finding.next_step}")
    return lines


def _budget(text: str) -> float:
    value = float(text)
    if not 0 < value <= LONGEST_BUDGET:
        raise ValueError
    return value
