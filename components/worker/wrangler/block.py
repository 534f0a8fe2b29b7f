"""What to edit in a wrangler file so that a stack's block says what the stack expects. Pure.

Only the stack's own block is edited: what the top level or another environment says is for people to decide.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from components.errors import RefusedError
from components.worker.wrangler import editor
from components.worker.wrangler.config import Config
from components.worker.wrangler.jsonc import Document, is_object, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from components.worker.wrangler.expectation import Expectation

SCHEMA = "node_modules/wrangler/config-schema.json"
"""Where wrangler's own description of the file lies, for editors."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One change. `path` is the member to set or remove, or the list to append to."""

    act: Literal["set", "append", "remove"]
    path: tuple[str, ...]
    value: str = ""

    def __str__(self) -> str:
        label = ".".join(self.path)
        if self.act == "remove":
            return f"removed {label}"
        return f'{"set" if self.act == "set" else "added to"} {label}: "{self.value}"'


def steps(document: Document, expectation: Expectation) -> list[Step]:
    """The changes that the file needs; none when its block is as expected.

    Raises:
        RefusedError: It is not certain what to change: something is of another kind, or stands twice.
    """
    block = ("env", expectation.stack)
    _require_certain(document, block)
    return list(_steps(document, expectation, block))


def _steps(document: Document, expectation: Expectation, block: tuple[str, ...]) -> Iterator[Step]:
    name = Config(document=document).worker_name(expectation.stack)
    if expectation.worker_name and name != expectation.worker_name:
        yield Step(act="set", path=(*block, "name"), value=expectation.worker_name)
    for key, value in expectation.variables.items():
        node = document.at(*block, "vars", key)
        if node is None or node.data != value:
            yield Step(act="set", path=(*block, "vars", key), value=value)
    required = document.at(*block, "secrets", "required")
    listed = expectation.deployed or document.at(*block, "secrets") is not None
    for secret in expectation.secrets:
        if document.entry(*block, "vars", secret):
            yield Step(act="remove", path=(*block, "vars", secret))
        if listed and (required is None or secret not in required.data):
            yield Step(act="append", path=(*block, "secrets", "required"), value=secret)


def apply(text: str, changes: list[Step]) -> str:
    """The text with the changes made, and nothing else.

    Raises:
        RefusedError: The result would not read as it must, or a comment would be lost.
    """
    edited, wanted = text, copy.deepcopy(parse(text).root.data)
    for step in changes:
        edited = _in_text(edited, step)
        _in_data(wanted, step)
    if parse(edited).root.data != wanted or _comments(edited) != _comments(text):
        raise RefusedError(
            "the file is laid out so that it cannot be edited without changing something else, such as a comment",
            next_step=f"make these changes by hand: {'; '.join(map(str, changes))}",
        )
    return edited


def template(expectation: Expectation) -> str:
    """The text of a new file: the Worker's name; the app's owner adds the rest.

    Raises:
        RefusedError: The Worker's name is not known.
    """
    if not expectation.worker_name:
        raise RefusedError(
            "there is no wrangler.jsonc, and to begin one the Worker's name must be known",
            next_step="create wrangler.jsonc with name, main and compatibility_date, "
            f"then run {expectation.write_command} again",
        )
    name = expectation.worker_name.removesuffix(f"-{expectation.stack}")
    return editor.insert(editor.insert("{}\n", (), "$schema", SCHEMA), (), "name", name)


def _require_certain(document: Document, block: tuple[str, ...]) -> None:
    objects = [(), block[:1], block, (*block, "vars"), (*block, "secrets")]
    for path in objects:
        node = document.at(*path)
        if node and not is_object(node):
            raise _uncertain(document, path, "is not an object", node.start)
    required = document.at(*block, "secrets", "required")
    if required and not isinstance(required.data, list):
        raise _uncertain(document, (*block, "secrets", "required"), "is not a list", required.start)
    for path, entry in document.duplicates():
        if path in {("env",), ("name",)} or path[:2] == block:
            raise _uncertain(document, path, "stands twice", entry.start)


def _uncertain(document: Document, path: tuple[str, ...], reason: str, offset: int) -> RefusedError:
    line, column = document.place(offset)
    return RefusedError(
        f"line {line}, column {column}: {'.'.join(path) or 'the configuration'} {reason}, "
        "so it is not certain what to change",
        next_step=f"correct line {line} by hand",
    )


def _in_text(text: str, step: Step) -> str:
    document = parse(text)
    if step.act == "remove":
        return editor.remove(text, step.path)
    if (node := document.at(*step.path)) and step.act == "append":
        return editor.append(text, step.path, step.value)
    if node:
        return editor.replace(text, step.path, step.value)
    depth = len(step.path)
    while document.at(*step.path[: depth - 1]) is None:
        depth -= 1
    value: Any = step.value if step.act == "set" else [step.value]
    for key in reversed(step.path[depth:]):
        value = {key: value}
    return editor.insert(text, step.path[: depth - 1], step.path[depth - 1], value)


def _in_data(data: dict[str, Any], step: Step) -> None:
    for key in step.path[:-1]:
        data = data.setdefault(key, {})
    if step.act == "set":
        data[step.path[-1]] = step.value
    elif step.act == "append":
        data.setdefault(step.path[-1], []).append(step.value)
    else:
        del data[step.path[-1]]


def _comments(text: str) -> list[str]:
    return [text[start:end] for start, end in parse(text).comments]
