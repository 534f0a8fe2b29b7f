"""What to edit in a wrangler file so that a stack's block says what the stack expects, the edits, and writing them.

Only the stack's own block is edited: what the top level or another environment says is for people to decide. An edit is
a replacement at one place, in the style of what stands around it: the file's line ends and indentation, the container's
way of standing on one line or on several, and its trailing comma.
"""

from __future__ import annotations

import copy
import difflib
import json
import re
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from components.errors import LocalError, RefusedError
from components.local.files import PrivateFile, read_private, write_private
from components.worker.wrangler.config import TOML, Config, read_document
from components.worker.wrangler.file import locate, shadows
from components.worker.wrangler.jsonc import LINE_END, Document, MalformedError, Node, is_object, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from components.worker.wrangler.findings import Expectation

T = TypeVar("T")

SCHEMA = "node_modules/wrangler/config-schema.json"
"""Where wrangler's own description of the file lies, for editors."""

NEW_MODE = 0o644
"""The file belongs in the app's repository and holds no secret."""

_SAME_LINE = re.compile(r"(?:[ \t]*/\*(?:(?!\*/)[\s\S])*\*/)*(?:[ \t]*//[^\r\n]*|[ \t]*(?=[\r\n]))?")
"""What belongs to a line's last value: comments that begin on the line, and blanks before its end."""
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


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
    if expectation.expected_name and name != expectation.expected_name:
        yield Step(act="set", path=(*block, "name"), value=expectation.expected_name)
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
    if not expectation.expected_name:
        raise RefusedError(
            "there is no wrangler.jsonc, and to begin one the Worker's name must be known",
            next_step="create wrangler.jsonc with name, main and compatibility_date, "
            f"then run {expectation.write_command} again",
        )
    name = expectation.expected_name.removesuffix(f"-{expectation.stack}")
    return insert(insert("{}\n", (), "$schema", SCHEMA), (), "name", name)


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
        return remove(text, step.path)
    if (node := document.at(*step.path)) and step.act == "append":
        return append(text, step.path, step.value)
    if node:
        return replace(text, step.path, step.value)
    depth = len(step.path)
    while document.at(*step.path[: depth - 1]) is None:
        depth -= 1
    value: Any = step.value if step.act == "set" else [step.value]
    for key in reversed(step.path[depth:]):
        value = {key: value}
    return insert(text, step.path[: depth - 1], step.path[depth - 1], value)


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


def to_paste(document: Document, changes: Sequence[Step]) -> str:
    """The tables and lines that carry the changes, in TOML; a list with the items it has already."""
    lines: list[str] = []
    for table, steps in groupby(changes, key=lambda step: step.path[:-1]):
        lines.append(f"[{'.'.join(map(_toml_key, table))}]")
        for name, of_one in groupby(steps, key=lambda step: step.path[-1]):
            lines.append(_toml_line(document, name, list(of_one)))
    return "\n".join(lines)


def _toml_line(document: Document, name: str, steps: Sequence[Step]) -> str:
    if steps[0].act == "remove":
        return f"# remove {name}"
    if steps[0].act == "set":
        return f"{_toml_key(name)} = {json.dumps(steps[0].value)}"
    there = document.at(*steps[0].path)
    return f"{_toml_key(name)} = {json.dumps([*(there.data if there else ()), *(step.value for step in steps)])}"


def _toml_key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else json.dumps(name)


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a text is laid out. `colon` is what stands between a key and its value, `gap` what follows a comma."""

    line_end: str
    unit: str
    colon: str
    gap: str
    one_line: bool


@dataclass(frozen=True, kw_only=True)
class Edit:
    """`text[start:end]` becomes `new`."""

    start: int
    end: int
    new: str


def replace(text: str, path: Sequence[str], value: str) -> str:
    """The text with the value at the path, which must exist, replaced by a text value."""
    node = _there(parse(text).at(*path))
    return _edited(text, [Edit(start=node.start, end=node.end, new=_quoted(value))])


def insert(text: str, path: Sequence[str], key: str, value: Any) -> str:
    """The text with a member added at the end of the object at the path, which must exist.

    The value is a text, a list of texts, or an object of such.
    """
    return _added(text, path, key, value)


def append(text: str, path: Sequence[str], value: str) -> str:
    """The text with an item added at the end of the list at the path, which must exist."""
    return _added(text, path, None, value)


def remove(text: str, path: Sequence[str]) -> str:
    """The text without the member at the path, which must exist; a comment behind it stays."""
    document = parse(text)
    parent, entry = _there(document.at(*path[:-1])), _there(document.entry(*path))
    edits = [_cut(text, entry.start, entry.value.end if entry.comma is None else entry.comma + 1)]
    before = parent.entries[parent.entries.index(entry) - 1] if entry != parent.entries[0] else None
    if before and before.comma is not None and entry.comma is None:
        edits.append(Edit(start=before.comma, end=before.comma + 1, new=""))
    return _edited(text, edits)


def style(document: Document) -> Style:
    """How the text is laid out; where it does not tell, as wrangler's own templates are."""
    text, root = document.text, document.root
    ends = [match[0] for match in LINE_END.finditer(text)]
    leading = [entry for entry in root.entries if _leads(text, entry.start)]
    unit = _indent(text, leading[0].start).removeprefix(_indent(text, root.start)) if leading else "  "
    colon = (
        re.sub(r"(?s)/.*", "", text[root.entries[0].key_end : root.entries[0].value.start]) if root.entries else ": "
    )
    signs = [root.entries[0].comma or root.entries[0].value.start - 1] if root.entries else []
    tight = any(not text[sign + 1 : sign + 2].isspace() for sign in signs) and not colon.endswith((" ", "\t"))
    return Style(
        line_end=max(set(ends), key=ends.count) if ends else "\n",
        unit=unit,
        colon=colon if re.fullmatch(r"[ \t]*:[ \t]*", colon) else ": ",
        gap="" if tight else " ",
        one_line=bool(root.entries) and not leading,
    )


