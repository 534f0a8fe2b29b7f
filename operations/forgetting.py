"""Forget a preview that is no more: what is kept of its stack, and the stack file that was made for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operations.errors import ChangesRefusedError
from operations.workspace import acting_in

if TYPE_CHECKING:
    from pathlib import Path

    from operations.changes import Target
    from operations.engines.interface import Engine


def forget(engine: Engine, folder: Path, stack: str, *, settled: bool = False) -> bool:
    """Remove the state of a preview, then the stack file that was made of the template.

    Stacks of the other environments are never forgotten: their history tells what was done.

    Args:
        engine: Works on the stack.
        folder: Where Pulumi.yaml lies.
        stack: The stack's name.
        settled: Whether what creations that were cut off have left is gone, too.

    Returns:
        Whether there was any state.

    Raises:
        engine.errors.HeldError: The state holds resources. Nothing was removed.
        engine.errors.LockedError, StateLockedError: Somebody else works on the stack.
    """
    removed = engine.remove(settled=settled)
    remove_file(folder, stack)
    return removed


def remove_file(folder: Path, stack: str) -> None:
    """Remove the stack file of a preview, which was made of the template."""
    (folder / f"Pulumi.{stack}.yaml").unlink(missing_ok=True)


def after_destroy(engine: Engine, target: Target) -> bool:
    """Forget the stack that was taken down, when it is a preview's, with what runs that were cut off left unrecorded.

    Returns:
        Whether there was any state.

    Raises:
        ChangesRefusedError: Something that may be left cannot be looked for.
        components.errors.InfraError: Something is left, and may not or cannot be removed.
    """
    from components.deletion.leftovers import remove_lost  # noqa: PLC0415 - not for every command
    from components.xata.branches.names import is_preview  # noqa: PLC0415 - as above

    if not is_preview(target.stack):
        return False
    with acting_in(target.environ()):
        left = [one.name for one in engine.unsettled() if not remove_lost(one.kind, one.properties)]
    if left:
        raise ChangesRefusedError(
            f"{target.stack}: its state is not forgotten: it notes that the creation of {', '.join(left)} was cut off, "
            "and whether that exists cannot be seen from here",
            next_step=f"look for it and delete it; then ./infra refresh {target.stack} drops the note, and "
            f"./infra destroy {target.stack} forgets the state",
        )
    return forget(engine, target.folder, target.stack, settled=True)
