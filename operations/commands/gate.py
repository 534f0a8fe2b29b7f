"""./infra gate: refuses a plan that would lose data or breaks a rule, unless a label allows that very thing."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from operations import cli, console
from operations.errors import ExitCode
from operations.review import document, rules
from operations.review.plan import plan

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from operations.review.document import Reading
    from operations.review.rules import Risk


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "gate",
        text=(
            "Reads documents of `preview --json` and fails (exit code 3) when a persistent branch, a project,\n"
            "anything else that holds data, or a protected resource would be deleted, replaced or left out of\n"
            "the stack; or when something breaks a rule of the policy (docs/pull-requests.md). Each is named\n"
            "with the label that allows this one, and no other: set it on the pull request and run again. A\n"
            "document that cannot be understood fails (2), and so does a failed\n"
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
    cli.add_previews(parser)
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
    from operations.review import document

    if arguments.self_test:
        return _self_test()
    labels = list(arguments.label)
    if arguments.event is not None:
        from components.github.events import read

        labels = list(read(arguments.event).pull_request.label_names)
    verdict = validate(document.read_documents(arguments.documents), labels)
    _tell(verdict)
    if verdict.refused:
        return ExitCode.CHANGES_REFUSED
    if verdict.unread:
        return ExitCode.BAD_CONFIGURATION
    if verdict.failed:
        return ExitCode.RESOURCE_FAILED
    console.say(
        "the gate is open: nothing that holds data would be lost, and no rule broken"
        + (" but what is allowed" * bool(verdict.allowed))
    )
    return ExitCode.SUCCESS


def _tell(verdict: Verdict) -> None:
    from operations.review.render import plain

    for risk in verdict.allowed:
        console.say(f"allowed by the label {label(risk)}: {plain(risk.stack)}: {risk.sentence}")
    for one in verdict.idle:
        console.say(f"the label {plain(one)} allows nothing in these plans: take it away")
    for reading in verdict.unread:
        console.say(f"error: {plain(reading.source)}: {plain(reading.reason)}")
    for stack in verdict.failed:
        console.say(f"error: {plain(stack)}: the preview failed, so nobody knows what would be lost")
    for risk in verdict.refused:
        console.say(f"error: {plain(risk.stack)}: {risk.sentence}")
        step = plain(risk.next_step, longest=LONGEST_STEP) or "change the program"
        console.say(f"  next: {step}; or, if that is meant, set the label {label(risk)}")


def _self_test() -> ExitCode:
    from operations.review import rules

    wrong = self_test()
    for reason in wrong:
        console.say(f"error: {reason}")
    if wrong:
        console.say("  next: correct operations/review/rules.py, or its cases beside it")
        return ExitCode.UNEXPECTED
    found = rules.names()
    console.say(
        f"all {len(found)} rules fire where they must, and only there; {sum(found.values())} of them close the gate"
    )
    return ExitCode.SUCCESS


CASES: Final = Path(rules.__file__).with_name("cases.json")
LONGEST_LABEL: Final = 50
"""GitHub has no longer labels."""
HASH_LETTERS: Final = 8
PREFIX: Final = "allow-"
LONGEST_STEP: Final = 400
_NOT_IN_LABELS: Final = re.compile(r"[^A-Za-z0-9._/-]")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the gate says.

    Attributes:
        refused: What would be lost or breaks a rule, and no label allows.
        allowed: The same that a label allows.
        unread: Documents that cannot be understood.
        failed: Stacks whose preview failed, so that nobody knows what would be lost.
        idle: Labels of ours that allow nothing in these plans.
    """

    refused: tuple[Risk, ...]
    allowed: tuple[Risk, ...]
    unread: tuple[Reading, ...]
    failed: tuple[str, ...]
    idle: tuple[str, ...]


def validate(readings: Sequence[Reading], labels: Iterable[str]) -> Verdict:
    """Validate documents by what labels allow."""
    given = set(labels)
    plans = [plan(reading) for reading in readings if reading.document is not None]
    found = [risk for risk in rules.risks(plans) if risk.refused]
    useful = {label(risk) for risk in found}
    return Verdict(
        refused=tuple(risk for risk in found if label(risk) not in given),
        allowed=tuple(risk for risk in found if label(risk) in given),
        unread=tuple(reading for reading in readings if reading.document is None),
        failed=tuple(one.stack for one in plans if one.errors),
        idle=tuple(sorted(one for one in given - useful if one.startswith(PREFIX))),
    )


def label(risk: Risk) -> str:
    """The label that allows this one: `allow-WHAT:PROJECT/STACK/NAME`. What does not fit in becomes a hash of it.

    WHAT is what would become of the resource; of a rule of the policy its name.
    """
    resource = risk.resource
    what = risk.rule if risk.is_of_policy else resource.fate
    whole = f"{PREFIX}{what}:{risk.project}/{risk.stack}/{resource.name}"
    head, _, tail = whole.partition(":")
    fit = f"{head}:{_NOT_IN_LABELS.sub('-', tail)}"
    if fit == whole and len(fit) <= LONGEST_LABEL:
        return fit
    short = hashlib.sha256(f"{what} {resource.urn}".encode()).hexdigest()[:HASH_LETTERS]
    return f"{fit[: LONGEST_LABEL - HASH_LETTERS - 1]}-{short}"


def self_test(cases: Path = CASES) -> list[str]:
    """What is wrong with the rules, by their own cases; nothing when each fires where it must, and only there."""
    told: list[dict[str, Any]] = json.loads(cases.read_bytes())
    wrong = [reason for case in told for reason in _case_reasons(case)]
    proven = {case["rule"] for case in told}
    return wrong + [f"{name}: no case proves it" for name in rules.names() if name not in proven]


def _case_reasons(case: dict[str, Any]) -> Iterable[str]:
    name = case["rule"]
    if name not in rules.names():
        yield f"{name}: there is no such rule"
        return
    fires, quiet = (_readings(case[side], case.get("config", {}).get(side, {})) for side in ("fires", "quiet"))
    found = [risk for risk in _risks(fires) if risk.rule == name]
    if not found:
        yield f"{name}: it does not fire where it must"
    if any(risk.rule == name for risk in _risks(quiet)):
        yield f"{name}: it fires where it must not"
    refused = validate(fires, ()).refused
    if (case["gate"] == "closed") != bool(refused):
        yield f"{name}: the gate {'refuses it' if refused else 'lets it pass'}"
    if validate(quiet, ()).refused:
        yield f"{name}: the gate refuses what loses nothing"
    if validate(fires, {label(risk) for risk in refused}).refused:
        yield f"{name}: its own label does not allow it"


def _readings(steps: list[dict[str, Any]], config: dict[str, str]) -> list[Reading]:
    return document.readings(json.dumps({"steps": steps, "config": config}), source=CASES.name)


def _risks(readings: Sequence[Reading]) -> list[Risk]:
    return rules.risks(plan(reading) for reading in readings if reading.document is not None)