def _there(found: T | None) -> T:
    assert found is not None  # noqa: S101 - callers name what they have read
    return found


def _added(text: str, path: Sequence[str], key: str | None, value: Any) -> str:
    document = parse(text)
    container, form = _there(document.at(*path)), style(document)
    if container.entries:
        return _edited(text, _after_last(text, container, form, key, value))
    return _edited(text, [_first(text, container, form, key, value)])


def _after_last(text: str, container: Node, form: Style, key: str | None, value: Any) -> list[Edit]:
    """Behind the last entry: a line of its own if the last one has that, else on the same line."""
    last = container.entries[-1]
    tail = last.value.end if last.comma is None else last.comma + 1
    trailing = "" if last.comma is None else ","
    if _on_own_line(text, container):
        indent = _indent(text, last.start)
        end = _SAME_LINE.match(text, tail)
        place = end.end() if end else tail
        new = f"{form.line_end}{indent}{_rendered(form, key, value, indent)}{trailing}"
    else:
        place, new = tail, f"{form.gap}{_rendered(form, key, value, None)}{trailing}"
    added = Edit(start=place, end=place, new=new)
    return [added] if trailing else [added, Edit(start=last.value.end, end=last.value.end, new=",")]


def _first(text: str, container: Node, form: Style, key: str | None, value: Any) -> Edit:
    """Into an empty container; a comment that stands in it stays."""
    start, end = container.start + 1, container.end - 1
    inside = text[start:end]
    base = _indent(text, container.start)
    lines = not form.one_line and key is not None
    if not inside.strip(" \t\r\n"):
        if not lines:
            pad = "" if key is None else form.gap
            return Edit(start=start, end=end, new=f"{pad}{_rendered(form, key, value, None)}{pad}")
        rendered = _rendered(form, key, value, base + form.unit)
        return Edit(start=start, end=end, new=f"{form.line_end}{base}{form.unit}{rendered}{form.line_end}{base}")
    if not LINE_END.search(inside):
        return Edit(start=start, end=start, new=f" {_rendered(form, key, value, None)}")
    same = _SAME_LINE.match(text, start)
    place = same.end() if same else start
    new = f"{form.line_end}{base}{form.unit}{_rendered(form, key, value, base + form.unit)}"
    return Edit(start=place, end=place, new=new)


def _rendered(form: Style, key: str | None, value: Any, indent: str | None) -> str:
    """A member or item; `indent` is that of its line, None for everything on one line."""
    name = "" if key is None else f"{_quoted(key)}{form.colon}"
    if isinstance(value, str):
        return name + _quoted(value)
    if isinstance(value, list):
        return f"{name}[{f',{form.gap}'.join(map(_quoted, value))}]"
    inner = None if indent is None or form.one_line else indent + form.unit
    members = [_rendered(form, inside, item, inner) for inside, item in value.items()]
    if inner is None:
        return f"{name}{{{form.gap}{f',{form.gap}'.join(members)}{form.gap}}}"
    lines = f",{form.line_end}{inner}".join(members)
    return f"{name}{{{form.line_end}{inner}{lines}{form.line_end}{indent}}}"


def _cut(text: str, start: int, end: int) -> Edit:
    """Remove a span, and its line if nothing else stands there."""
    before, behind = _line_start(text, start), _blanks_end(text, end)
    line_end = LINE_END.match(text, behind)
    if not text[before:start].strip(" \t") and line_end:
        return Edit(start=before, end=line_end.end(), new="")
    return Edit(start=start, end=behind, new="")


