"""What a reviewer has to see first, and what a gate refuses: one rule each. Pure.

`cases.json` beside this file holds, for every rule, a plan in which it fires, whether that closes the gate, and a plan
in which it must not fire; the gate's self-test runs them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from components.xata.branches.names import is_preview
from operations.policy import rules as policy
from operations.review.plan import before_and_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from operations.review.plan import Plan, Resource

BRANCH, PROJECT, SETTINGS = "xata:Branch", "xata:Project", "xata:BranchSettings"
HOLD_DATA: Final[dict[str, str]] = {
    BRANCH: "branch",
    PROJECT: "project",
    "postgres:EmbeddedServer": "database server",
}
"""Our own kinds that hold data, and what they are called."""
HOLDS_DATA: Final = re.compile(r"[:.]\w*(Bucket|Database|Disk|Namespace|Queue|Table|Volume)$")
"""How providers call theirs."""
CHECKS: Final = frozenset({"connectivity:DatabaseCheck", "connectivity:WorkerCheck", "worker:WranglerConfig"})
MOST_REASONS: Final = 3
MODES: Final = ("off", "warn", "enforce")
"""What a check does when it fails, from nothing to ending the deployment."""


@dataclass(frozen=True, kw_only=True)
class Risk:
    """What a rule has found.

    Attributes:
        rule: The rule's name.
        resource: What it is about.
        stack: The resource's stack.
        project: The stack's project.
        says: A sentence with `{}` for each of `names`: what others wrote is shown as such.
        names: What stands there.
        refused: Whether the gate refuses it.
        next_step: What to do about it; empty for a loss, where it is to change the program.
    """

    rule: str
    resource: Resource
    stack: str
    project: str
    says: str
    names: tuple[str, ...] = ()
    refused: bool = False
    next_step: str = ""

    @property
    def sentence(self) -> str:
        """The sentence for a terminal."""
        return self.says.format(*(repr(name) for name in self.names))

    @property
    def is_of_policy(self) -> bool:
        """Whether a rule of the policy has found it, which says what to do; anything else that is refused is a loss."""
        return bool(self.next_step)


Found = tuple[str, tuple[str, ...]] | None


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule.

    Attributes:
        name: For the self-test and the documentation.
        find: The sentence and the names in it when it fires; None when it does not.
        refused: Whether the gate refuses what it finds.
    """

    name: str
    find: Callable[[Resource], Found]
    refused: bool = False


def holds_data(resource: Resource) -> str:
    """What a thing that must not be lost is called; empty for all others. A pull request's branch may go."""
    kind = resource.kind
    if kind == BRANCH and is_preview(resource.called):
        return ""
    found = HOLDS_DATA.search(kind)
    if word := HOLD_DATA.get(kind) or (found[1].lower() if found else ""):
        return word
    return "protected resource" if resource.old is not None and resource.old.protect else ""


def _lost(fate: str, says: str) -> Callable[[Resource], Found]:
    def find(resource: Resource) -> Found:
        word = holds_data(resource)
        if resource.fate != fate or resource.old is None or not word:
            return None
        why = sorted(resource.forces)[:MOST_REASONS]
        reason = f", because of {', '.join('{}' for _ in why)}" if why else ""
        return f"the {word} {{}} {says}{reason}", (resource.called, *why)

    return find


def _unknown_step(resource: Resource) -> Found:
    word = holds_data(resource)
    if resource.fate != "unknown" or not word:
        return None
    return f"the {word} {{}} would meet {{}}, which this version does not know", (resource.called, resource.op)


def _protection_lifted(resource: Resource) -> Found:
    old, new = resource.old, resource.new
    if old is None or new is None:
        return None
    lifted = [
        what
        for what, before, after in (
            ("the engine would delete it on request", old.protect, new.protect),
            ("deleting it would delete the thing itself", old.retain_on_delete, new.retain_on_delete),
        )
        if before and not after
    ]
    return (
        (f"protection lifted from {{}}: from then on {', and '.join(lifted)}", (resource.called,)) if lifted else None
    )


