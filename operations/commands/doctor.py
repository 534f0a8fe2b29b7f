"""./infra doctor: whether this machine and Xata have what the commands need. Looks, and changes nothing."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from operations import console, options, stack_names
from operations.display.table import Row, table
from operations.exit_codes import ExitCode
from operations.next_steps import filled
from operations.workspace import PROJECT

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from operations.findings import Finding


COLOURS = {"ok": "green", "warning": "yellow", "failure": "red"}


def add_parser(commands: options.Commands) -> None:
    """Add the command."""
    parser = options.add_command(
        commands,
        "doctor",
        summary="look at this machine and at Xata: what is there, what is missing, what to do",
        text=(
            "Look at everything the commands need, one line each, with the next step where something is missing: this\n"
            "machine, then what Xata offers and lets the key do. With STACK, what that stack needs is looked at.\n"
            "Changes nothing. A warning does not keep the main job from working; a failure does."
        ),
        examples=("./infra doctor", "./infra doctor staging", "./infra doctor staging --sandbox --json"),
        run=run,
    )
    parser.add_argument(
        "stack", metavar="STACK", nargs="?", type=stack_names.checked, help=f"the environment: {stack_names.ALLOWED}"
    )
    options.add_sandbox(parser)
    options.add_json(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    from operations.examination import Machine, examine  # noqa: PLC0415 - not for help and usage errors

    findings = [
        replace(one, found=filled(one.found), next_step=filled(one.next_step))
        for one in examine(Machine(folder=PROJECT, sandbox=arguments.sandbox), arguments.stack or "")
    ]
    healthy = all(finding.verdict != "failure" for finding in findings)
    if arguments.json:
        console.answer(as_answer(findings))
    else:
        print("\n".join(table(rows(findings), sys.stdout)))
    return ExitCode.SUCCESS if healthy else ExitCode.MACHINE_NOT_READY


def as_answer(findings: Sequence[Finding]) -> dict[str, Any]:
    """The answer for a program."""
    checks = [
        {"check": one.check, "verdict": one.verdict, "found": one.found, "next": one.next_step} for one in findings
    ]
    return {"ok": all(finding.verdict != "failure" for finding in findings), "checks": checks}


def rows(findings: Sequence[Finding]) -> list[Row]:
    """The findings for a person."""
    return [
        Row(
            cells=(one.verdict, one.check),
            text=one.found,
            below=(f"next: {one.next_step}",) if one.next_step else (),
            colour=COLOURS[one.verdict],
        )
        for one in findings
    ]
