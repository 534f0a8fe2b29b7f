"""Outputs for a POSIX shell: `eval` of the text sets them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from operations.outputs.variables import Variables


def written(variables: Variables) -> str:
    """One `export` per output.

    What is left out is unset: what an earlier environment has left in the shell would be taken for this one's.
    """
    unset = [f"unset {name}\n" for name in variables.left_out]
    return "".join([*unset, *(f"export {one.name}={quoted(one.value)}\n" for one in variables.shown)])


def quoted(value: str) -> str:
    """The value in single quotes, in which a shell expands nothing."""
    inside = value.replace("'", "'\\''")
    return f"'{inside}'"