def _retention_lowered(resource: Resource) -> Found:
    if resource.kind != SETTINGS:
        return None
    before, after = before_and_after(resource, "backupRetentionDays")
    if not _is_number(before) or (_is_number(after) and after >= before) or resource.new is None:
        return None
    told = f"{after} days" if _is_number(after) else "whatever the service has by itself"
    return f"backups are kept for less: {before} days before, {told} after ({{}})", (resource.name,)


def _check_switched_off(resource: Resource) -> Found:
    if resource.kind not in CHECKS:
        return None
    if resource.fate in {"delete", "forget"}:
        return "a check goes: {} is no longer part of the stack", (resource.name,)
    before, after = before_and_after(resource, "mode")
    if before not in MODES or after not in MODES or MODES.index(after) >= MODES.index(before):
        return None
    return f"a check is weakened: {{}} goes from {before} to {after}", (resource.name,)


def _secret_taken_away(resource: Resource) -> Found:
    if resource.kind != "worker:Secrets" or resource.fate not in {"delete", "forget"}:
        return None
    return "the Worker loses its secrets ({}), and with them its database", (resource.name,)


def _copy_of_production(resource: Resource) -> Found:
    if resource.new is None or resource.kind != BRANCH or resource.fate not in {"create", "replace"}:
        return None
    if resource.new.inputs.get("parent") not in policy.productions(resource.new.inputs):
        return None
    return "the branch {} would be a copy of all of production's data", (resource.called,)


def _gone(resource: Resource) -> Found:
    if not resource.gone or not holds_data(resource):
        return None
    return f"the {holds_data(resource)} {{}} was deleted by somebody else, and would be made anew", (resource.called,)


RULES: Final = (
    Rule(name="data-deleted", find=_lost("delete", "would be deleted"), refused=True),
    Rule(name="data-replaced", find=_lost("replace", "would be deleted and made anew, without its data"), refused=True),
    Rule(
        name="data-forgotten",
        find=_lost("forget", "would leave the stack; it stays as it is, and nobody looks after it any more"),
        refused=True,
    ),
    Rule(name="not-judged", find=_unknown_step, refused=True),
    Rule(name="protection-lifted", find=_protection_lifted),
    Rule(name="retention-lowered", find=_retention_lowered),
    Rule(name="check-weakened", find=_check_switched_off),
    Rule(name="secret-removed", find=_secret_taken_away),
    Rule(name="copy-of-production", find=_copy_of_production),
    Rule(name="gone", find=_gone),
)
"""The worst first."""


def names() -> dict[str, bool]:
    """Every rule, and whether the gate refuses what it finds; the policy's rules stand last."""
    return {rule.name: rule.refused for rule in RULES} | {rule.name: True for rule in policy.RULES}


def risks(plans: Iterable[Plan]) -> list[Risk]:
    """All that the rules find, in their order, and what is refused before the rest."""
    planned = list(plans)
    found = [*_changed(planned), *_against_policy(planned)]
    return sorted(found, key=lambda risk: not risk.refused)


def _against_policy(plans: Iterable[Plan]) -> Iterable[Risk]:
    """What breaks a rule of the policy, also where it stays as it is."""
    for rule in policy.RULES:
        for plan in plans:
            for resource in plan.listed:
                for found in rule.find(_planned(resource, plan)) if resource.new else ():
                    yield Risk(
                        rule=rule.name,
                        resource=resource,
                        stack=plan.stack,
                        project=plan.project,
                        says=found.says,
                        names=found.names,
                        refused=True,
                        next_step=found.next_step,
                    )


def _planned(resource: Resource, plan: Plan) -> policy.Planned:
    assert resource.new  # noqa: S101 - the caller has asked
    return policy.Planned(
        type=resource.type,
        name=resource.name,
        stack=plan.stack,
        inputs=resource.new.inputs,
        protect=resource.new.protect,
    )


def _changed(plans: Iterable[Plan]) -> list[Risk]:
    return [
        Risk(
            rule=rule.name,
            resource=resource,
            stack=plan.stack,
            project=plan.project,
            says=found[0],
            names=found[1],
            refused=rule.refused,
        )
        for rule in RULES
        for plan in plans
        for resource in plan.resources
        if (found := rule.find(resource))
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
