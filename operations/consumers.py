"""Another Pulumi project that reads our outputs: the same engine, state and passphrase, and a stack of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from operations import console
from operations.changes import Done, carried_out, planned
from operations.errors import ChangesRefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from operations.changes import ShowProgress, Target
    from operations.engines.interface import Change, Engine
    from pulumi_embedded.api import Result

STACK = re.compile(r"(?!\.\.?$)[A-Za-z0-9_.-]{1,100}")


def opened(target: Target, folder: Path) -> Engine:
    """Open a stack of the project in a folder, on the state of ours.

    Raises:
        UsageError: There is no such project or stack, or it is ours.
        StateError: There is state, and no passphrase for it.
    """
    from operations import workspace  # noqa: PLC0415 - not for help and usage errors
    from operations.engines.choice import choose  # noqa: PLC0415 - as above
    from operations.engines.interface import EngineOptions  # noqa: PLC0415 - as above

    require(target, folder)
    environ = target.environ()
    url = workspace.backend_url(target.folder, environ)
    passphrase = workspace.passphrase(target.folder, url, environ)
    environ = {**environ, "PULUMI_BACKEND_URL": url}
    if passphrase is not None:
        environ["PULUMI_CONFIG_PASSPHRASE"] = passphrase
    there = workspace.open_workspace(folder.resolve(), target.stack, environ=environ)
    options = EngineOptions(parallel=target.parallel, verbose=target.verbose)
    return choose(target.engine, there, options, say=console.say if target.verbose else _nothing)


def require(target: Target, folder: Path) -> None:
    """Refuse what is no project of its own: one that bears our name would take our state for its.

    Raises:
        UsageError: It is none.
    """
    from pulumi_embedded.project import load_project  # noqa: PLC0415 - reads YAML

    if not (folder / "Pulumi.yaml").is_file():
        raise UsageError(f"{folder} is no Pulumi project: it has no Pulumi.yaml", next_step="name its folder")
    name = load_project(folder).name
    if name == load_project(target.folder).name:
        raise UsageError(
            f"{folder} is the project {name!r}, as this one is: their stacks would be the same state",
            next_step="give it another name in its Pulumi.yaml",
        )
    if not STACK.fullmatch(target.stack):
        raise UsageError(
            f"{target.stack!r} is no name of a stack", next_step="letters, digits, '-', '_' and '.' make one"
        )
    if not (folder / f"Pulumi.{target.stack}.yaml").is_file():
        raise UsageError(
            f"the project {name!r} has no Pulumi.{target.stack}.yaml in {folder}",
            next_step=f"make it; `config: {{}}` is enough: printf 'config: {{}}\\n' > Pulumi.{target.stack}.yaml",
        )


def change(
    kind: Change, engine: Engine, *, yes: bool, ask: Callable[[Result], bool] | None, show: ShowProgress
) -> Done:
    """Carry a change out, after its plan has been agreed to."""
    if not yes:
        plan = planned(engine, kind, show)
        if not plan.succeeded:
            return Done(engine=engine.name, result=plan)
        if ask is None or not ask(plan):
            refused = ChangesRefusedError(
                "that is the plan; nothing was changed, because nobody agreed", next_step="--yes carries it out"
            )
            return Done(engine=engine.name, result=plan, refused=refused)
    return Done(engine=engine.name, result=carried_out(engine, kind, show, previewed=not yes))


def _nothing(_text: str) -> None:
    """Which engine works is nothing a person needs to be told."""
