"""Forget a preview that is no more: what is kept of its stack, and the stack file that was made for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operations import console

if TYPE_CHECKING:
    from pathlib import Path

    from operations.engines.interface import Engine


def forget(engine: Engine, folder: Path, stack: str) -> bool:
    """Remove the state of a preview, then the stack file that was made of the template.

    Stacks of the other environments are never forgotten: their history tells what was done.

    Args:
        engine: Works on the stack.
        folder: Where Pulumi.yaml lies.
        stack: The stack's name.

    Returns:
        Whether there was any state.

    Raises:
        engine.errors.HeldError: The state holds resources. Nothing was removed.
        engine.errors.LockedError, StateLockedError: Somebody else works on the stack.
    """
    removed = engine.remove()
    remove_file(folder, stack)
    return removed


def remove_file(folder: Path, stack: str) -> None:
    """Remove the stack file of a preview, which was made of the template."""
    (folder / f"Pulumi.{stack}.yaml").unlink(missing_ok=True)


def after_destroy(engine: Engine, folder: Path, stack: str) -> None:
    """Forget the stack that was taken down, when it is a preview's.

    Raises:
        engine.errors.HeldError: An earlier run was cut off while it created something, which may be there.
    """
    from components.xata.branches.names import is_preview  # noqa: PLC0415 - not for every command

    if is_preview(stack) and forget(engine, folder, stack):
        console.say(f"{stack}: its state is forgotten, too")
