"""Edits of a stack's file as `pulumi config set` and `pulumi config rm` make them: comments and all else stay.

The CLI writes the whole file anew in its own layout; here every line that is not meant stays as it is. Where the file
has that layout already, as those that the CLI has written do, the result is the same to the byte.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, Final

import yaml

from pulumi_embedded.errors import ProjectError
from pulumi_embedded.project import yamlfile

SALT: Final = "encryptionsalt"
_QUOTED: Final = re.compile(
    r"(?i:y|yes|n|no|on|off)|<<|="
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?"
)
"""Texts that some YAML takes for a truth, a number of base 60 or a date: the CLI quotes them, too."""


@dataclass(frozen=True, kw_only=True)
class Secure:
    """An encrypted value."""

    ciphertext: str


Value = str | list[str] | Secure


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """A key and its value, as places in the text."""

    begin: int
    colon: int
    end: int
    indent: int


def keys(text: str, *, source: str) -> list[str]:
    """The keys below `config:`, as they are written there."""
    return [*(_content(text, source).get("config") or {})]


def with_salt(text: str, salt: str, *, source: str) -> str:
    """The text of a file that has no salt, with one."""
    return _checked(_appended(text, f"{SALT}: {salt}"), {**_content(text, source), SALT: salt}, source)


def with_value(text: str, key: str, value: Value, *, source: str) -> str:
    """The text with a value in the place of the key's old one, or behind the others.

    Args:
        text: What stands in the file.
        key: "namespace:name".
        value: What is set.
        source: How an error names the file.

    Raises:
        ProjectError: The file is not what such a file is, or is laid out so that only a person can edit it.
    """
    content = _content(text, source)
    text = _ended(text)
    wanted = {**content, "config": {**(content.get("config") or {}), key: _meant(value)}}
    config = _entries(text, _root(text)).get("config")
    if config is None:
        return _checked(_appended(text, f"config:\n  {key}:{_shown(value, 2)}"), wanted, source)
    if not content["config"]:
        return _checked(f"{text[: config.colon]}\n  {key}:{_shown(value, 2)}{text[config.end :]}", wanted, source)
    entries = _entries(text, _root(text, "config"))
    if key in entries:
        entry = entries[key]
        return _checked(text[: entry.colon] + _shown(value, entry.indent) + text[entry.end :], wanted, source)
    if not entries:
        raise _for_a_person(source)
    last = [*entries.values()][-1]
    place = _line_end(text, last.end)
    line = f"\n{' ' * last.indent}{key}:{_shown(value, last.indent)}"
    return _checked(text[:place] + line + text[place:], wanted, source)


def without_value(text: str, key: str, *, source: str) -> str:
    """The text without a key that is there, its value and the comment above it.

    Raises:
        ProjectError: As `with_value`.
    """
    content = _content(text, source)
    left = {name: value for name, value in content["config"].items() if name != key}
    wanted = {**content, "config": left}
    if not left:
        config = _entries(text, _root(text))["config"]
        return _checked(f"{text[: config.colon]} {{}}{text[config.end :]}", wanted, source)
    entries = _entries(text, _root(text, "config"))
    if key not in entries:
        raise _for_a_person(source)
    entry = entries[key]
    begin = text.rfind("\n", 0, entry.begin) + 1
    while (above := text.rfind("\n", 0, max(begin - 1, 0)) + 1) < begin and text[above:begin].lstrip().startswith("#"):
        begin = above
    return _checked(text[:begin] + text[_line_end(text, entry.end) + 1 :], wanted, source)


def _content(text: str, source: str) -> dict[str, Any]:
    content = yamlfile.parse(text, source)
    content = {} if content is None else content
    if not isinstance(content, dict) or not isinstance(content.get("config") or {}, dict):
        raise ProjectError(
            f"{source} is not a stack's file: keys stand below `config:`", next_step=f"correct {source}, then try again"
        )
    return content


def _checked(text: str, wanted: dict[str, Any], source: str) -> str:
    """Return the text if it says what it is to say: some layouts (aliases, everything in one line) are not edited."""
    try:
        said = yamlfile.parse(text, source)
    except ProjectError:
        said = None
    if said != wanted:
        raise _for_a_person(source)
    return text


def _for_a_person(source: str) -> ProjectError:
    return ProjectError(
        f"{source} is laid out in a way that cannot be edited by a program; nothing was changed",
        next_step="write one key a line below `config:`, each as `  infra:key: value`, then try again",
    )


def _root(text: str, below: str = "") -> yaml.Node | None:
    root = yaml.compose(text, yaml.SafeLoader)
    if not below or not isinstance(root, yaml.MappingNode):
        return root
    return next((value for name, value in root.value if name.value == below), None)


def _entries(text: str, node: yaml.Node | None) -> dict[str, _Entry]:
    """The entries of a mapping that has a line for each of them."""
    if not isinstance(node, yaml.MappingNode) or node.flow_style:
        return {}
    return {
        name.value: _Entry(
            begin=name.start_mark.index,
            colon=text.index(":", name.end_mark.index) + 1,
            end=_end(text, value),
            indent=name.start_mark.column,
        )
        for name, value in node.value
    }


def _end(text: str, node: yaml.Node) -> int:
    """Where a value ends; PyYAML lets a block end where the next one begins."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return len(text[: node.end_mark.index].rstrip())


def _line_end(text: str, index: int) -> int:
    found = text.find("\n", index)
    return len(text) if found < 0 else found


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def _appended(text: str, lines: str) -> str:
    return f"{_ended(text)}{lines}\n"


def _meant(value: Value) -> Any:
    return {"secure": value.ciphertext} if isinstance(value, Secure) else value


def _shown(value: Value, indent: int) -> str:
    """A value as it stands behind its colon."""
    below = "\n" + " " * (indent + 2)
    if isinstance(value, Secure):
        return f"{below}secure: {value.ciphertext}"
    if isinstance(value, list):
        return "".join(f"{below}- {_scalar(item)}" for item in value) or " []"
    return f" {_scalar(value)}"


class _Dumper(yaml.SafeDumper):
    """Quotes only what YAML's marks ask for; what a plain text means is said by the CLI's rules."""

    yaml_implicit_resolvers: Any = {}  # noqa: RUF012 - PyYAML keeps its rules in a class attribute


def _scalar(text: str) -> str:
    if not isinstance(yamlfile.scalar(text), str) or "\n" in text or _QUOTED.fullmatch(text):
        return json.dumps(text, ensure_ascii=False)
    shown: str = yaml.dump(text, Dumper=_Dumper, width=math.inf, allow_unicode=True)
    return shown.removesuffix("\n").removesuffix("\n...")
