"""What the outputs of a deployed stack say of its database. Pure, but for the types it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operations.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.xata.branches.place import Place
    from operations.changes import Target
    from pulumi_embedded.api import Output

LOCAL = "local"
"""The branch id of a database on this machine."""
WITHOUT_APP = frozenset({"development", "foundation"})
"""Environments in which no app is deployed."""


def deployed(values: Mapping[str, Output], target: Target) -> Mapping[str, Output]:
    """The outputs of a stack that has some.

    Raises:
        UsageError: It has none.
    """
    return require_some(values, target.stack, f"./infra up {target.stack}")


def require_some(values: Mapping[str, Output], stack: str, next_step: str) -> Mapping[str, Output]:
    """The outputs of a stack that has some.

    Raises:
        UsageError: It has none.
    """
    if not values:
        raise UsageError(
            f"the stack {stack} has no outputs: it was never deployed, or has been destroyed", next_step=next_step
        )
    return values


def unseen(values: Mapping[str, Output], stack: str) -> list[str]:
    """What a deployment that ended well has not seen healthy, one sentence each.

    Args:
        values: The stack's outputs.
        stack: The stack's name.
    """
    checks = values["checks"].value if "checks" in values else {}
    database, worker = checks.get("database", {}), checks.get("worker", {})
    found = []
    if database and not database["ok"]:
        found.append(
            "the database was not checked: infra:checkMode is off"
            if database["mode"] == "off"
            else f"the database did not pass its check, and infra:checkMode is warn: ./infra verify {stack} says why"
        )
    if not worker or worker["ok"] or values["environment"].value in WITHOUT_APP:
        return found
    if not values["workerName"].value:
        return [*found, "the app was not checked: no Cloudflare account is known, or infra:worker is off"]
    states = {
        "waiting for the app": f"the app was not checked: it is not deployed yet; ./infra wrangler deploy {stack}",
        "not checked": "the app was not checked: infra:workerCheckMode is off",
    }
    failed = f"the app did not pass its check, and infra:workerCheckMode is warn: ./infra verify {stack} says why"
    return [*found, states.get(worker["state"], failed)]


def on_this_machine(values: Mapping[str, Output]) -> bool:
    """Whether the database is none of Xata's branches."""
    return "branchId" not in values or values["branchId"].value == LOCAL


def place_of(values: Mapping[str, Output]) -> Place:
    """Where the branch lives."""
    from components.xata.branches.place import Place  # noqa: PLC0415 - not for help and usage errors

    return Place(organization=str(values["organizationId"].value), project=str(values["projectId"].value))
