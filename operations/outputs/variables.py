"""Outputs as environment variables: their names, their texts, and what stays out. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from operations.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi_embedded.api import Output

WORD_BEGINS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
NEVER = re.compile("[\0\ud800-\udfff]")
"""What no environment variable can hold: a zero byte, and half a character."""


@dataclass(frozen=True, kw_only=True)
class Variable:
    """One output, as a variable.

    Attributes:
        name: In upper snake case, such as DATABASE_URL.
        value: Its text; lists and objects as JSON in one line.
        secret: Whether it is one.
    """

    name: str
    value: str = field(repr=False)
    secret: bool = False


@dataclass(frozen=True, kw_only=True)
class Variables:
    """The outputs of a stack, as variables.

    Attributes:
        shown: What is written, in the order of the outputs' names.
        left_out: The names of the secrets that nobody asked for. A mask in their place would be taken for a value.
    """

    shown: tuple[Variable, ...]
    left_out: tuple[str, ...] = ()


def variables(outputs: Mapping[str, Output], *, show_secrets: bool) -> Variables:
    """The outputs as variables, secrets only if asked for.

    Raises:
        UsageError: An output's name makes no variable's name, or the same as another's; or no variable can hold it.
    """
    named: dict[str, str] = {}
    shown, left_out = [], []
    for output, value in sorted(outputs.items()):
        name = variable_name(output)
        if name in named:
            raise UsageError(
                f"the outputs {named[name]} and {output} would both be the variable {name}",
                next_step="rename one of them, or read both with --format json",
            )
        named[name] = output
        if value.secret and not show_secrets:
            left_out.append(name)
        else:
            shown.append(Variable(name=name, value=_text(output, value.value), secret=value.secret))
    return Variables(shown=tuple(shown), left_out=tuple(left_out))


def variable_name(output: str) -> str:
    """The variable of an output: databaseUrl is DATABASE_URL.

    Raises:
        UsageError: Nothing that may name a variable comes of it.
    """
    name = WORD_BEGINS.sub("_", output).replace("-", "_").upper()
    if not NAME.fullmatch(name):
        raise UsageError(
            f"the output {output!r} makes no name of a variable: allowed are letters, digits, _ and -, not beginning "
            "with a digit",
            next_step="rename it, or read it with --format json",
        )
    return name


def _text(output: str, value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if NEVER.search(text):
        raise UsageError(
            f"the output {output} holds a zero byte or half a character (a lone surrogate), which no variable can",
            next_step="read it with --format json",
        )
    return text
