"""Outputs as a dotenv file, written so that every reader gets the same values. Pure.

The readers differ: wrangler expands `$` in the file of `--secrets-file` and not in `.dev.vars`, python-dotenv undoes
backslashes where the npm package keeps them, a container's `--env-file` keeps quotes, and a shell that sources the file
carries out what is not quoted. So a plain value stands without quotes, any other in quotes, and what no way of writing
carries to all of them is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from operations.errors import UsageError

if TYPE_CHECKING:
    from operations.outputs.variables import Variable, Variables

PLAIN = re.compile(r"[A-Za-z0-9_./:@%+=,?-]*")
DIFFERENT = {"$": "a dollar sign", "\\": "a backslash", "\r": "a carriage return"}
"""What readers read differently, however it is quoted."""


def written(variables: Variables) -> str:
    """One line per output.

    Raises:
        UsageError: Readers would not agree about a value. It is not shown.
    """
    return "".join(f"{one.name}={_value(one)}\n" for one in variables.shown)


def _value(variable: Variable) -> str:
    value = variable.value
    if PLAIN.fullmatch(value):
        return value
    found = [word for character, word in DIFFERENT.items() if character in value]
    quote = '"' if "'" in value else "'"
    if quote == '"' and set(value) & set('"`'):
        found.append("a single quote beside another kind of quote")
    if found:
        raise UsageError(
            f"the value of {variable.name} holds {' and '.join(found)}, which programs that read dotenv files read "
            "differently",
            next_step="use --format json, or --format env for a shell",
        )
    return f"{quote}{value}{quote}"
