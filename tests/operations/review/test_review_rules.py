"""The rules for reviewers and the gate: each is proven by its cases, and the cases by breaking the rules."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from operations.commands import gate
from operations.policy import rules as policy
from operations.review import rules
from operations.review.plan import plan
from tests.operations.review.plans import read, step

GATED = [rule.name for rule in rules.RULES if rule.refused]


def test_every_rule_is_documented() -> None:
    """The page says of each rule whether it closes the gate."""
    page = (Path(__file__).resolve().parents[3] / "docs" / "pull-requests.md").read_text(encoding="utf-8")
    for name, refused in rules.names().items():
        (row,) = (line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        assert row.endswith("| yes |") == refused, name


def test_every_rule_is_proven_by_its_cases() -> None:
    """What CI runs finds nothing wrong."""
    assert gate.self_test() == []


@pytest.mark.parametrize("name", [rule.name for rule in rules.RULES])
@pytest.mark.parametrize("broken", ["silent", "shouting", "open"])
def test_the_self_test_sees_a_broken_rule(name: str, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that never fires, fires always, or no longer closes the gate is named."""
    ways: dict[str, dict[str, Any]] = {
        "silent": {"find": lambda _resource: None},
        "shouting": {"find": lambda _resource: ("always", ())},
        "open": {"refused": name not in GATED},
    }
    changed = ways[broken]
    rules_then = tuple(replace(rule, **changed) if rule.name == name else rule for rule in rules.RULES)
    monkeypatch.setattr(rules, "RULES", rules_then)
    assert any(fault.startswith(f"{name}: ") for fault in gate.self_test())


@pytest.mark.parametrize("name", [rule.name for rule in policy.RULES])
@pytest.mark.parametrize("broken", ["silent", "shouting"])
def test_the_self_test_sees_a_broken_rule_of_the_policy(
    name: str, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that never fires, or always, is named."""
    found = [policy.Violation(says="always", names=(), next_step="x")] if broken == "shouting" else []
    rules_then = (replace(one, find=lambda _: iter(found)) if one.name == name else one for one in policy.RULES)
    monkeypatch.setattr(policy, "RULES", tuple(rules_then))
    assert any(fault.startswith(f"{name}: ") for fault in gate.self_test())


def test_what_breaks_a_rule_is_refused_until_its_label_says_otherwise() -> None:
    """Also what stays as it is; the sentence names what, which, got and allowed, then comes the next step."""
    settings = {"backupRetentionDays": 3}
    found = read(step("refresh", "days", kind="xata:BranchSettings", old=settings, new=settings))
    (risk,) = gate.validate(found, ()).refused
    assert risk.sentence == "backups are kept 3 days ('days'); allowed: 7 days or more"
    assert risk.next_step == "set infra:backupRetentionDays to 7 or more in Pulumi.staging.yaml, or take the line out"
    assert gate.label(risk) == "allow-backups:infra/staging/days"
    assert gate.validate(found, ["allow-backups:infra/staging/days"]).allowed == (risk,)


def test_a_rule_without_a_case_is_seen(tmp_path: Path) -> None:
    """Whoever adds a rule adds what proves it."""
    told = [case for case in json.loads(gate.CASES.read_text()) if case["rule"] != "gone"]
    (tmp_path / "cases.json").write_text(json.dumps([*told, {"rule": "made-up"}]))
    assert gate.self_test(tmp_path / "cases.json") == ["made-up: there is no such rule", "gone: no case proves it"]


@pytest.mark.parametrize(
    "op", ["delete", "replace", "create-replacement", "delete-replaced", "discard-replaced", "made-up"]
)
@pytest.mark.parametrize(
    ("kind", "old"),
    [
        ("xata:Branch", {"name": "main"}),
        ("xata:Branch", {"name": "pr-07"}),
        ("xata:Branch", {"name": "pr-1 "}),
        ("xata:Branch", {}),
        ("xata:Project", {"name": "warehouse-manager"}),
        ("postgres:EmbeddedServer", {}),
        ("local:DevVars", {"inputs": {}, "protect": True}),
    ],
)
def test_the_gate_closes_on_whatever_loses_data(op: str, kind: str, old: dict[str, Any]) -> None:
    """Every way in which Pulumi writes down a loss, for every kind that holds data or is protected."""
    found = read(step(op, "thing", kind=kind, old=old, new=None if op == "delete" else {}))
    (risk,) = gate.validate(found, ()).refused
    assert gate.validate(found, [gate.label(risk)]).allowed == (risk,)


@pytest.mark.parametrize("op", ["same", "create", "update", "refresh", "read"])
def test_the_gate_is_open_for_what_loses_nothing(op: str) -> None:
    """A branch that is made or changed in place keeps its data."""
    assert not gate.validate(read(step(op, "b", old={"name": "staging"}, new={"name": "staging"})), ()).refused


def test_a_pull_requests_own_branch_may_go() -> None:
    """It is made to be deleted."""
    assert not gate.validate(read(step("delete", "b", old={"name": "pr-7"})), ()).refused


def test_a_label_allows_one_loss_alone() -> None:
    """Of another stack, another resource or another fate the label says nothing."""
    steps = [
        step("delete", "a", old={"name": "staging"}),
        step("replace", "a2", old={"name": "staging"}, new={"name": "staging"}),
        step("delete", "b", old={"name": "main"}),
    ]
    found = [*read(*steps), *read(step("delete", "a", old={"name": "production"}, stack="production"))]
    labels = {gate.label(risk) for risk in gate.validate(found, ()).refused}
    assert len(labels) == 4
    for one in labels:
        verdict = gate.validate(found, [one])
        assert ([gate.label(risk) for risk in verdict.allowed], len(verdict.refused)) == ([one], 3)


@pytest.mark.parametrize("name", ["x" * 400, "a b", "`$(id)`", "Ünïcode", "a,b", "\u05e9\u05dc\u05d5\u05dd", "a\nb"])
def test_labels_are_what_github_takes(name: str) -> None:
    """At most 50 characters of plain text, and still one for each resource."""
    labels = []
    for called in (name, f"{name}2"):
        (risk,) = gate.validate(read(step("delete", called, old={"name": "staging"})), ()).refused
        labels.append(gate.label(risk))
    assert all(len(one) <= gate.LONGEST_LABEL and one.isascii() and one.isprintable() for one in labels)
    assert labels[0] != labels[1]


def test_what_cannot_be_judged_is_told() -> None:
    """Documents that are none, failed previews, and labels that allow nothing."""
    error = [{"severity": "error", "message": "error: boom"}]
    found = [*read(step("create", "a", new={}), diagnostics=error), *read()]
    verdict = gate.validate(found, ["allow-delete:infra/staging/x", "bug"])
    assert (verdict.failed, len(verdict.unread)) == (("staging",), 1)
    assert verdict.idle == ("allow-delete:infra/staging/x",)


def test_a_risk_names_the_stack_and_the_reason() -> None:
    """The sentence for a terminal quotes what others wrote."""
    (found,) = read(step("replace", "b", old={"name": "a\nb"}, new={"name": "c"}, replaceReasons=["region"]))
    (risk,) = rules.risks([plan(found)])
    assert risk.sentence == "the branch 'a\\nb' would be deleted and made anew, without its data, because of 'region'"
