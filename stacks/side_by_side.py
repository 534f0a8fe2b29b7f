"""The environments of a folder side by side: what their files say, and what no two of them may share. Pure."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from components.errors import ConfigurationError, InfraError
from components.xata.branches.names import PRODUCTION
from stacks import config, stack_names, worker_plan
from stacks.settings import CloudSettings, PreviewSettings, Settings, XataSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def said(folder: Path) -> Iterator[Settings]:
    """The settings of every stack that has a file, as far as they can be read: what cannot be, its own plan tells."""
    shared = config.written(folder / "Pulumi.yaml")
    for stack in stack_names.names(folder):
        with contextlib.suppress(InfraError):
            own = config.written(folder / f"Pulumi.{stack}.yaml")
            yield config.read(stack, {**shared, **own}, shared=shared.keys() - own.keys())


def branches(folder: Path) -> frozenset[str]:
    """The branches of all that are Xata's."""
    return frozenset(one.branch for one in said(folder))


def productions(folder: Path) -> dict[str, str]:
    """The environments that hold production's data by what their files say: name to branch, in their order.

    A file that is wrong elsewhere counts all the same, and one that cannot be read might say anything.
    """
    shared, found = config.written(folder / "Pulumi.yaml"), {}
    for stack in stack_names.environments(folder):
        try:
            said_there = {**shared, **config.written(folder / f"Pulumi.{stack}.yaml")}
        except InfraError:
            said_there = {"infra:environment": PRODUCTION}
        branch, environment = (said_there.get(key) or stack for key in ("infra:branch", "infra:environment"))
        if PRODUCTION in {stack, branch, environment}:
            found[stack] = branch
    return found


def usual(folder: Path) -> list[str]:
    """All other environments, in their order."""
    held = productions(folder)
    return [stack for stack in stack_names.environments(folder) if stack not in held]


def production_branches(folder: Path) -> tuple[str, ...]:
    """The branches of those, but for the one that is called so."""
    return tuple(sorted({*productions(folder).values()} - {PRODUCTION}))


def require_stack(stack: str, folder: Path) -> None:
    """Refuse a stack that there is not: plain Pulumi takes any name.

    Raises:
        ConfigurationError: Its name is none, or it has no file.
    """
    if refused := stack_names.refusal(stack, folder):
        raise ConfigurationError(refused[0], next_step=refused[1])


def refuse_shared(settings: Settings, folder: Path) -> None:
    """Refuse a stack whose branch or whose Worker is another one's, too.

    Raises:
        ConfigurationError: Which two, what they would share, and the key that tells them apart.
    """
    if not isinstance(settings, XataSettings):
        return
    for other in said(folder):
        if other.stack == settings.stack or not isinstance(other, XataSettings):
            continue
        both = " and ".join(config.file_of(one.stack) for one in (settings, other))
        if settings.branch == other.branch and _project(settings) == _project(other):
            raise ConfigurationError(
                f"{both} would share the Xata branch {settings.branch!r}: each environment has a database of its own",
                next_step="set another infra:branch in one of them; without it the branch is called as the stack is",
            )
        if script := _worker_of_both(settings, other, folder):
            raise ConfigurationError(
                f"{both} would share the Worker {script!r}, which can have the database of one of them",
                next_step="set another infra:workerName in one of them, or take it out; or name each one's Worker in "
                "its block of the app's wrangler file",
            )


def _project(settings: XataSettings) -> tuple[str, str]:
    told = os.environ.get
    return (
        settings.organization or told("XATA_ORGANIZATION_ID", ""),
        settings.project or told("XATA_PROJECT_ID", "") or settings.app,
    )


def _worker_of_both(settings: XataSettings, other: XataSettings, folder: Path) -> str:
    """The Worker that both would have, if it is one; where a name cannot be told, its own plan says so."""
    both = [one for one in (settings, other) if isinstance(one, CloudSettings) and one.worker != "off"]
    if len(both) < 2 or isinstance(other, PreviewSettings):  # noqa: PLR2004 - two of a pair
        return ""
    accounts = {one.cloudflare_account or os.environ.get(worker_plan.ACCOUNT_VARIABLE, "").strip() for one in both}
    try:
        first, second = (worker_plan.script(one, worker_plan.wrangler_file(one, folder)) for one in both)
    except InfraError:
        return ""
    return first if first == second and len(accounts) == 1 else ""
