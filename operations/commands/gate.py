"""./infra gate: refuses a plan that would lose data, unless a label allows that very loss."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from operations import console, options
from operations.exit_codes import ExitCode

if TYPE_CHECKING:
    import argparse

    from operations.review.gate import Verdict


def add_parser(commands: options.Commands) -> None:
    """Add the command."""
    parser = options.add_command(
        commands,
        "gate",
        summary="refuse a plan that would lose data",
        text=(
            "Reads documents of `preview --json` and fails (exit code 3) when a persistent branch, a project,\n"
            "anything else that holds data, or a protected resource would be deleted, replaced or left out of\n"
            "the stack. Each is named with the label that allows this one, and no other: set it on the pull\n"
            "request and run again. A document that cannot be understood fails (2), and so does a failed\n"
            "preview (4): nobody knows what such a plan would do. Asks no service. --self-test proves that\n"
            "every rule still fires."
        ),
        examples=(
            "./infra preview staging --json | ./infra gate",
            './infra gate staging.json production.json --event "$GITHUB_EVENT_PATH"',
            "./infra gate staging.json --label allow-replace:infra/staging/database-branch",
            "./infra gate --self-test",
        ),
        run=run,
    )
    options.add_previews(parser)
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--label", metavar="L", action="append", default=[], help="a label that the pull request has; repeatable"
    )
    source.add_argument(
        "--event", metavar="FILE", type=Path, help="take the labels from this event file of a workflow's run"
    )
    source.add_argument(
        "--self-test", action="store_true", help="prove the rules by their own cases, read nothing else"
    )


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    from operations.review import gate, sources  # noqa: PLC0415 - not for help and usage errors

    if arguments.self_test:
        return _self_test()
    labels = list(arguments.label)
    if arguments.event is not None:
        from components.github.events import read  # noqa: PLC0415 - loads the HTTP client

        labels = list(read(arguments.event).pull_request.label_names)
    verdict = gate.judge(sources.read(arguments.documents), labels)
    _tell(verdict)
    if verdict.refused:
        return ExitCode.CHANGES_REFUSED
    if verdict.unread:
        return ExitCode.BAD_CONFIGURATION
    if verdict.failed:
        return ExitCode.RESOURCE_FAILED
    console.say(
        "the gate is open: nothing that holds data would be lost" + (" but what is allowed" * bool(verdict.allowed))
    )
    return ExitCode.SUCCESS


def _tell(verdict: Verdict) -> None:
    from operations.review.gate import label  # noqa: PLC0415 - as above
    from operations.review.markdown import plain  # noqa: PLC0415 - as above

    for risk in verdict.allowed:
        console.say(f"allowed by the label {label(risk)}: {plain(risk.stack)}: {risk.sentence}")
    for one in verdict.idle:
        console.say(f"the label {plain(one)} allows nothing in these plans: take it away")
    for reading in verdict.unread:
        console.say(f"error: {plain(reading.source)}: {plain(reading.fault)}")
    for stack in verdict.failed:
        console.say(f"error: {plain(stack)}: the preview failed, so nobody knows what would be lost")
    for risk in verdict.refused:
        console.say(f"error: {plain(risk.stack)}: {risk.sentence}")
        console.say(f"  next: change the program; or, if that loss is meant, set the label {label(risk)}")


def _self_test() -> ExitCode:
    from operations.review import gate, rules  # noqa: PLC0415 - as above

    wrong = gate.self_test()
    for fault in wrong:
        console.say(f"error: {fault}")
    if wrong:
        console.say("  next: correct operations/review/rules.py, or its cases beside it")
        return ExitCode.UNEXPECTED
    refusing = sum(rule.refused for rule in rules.RULES)
    console.say(f"all {len(rules.RULES)} rules fire where they must, and only there; {refusing} of them close the gate")
    return ExitCode.SUCCESS
