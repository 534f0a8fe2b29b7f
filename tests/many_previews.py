"""A project of a thousand branches of which few are to go: what tests and benchmarks of the sweep work on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from components.xata.branches.ownership import mark, until

KEEP = "keep-preview"
PARENT = "main"


@dataclass(kw_only=True)
class Project:
    """Branches and pull requests to be made, and what a sweep is to say of them.

    Attributes:
        branches: As the stand-in for Xata is told, parents first.
        pulls: As the stand-in for GitHub is told.
        goes: The names that are to go, and why.
        stays: The names that look like previews and are to stay, and why.
    """

    branches: list[dict[str, Any]] = field(default_factory=list)
    pulls: list[dict[str, Any]] = field(default_factory=list)
    goes: dict[str, str] = field(default_factory=dict)
    stays: dict[str, str] = field(default_factory=dict)

    def branch(self, name: str, description: str | None, *, parent: str = PARENT) -> None:
        """Add a branch."""
        self.branches.append({"name": name, "description": description, "parent": parent})

    def pull(self, number: int, state: str, *labels: str) -> None:
        """Add a pull request."""
        self.pulls.append({"number": number, "state": state, "labels": list(labels)})


def many_previews(count: int = 1000) -> Project:
    """A project of `count` branches besides its root, of which 37 are ours and dead."""
    made, today = Project(), datetime.now(tz=UTC).date()
    alive, over = until(today + timedelta(days=3)), until(today - timedelta(days=1))
    last_today = until(today)
    for number in range(1, 26):
        _add(made, number, mark(f"pr-{number}", alive), "closed", goes="closed")
    for number in range(26, 38):
        _add(made, number, mark(f"pr-{number}", over), "open", goes="expired")
    _add(made, 40, mark("pr-40", last_today), "open", stays="open")
    _add(made, 41, mark("pr-41", over), "open", stays="kept", label=KEEP)
    _add(made, 42, mark("pr-42", over), "closed", stays="kept", label=KEEP)
    _add(made, 43, None, "closed", stays="not-ours")
    _add(made, 44, "infra stack", "closed", stays="not-ours")
    _add(made, 45, mark("pr-46"), "closed", stays="not-ours")
    _add(made, 47, mark("pr-47"), "", stays="unknown")
    _add(made, 48, mark("pr-48", over), "closed", stays="children")
    _add(made, 49, mark("pr-49", alive), "open", stays="open", parent="pr-48")
    for name in ("pr-050", "PR-51", "pr-52-copy", "pr 53", "pr-0"):
        made.branch(name, mark("pr-52", over))
        made.stays[name] = "name"
    for name in ("staging", "production", "dev"):
        made.branch(name, mark(name, over))
    number = 100
    while len(made.branches) < count:
        if number % 12:
            made.branch(f"feature-{number}", "somebody's")
        else:
            _add(made, number, mark(f"pr-{number}", alive), "open", stays="open")
        number += 1
    return made


def _add(
    made: Project,
    number: int,
    description: str | None,
    state: str,
    *,
    goes: str = "",
    stays: str = "",
    label: str = "",
    parent: str = PARENT,
) -> None:
    name = f"pr-{number}"
    made.branch(name, description, parent=parent)
    if state:
        made.pull(number, state, *([label] if label else []))
    (made.goes if goes else made.stays)[name] = goes or stays