def _edited(text: str, edits: list[Edit]) -> str:
    for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
        text = text[: edit.start] + edit.new + text[edit.end :]
    return text


def _on_own_line(text: str, container: Node) -> bool:
    """Whether a line end stands before the last entry."""
    before = container.entries[-2].value.end if len(container.entries) > 1 else container.start
    return bool(LINE_END.search(text, before, container.entries[-1].start))


def _leads(text: str, offset: int) -> bool:
    """Whether a line end and blanks stand before the offset, and nothing else on its line."""
    start = _line_start(text, offset)
    return start > 0 and not text[start:offset].strip(" \t")


def _line_start(text: str, offset: int) -> int:
    return max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1


def _indent(text: str, offset: int) -> str:
    """The blanks at the beginning of the offset's line."""
    start = _line_start(text, offset)
    return text[start : _blanks_end(text, start)]


def _blanks_end(text: str, offset: int) -> int:
    while text[offset : offset + 1] in {" ", "\t"}:
        offset += 1
    return offset


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, kw_only=True)
class Change:
    """What `write` did: the texts before and after, how many lines differ, and each change in words.

    The texts may hold a secret that somebody left in `vars`: they are no part of the repr.
    """

    path: Path
    old: str = field(repr=False)
    new: str = field(repr=False)
    lines: int
    steps: tuple[str, ...]
    created: bool = False


def planned(path: Path, expectation: Expectation) -> tuple[PrivateFile, str, list[Step]]:
    """The file, the text that an edit begins with, and the changes that the block needs.

    Raises:
        RefusedError: It is not certain what to change, another file hides this one from wrangler, or it is TOML, whose
            lines to paste are told.
        LocalError: The file cannot be read.
    """
    path = locate(path)
    if hiding := shadows(path):
        raise RefusedError(hiding[0].what, next_step=hiding[0].next_step)
    file = read_private(path)
    base = file.text if file.exists else template(expectation)
    return file, base, _changes(path, base, expectation)


def edited(path: Path, expectations: Sequence[Expectation]) -> tuple[PrivateFile, str]:
    """The file as it is, and its text with the blocks of several stacks as these expect; nothing is written.

    Raises:
        RefusedError, LocalError: As `planned` and `write`.
    """
    file, text, _ = planned(path, expectations[0])
    for each in expectations:
        text = _applied(file.path, text, _changes(file.path, text, each))
    return file, text


def _changes(path: Path, text: str, expectation: Expectation) -> list[Step]:
    try:
        document = read_document(path, text)
        changes = steps(document, expectation)
    except (MalformedError, RefusedError) as error:
        raise RefusedError(f"{path}: {error.message}", next_step=error.next_step) from None
    if changes and path.suffix == TOML:
        raise RefusedError(
            f"{path} is TOML, which is checked and not written here",
            next_step=f"put these lines into it, each into its table where that is there already:\n"
            f"{to_paste(document, changes)}",
        )
    return changes


def _applied(path: Path, text: str, changes: list[Step]) -> str:
    try:
        return apply(text, changes) if changes else text
    except (MalformedError, RefusedError) as error:
        raise RefusedError(f"{path}: {error.message}", next_step=error.next_step) from None


def write(path: Path, expectation: Expectation) -> Change:
    """Edit the stack's block so that it says what is expected; make the file if there is none. A second time: nothing.

    Raises:
        RefusedError: As `planned`, or the text cannot be edited without changing something else. Nothing is written.
        LocalError: The file cannot be read or written.
    """
    file, base, changes = planned(path, expectation)
    path = locate(path)
    new = _applied(path, base, changes)
    if new != file.text:
        _replace(file, new)
    return Change(
        path=path,
        old=file.text,
        new=new,
        lines=_lines_changed(file.text, new),
        steps=tuple(map(str, changes)),
        created=not file.exists,
    )


def _replace(file: PrivateFile, text: str) -> None:
    """Put the new text in the place of the old, with the mode that the file had."""
    write_private(file.path, text)
    try:
        file.path.chmod(NEW_MODE if file.mode is None else file.mode)
    except OSError as error:
        raise LocalError(
            f"the mode of {file.path} cannot be set: {error.strerror}", next_step="set it by hand"
        ) from None


def _lines_changed(old: str, new: str) -> int:
    """How many lines of the new text are new or changed, or of the old are gone."""
    matcher = difflib.SequenceMatcher(a=old.splitlines(), b=new.splitlines(), autojunk=False)
    return sum(
        max(old_end - old_start, new_end - new_start)
        for kind, old_start, old_end, new_start, new_end in matcher.get_opcodes()
        if kind != "equal"
    )
