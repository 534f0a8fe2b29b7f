"""What must not be merged as it is: a plan that would lose data, unless a label allows that very loss. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from operations.review import document, rules
from operations.review.plan import plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from operations.review.document import Reading
    from operations.review.rules import Risk

CASES: Final = Path(__file__).with_name("cases.json")
LONGEST_LABEL: Final = 50
"""GitHub has no longer labels."""
HASH_LETTERS: Final = 8
PREFIX: Final = "allow-"
_UNFIT: Final = re.compile(r"[^A-Za-z0-9._/-]")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the gate says.

    Attributes:
        refused: What would be lost, and no label allows.
        allowed: What would be lost, and a label allows.
        unread: Documents that cannot be understood.
        failed: Stacks whose preview failed, so that nobody knows what would be lost.
        idle: Labels of ours that allow nothing in these plans.
    """

    refused: tuple[Risk, ...]
    allowed: tuple[Risk, ...]
    unread: tuple[Reading, ...]
    failed: tuple[str, ...]
    idle: tuple[str, ...]


def judge(readings: Sequence[Reading], labels: Iterable[str]) -> Verdict:
    """Judge documents by what labels allow."""
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
    """The label that allows this one: `allow-FATE:PROJECT/STACK/NAME`. What does not fit in becomes a hash of it."""
    resource = risk.resource
    whole = f"{PREFIX}{resource.fate}:{risk.project}/{risk.stack}/{resource.name}"
    head, _, tail = whole.partition(":")
    fit = f"{head}:{_UNFIT.sub('-', tail)}"
    if fit == whole and len(fit) <= LONGEST_LABEL:
        return fit
    short = hashlib.sha256(f"{resource.fate} {resource.urn}".encode()).hexdigest()[:HASH_LETTERS]
    return f"{fit[: LONGEST_LABEL - HASH_LETTERS - 1]}-{short}"


def self_test(cases: Path = CASES) -> list[str]:
    """What is wrong with the rules, by their own cases; nothing when each fires where it must, and only there."""
    told: list[dict[str, Any]] = json.loads(cases.read_bytes())
    wrong = [fault for case in told for fault in _case_faults(case)]
    proven = {case["rule"] for case in told}
    return wrong + [f"{rule.name}: no case proves it" for rule in rules.RULES if rule.name not in proven]


def _case_faults(case: dict[str, Any]) -> Iterable[str]:
    rule = next((one for one in rules.RULES if one.name == case["rule"]), None)
    if rule is None:
        yield f"{case['rule']}: there is no such rule"
        return
    fires, quiet = (_readings(case[name]) for name in ("fires", "quiet"))
    found = [risk for risk in _risks(fires) if risk.rule == rule.name]
    if not found:
        yield f"{rule.name}: it does not fire where it must"
    if any(risk.rule == rule.name for risk in _risks(quiet)):
        yield f"{rule.name}: it fires where it must not"
    refused = judge(fires, ()).refused
    if (case["gate"] == "closed") != bool(refused):
        yield f"{rule.name}: the gate {'refuses it' if refused else 'lets it pass'}"
    if judge(quiet, ()).refused:
        yield f"{rule.name}: the gate refuses what loses nothing"
    if judge(fires, {label(risk) for risk in refused}).refused:
        yield f"{rule.name}: its own label does not allow it"


def _readings(steps: list[dict[str, Any]]) -> list[Reading]:
    return document.readings(json.dumps({"steps": steps}), source=CASES.name)


def _risks(readings: Sequence[Reading]) -> list[Risk]:
    return rules.risks(plan(reading) for reading in readings if reading.document is not None)
