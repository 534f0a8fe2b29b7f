"""What Xata says of a stack's branch: the layer of `verify` before all those that a connection passes.

A branch that was deleted looks from outside like a name that does not exist, and one that sleeps like a slow network.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from components.errors import InfraError, NotFoundError
from components.xata.api.client import KEY_VARIABLE, connect
from operations.deployed import on_this_machine, place_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.xata.api.client import Client
    from components.xata.api.models import Branch
    from pulumi_embedded.api import Output

LAYER: Final = "branch"
PATIENCE_SECONDS: Final = 15.0
"""A service that lost one of its parts says so after up to 14 s."""


@dataclass(frozen=True, kw_only=True)
class BranchFinding:
    """What was found.

    Attributes:
        ok: None when the branch could not be asked about.
        cause: What was seen.
        next_step: What to do about it.
        milliseconds: How long it took; None when nobody was asked.
        final: Whether a connection cannot lead anywhere.
    """

    ok: bool | None
    cause: str
    next_step: str = ""
    milliseconds: float | None = None
    final: bool = False

    def to_json(self) -> dict[str, Any]:
        """One entry of `layers`."""
        rounded = None if self.milliseconds is None else round(self.milliseconds, 1)
        return {
            "layer": LAYER,
            "ok": self.ok,
            "cause": self.cause,
            "next": self.next_step,
            "milliseconds": rounded,
        }


def look(
    values: Mapping[str, Output], stack: str, environ: Mapping[str, str], *, seconds: float
) -> BranchFinding | None:
    """Ask Xata for the branch that a stack's outputs name; None for a database on this machine.

    Args:
        values: The stack's outputs.
        stack: The stack's name.
        environ: Holds the key.
        seconds: How long to ask, if that is more than a dead service takes to say so.
    """
    if on_this_machine(values):
        return None
    if not environ.get(KEY_VARIABLE):
        step = f"export {KEY_VARIABLE}=… (docs/xata.md names its permissions)"
        return BranchFinding(ok=None, cause=f"not asked: {KEY_VARIABLE} is not set", next_step=step)
    begun = time.monotonic()
    try:
        found = _asked(connect(environ).within(max(seconds, PATIENCE_SECONDS)), values, stack)
    except InfraError as error:
        found = BranchFinding(ok=None, cause=f"cannot be asked: {error.message}", next_step=error.next_step)
    milliseconds = (time.monotonic() - begun) * 1000
    return BranchFinding(
        ok=found.ok, cause=found.cause, next_step=found.next_step, milliseconds=milliseconds, final=found.final
    )


def _asked(client: Client, values: Mapping[str, Output], stack: str) -> BranchFinding:
    place, branch_id = place_of(values), str(values["branchId"].value)
    name = str(values["branchName"].value)
    try:
        branch = client.branch(place.organization, place.project, branch_id)
    except NotFoundError:
        return _missing(client, place.organization, place.project, f"{name} ({branch_id})", stack)
    return judged(branch, name, stack)


def _missing(client: Client, organization: str, project: str, branch: str, stack: str) -> BranchFinding:
    """Gone is only what is missing from a project that the key can see."""
    try:
        client.project(organization, project)
    except NotFoundError:
        return BranchFinding(
            ok=False,
            cause=f"the project {project} of the branch {branch} is not there, or this key does not reach it",
            next_step=f"check XATA_API_KEY and XATA_API_BASE_URL; if it was deleted: ./infra refresh {stack}",
        )
    return BranchFinding(
        ok=False,
        cause=f"gone: the branch {branch} was deleted, and not by this program",
        next_step=f"./infra refresh {stack} takes note of it, then ./infra up {stack} makes it again, "
        "as a copy of its parent",
        final=True,
    )


def judged(branch: Branch, name: str, stack: str) -> BranchFinding:
    """What a branch's state means for whoever wants to connect."""
    kind, text = branch.status.kind, branch.status.text
    renamed = "" if branch.name == name else f"; it is called {branch.name!r} now, and up gives it its name back"
    if kind == "hibernated" and not branch.scale_to_zero.enabled:
        return BranchFinding(
            ok=False,
            cause=f"asleep, and put to sleep by hand: no connection wakes it{renamed}",
            next_step=f"./infra up {stack} wakes it",
            final=True,
        )
    if kind == "fault":
        return BranchFinding(
            ok=False,
            cause=f"at fault: {text}{renamed}",
            next_step="look at the branch in Xata's console; a fault may clear by itself",
        )
    words = {"healthy": "healthy", "hibernated": "asleep: the first connection wakes it"}
    return BranchFinding(ok=True, cause=words.get(kind, f"{kind}: {text}") + renamed)
