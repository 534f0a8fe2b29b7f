"""YAML files as the Pulumi CLI reads them.

The CLI's library and PyYAML disagree about plain scalars: `yes` is a text there and a boolean here, `1e3` a number
there and a text here. A program must get the same configuration from both engines, so the CLI's rules are followed.
"""

from __future__ import annotations

import copy
import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Final

import yaml

from pulumi_embedded.errors import ProjectError

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
_LONGEST: Final = 250
"""Digits of a whole number; a longer one is read as a float, as every one beyond 64 bits is."""

MOST_BYTES: Final = 256 * 1024
MOST_VALUES: Final = 10_000
"""Keys and values, those behind an alias counted wherever it stands; Pulumi.yaml has 300."""
DEEPEST: Final = 100
"""Levels of nesting, those behind an alias included."""


def load(file: Path) -> Any:
    """Return the content of a YAML (or JSON) file; None when it is empty.

    Raises:
        ProjectError: It cannot be read, is not YAML, or is larger or deeper than any such file has reason to be.
    """
    try:
        if file.exists() and not file.is_file():
            raise ProjectError(f"cannot read {file}: it is not a file", next_step="move it away, and put the file back")
        with file.open("rb") as opened:
            text = opened.read(MOST_BYTES + 1).decode("utf-8-sig")
    except OSError as error:
        step = "repair the file or its permissions"
        raise ProjectError(f"cannot read {file}: {error.strerror}", next_step=step) from None
    except UnicodeDecodeError:
        raise ProjectError(
            f"cannot read {file}: it is not UTF-8 text", next_step="repair the file or its permissions"
        ) from None
    return parse(text, str(file))


def parse(text: str, source: str) -> Any:
    """Return the content of a YAML text; `source` is how an error names it.

    Raises:
        ProjectError: As `load`.
    """
    return copy.deepcopy(_parsed(text, source))  # whoever asks may change what it gets


@lru_cache(maxsize=8)
def _parsed(text: str, source: str) -> Any:
    """The same; a run asks for its files several times, and reading one takes longer than the rest of the question."""
    if len(text) > MOST_BYTES:
        raise ProjectError(f"{source} has more than {MOST_BYTES} bytes", next_step="repair the file")
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - _Loader is a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ProjectError(f"{source}{place}: {error.problem or error.context}", next_step="repair that line") from None
    except yaml.YAMLError as error:
        raise ProjectError(f"{source} is not YAML: {error}", next_step="repair the file") from None


class _Loader(yaml.SafeLoader):
    """A SafeLoader with the CLI's plain scalars, text keys, no key twice, and limits.

    The limits count what an alias stands for, so that whoever walks through the content need not have any.
    """

    yaml_implicit_resolvers: Any = {}  # noqa: RUF012 - PyYAML keeps its rules in a class attribute
    yaml_constructors: ClassVar[Any] = {  # of tags that cannot fail
        tag: constructor
        for tag, constructor in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag.rpartition(":")[2] in {"str", "seq", "map", "null"}
    }

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._level = 0
        self._sizes: dict[yaml.Node, tuple[int, int]] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Read a node and what is below it, within the limits."""
        alias = self.check_event(yaml.AliasEvent)
        begins = self.peek_event().start_mark  # type: ignore[no-untyped-call] # it has no types
        self._level += 1
        self._require(len(self._sizes), self._level, begins)
        node = super().compose_node(parent, index)
        self._level -= 1
        if node is not None and node not in self._sizes:
            if alias:
                raise yaml.MarkedYAMLError(problem="an alias stands inside of what it names", problem_mark=begins)
            self._sizes[node] = self._size(node)
            self._require(*self._sizes[node], begins)
        return node

    def _size(self, node: yaml.Node) -> tuple[int, int]:
        """How many values a node holds, itself included, and on how many levels."""
        below = node.value if isinstance(node, yaml.SequenceNode) else []
        if isinstance(node, yaml.MappingNode):
            below = [item for pair in node.value for item in pair]
        sizes = [self._sizes[item] for item in below]
        return 1 + sum(values for values, _ in sizes), 1 + max((levels for _, levels in sizes), default=0)

    @staticmethod
    def _require(values: int, levels: int, mark: Any) -> None:
        if values > MOST_VALUES:
            raise yaml.MarkedYAMLError(problem=f"there are more than {MOST_VALUES} values", problem_mark=mark)
        if levels > DEEPEST:
            raise yaml.MarkedYAMLError(problem=f"the nesting is deeper than {DEEPEST} levels", problem_mark=mark)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        """Build a mapping, refusing a key that stands twice."""
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key must be text", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value} stands here and in line {seen[key.value]}",
                    problem_mark=key.start_mark,
                )
            seen[key.value] = key.start_mark.line + 1
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
        if len(digits) <= _LONGEST and pattern.fullmatch(digits):
            number = convert(digits)
            return number if _SMALLEST <= number <= _LARGEST else float(number)
    if _FLOAT.fullmatch(digits) and math.isfinite(float(digits)):
        return float(digits)
    return text
