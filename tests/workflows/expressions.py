"""The expressions that the workflows use, evaluated as GitHub does; any other fails loudly.

Source: https://docs.github.com/actions/reference/workflows-and-actions/expressions.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOTS = ("github", "secrets", "vars", "steps", "needs", "matrix", "job")
TOKEN = re.compile(
    r"\s*(?P<token>'(?:[^']|'')*'|[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_][A-Za-z0-9_-]*)*|==|!=|&&|\|\||[!()])"
)
TEMPLATE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


class UnknownExpressionError(Exception):
    """The expression is none of those that are understood here."""


@dataclass(frozen=True, kw_only=True)
class World:
    """What expressions may ask.

    Attributes:
        contexts: What is below those of `ROOTS` that there are.
        functions: `success`, `always` and the like, which take no argument.
    """

    contexts: Mapping[str, Any]
    functions: Mapping[str, Callable[[], bool]]


def evaluated(text: str, world: World) -> Any:
    """The value of an expression without its braces: text, a number, true, false or null.

    Raises:
        UnknownExpressionError: It is not understood.
    """
    reader = _Reader(_tokens(text), world)
    value = reader.either()
    if reader.tokens:
        raise UnknownExpressionError(f"{text!r}: what begins with {reader.tokens[0]!r} is not understood")
    return value


def filled(text: str, world: World) -> str:
    """A text with its `${{ … }}` replaced by their values."""
    return TEMPLATE.sub(lambda found: _as_text(evaluated(found[1], world)), text)


def condition(text: str, world: World) -> bool:
    """Whether an `if:` holds; one that asks no function for the status also wants success so far."""
    bare = TEMPLATE.fullmatch(text.strip())
    expression = bare[1] if bare else text
    holds = bool(evaluated(expression, world))
    asks = any(re.search(rf"\b{name}\s*\(", expression) for name in world.functions)
    return holds and (asks or world.functions["success"]())


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    while text[at:].strip():
        found = TOKEN.match(text, at)
        if not found:
            raise UnknownExpressionError(f"{text!r}: what begins with {text[at:].strip()[:20]!r} is not understood")
        tokens.append(found["token"])
        at = found.end()
    return tokens


class _Reader:
    """Reads from the loosest binding to the tightest: ||, &&, == and !=, !, one value."""

    def __init__(self, tokens: list[str], world: World) -> None:
        self.tokens = tokens
        self._world = world

    def either(self) -> Any:
        value = self._both()
        while self._took("||"):
            other = self._both()
            value = value or other
        return value

    def _both(self) -> Any:
        value = self._compared()
        while self._took("&&"):
            other = self._compared()
            value = value and other
        return value

    def _compared(self) -> Any:
        value = self._one()
        for sign in ("==", "!="):
            if self._took(sign):
                return _equal(value, self._one()) == (sign == "==")
        return value

    def _one(self) -> Any:
        if self._took("!"):
            return not self._one()
        if self._took("("):
            value = self.either()
            self._expect(")")
            return value
        token = self.tokens.pop(0) if self.tokens else ""
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if self._took("("):
            given = [] if self.tokens[:1] == [")"] else [self.either()]
            self._expect(")")
            return self._called(token, *given)
        return self._looked_up(token)

    def _called(self, name: str, *given: Any) -> Any:
        if name == "fromJSON" and given:
            return json.loads(given[0])
        if name not in self._world.functions or given:
            raise UnknownExpressionError(f"the function {name!r} is not understood with {len(given)} arguments")
        return self._world.functions[name]()

    def _looked_up(self, path: str) -> Any:
        root, *names = path.split(".")
        if root not in ROOTS or root not in self._world.contexts or not names:
            raise UnknownExpressionError(f"{path!r} is none of the contexts that are understood")
        value: Any = self._world.contexts[root]
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    def _took(self, sign: str) -> bool:
        if self.tokens[:1] != [sign]:
            return False
        self.tokens.pop(0)
        return True

    def _expect(self, sign: str) -> None:
        if not self._took(sign):
            raise UnknownExpressionError(f"{sign!r} is missing")


def _equal(one: Any, other: Any) -> bool:
    """Texts are equal whatever their case; null equals nothing but null and the empty text."""
    if one is None or other is None:
        return (one or None) == (other or None)
    if type(one) is not type(other):
        raise UnknownExpressionError(f"comparing {one!r} with {other!r} is not understood")
    return one.lower() == other.lower() if isinstance(one, str) else bool(one == other)


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int):
        raise UnknownExpressionError(f"a value of type {type(value).__name__} is no text")
    return str(value)
