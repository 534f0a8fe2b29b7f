"""YAML files as the Pulumi CLI reads them.

The CLI's library and PyYAML disagree about plain scalars: `yes` is a text there and a boolean here, `1e3` a number
there and a text here. A program must get the same configuration from both engines, so the CLI's rules are followed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import yaml

from engine.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_PLAIN: Final = "tag:infra,plain"
_WORDS: Final[dict[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGERS: Final[tuple[tuple[re.Pattern[str], Callable[[str], int]], ...]] = (
    (re.compile(r"[-+]?(0|[1-9][0-9]*)"), int),
    (re.compile(r"[-+]?0[oO]?[0-7]+"), lambda text: int(re.sub("[oO]", "", text), 8)),
    (re.compile(r"[-+]?0[xX][0-9a-fA-F]+"), lambda text: int(text, 16)),
    (re.compile(r"[-+]?0[bB][01]+"), lambda text: int(text, 2)),
)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?")
_LARGEST: Final = 2**64 - 1
_SMALLEST: Final = -(2**63)


def load(file: Path) -> Any:
    """Return the content of a YAML (or JSON) file; None when it is empty."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(
            f"cannot read {file}: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}",
            next_step="repair the file or its permissions",
        ) from None
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - _Loader is a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ProjectError(f"{file}{place}: {error.problem or error.context}", next_step="repair that line") from None
    except yaml.YAMLError as error:
        raise ProjectError(f"{file} is not YAML: {error}", next_step="repair the file") from None


class _Loader(yaml.SafeLoader):
    """A SafeLoader with the CLI's plain scalars, text keys, and no key twice."""

    yaml_implicit_resolvers: Any = {}  # noqa: RUF012 - PyYAML keeps its rules in a class attribute

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        """Build a mapping, refusing a key that stands twice."""
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if key.value in seen and isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value} stands here and in line {seen[key.value]}",
                    problem_mark=key.start_mark,
                )
            seen[str(key.value)] = key.start_mark.line + 1
        return {
            key if isinstance(key, str) else str(key).lower(): value
            for key, value in super().construct_mapping(node, deep=deep).items()
        }


def _construct_plain(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    text = str(loader.construct_scalar(node))  # type: ignore[arg-type]  # only scalars get this tag
    if _MOMENT.fullmatch(text):
        raise yaml.MarkedYAMLError(
            problem=f'a date would not reach the program as it is written; quote it: "{text}"',
            problem_mark=node.start_mark,
        )
    return scalar(text)


_Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile("<<"), ["<"])
_Loader.add_implicit_resolver(_PLAIN, re.compile("(?s).*"), None)
_Loader.add_constructor(_PLAIN, _construct_plain)


def scalar(text: str) -> Any:
    """Return what a plain scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    digits = text if text.startswith("_") else text.replace("_", "")
    for pattern, convert in _INTEGERS:
        if pattern.fullmatch(digits):
            number = convert(digits)
            return number if _SMALLEST <= number <= _LARGEST else float(number)
    if _FLOAT.fullmatch(digits):
        return float(digits)
    return text
