"""What a step means, in words: its sign, its verb, and the properties it changes. Secrets never appear."""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pulumi_embedded.api import Output
from pulumi_embedded.values import UNKNOWN, Secret, plain, same

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pulumi_embedded.api import Result, Step
    from pulumi_embedded.state import ResourceState

Words = tuple[str, str, str]

DYNAMIC_PREFIX: Final = "pulumi-python:"
STACK_TYPE: Final = "pulumi:pulumi:Stack"
_FORCES: Final = " (forces replacement)"

# Sign, verb, and verb while it goes on. The verbs suit a plan as well as the deed.
_WORDS: Final[dict[str, Words]] = {
    "same": (" ", "keep", "checking"),
    "create": ("+", "create", "creating"),
    "update": ("~", "update", "updating"),
    "delete": ("-", "delete", "deleting"),
    "refresh": (" ", "read", "reading"),
    "create-replacement": ("+-", "replace", "replacing"),
    "delete-replaced": ("--", "delete replaced", "deleting replaced"),
    "remove-pending-replace": (" ", "keep", "checking"),
    "read": (" ", "read", "reading"),
    "read-replacement": ("+-", "replace by reading", "reading"),
    "discard": ("<", "forget", "forgetting"),
    "discard-replaced": ("<", "forget replaced", "forgetting"),
}
AFTERMATH: Final = frozenset({"delete-replaced", "discard-replaced", "remove-pending-replace"})
"""The halves of a replacement that a person need not read about."""

_FOUND: Final[dict[str, Words]] = {"update": ("~", "drifted", "reading"), "delete": ("-", "gone", "reading")}
_FORGOTTEN: Final = ("-", "forget (retained)", "forgetting")


def words(step: Step, found: str = "same") -> Words:
    """Return sign, verb and progressive verb of a step; of a refresh, what it found counts."""
    if step.op == "refresh":
        return _FOUND.get(found, _WORDS["refresh"])
    if step.op == "delete" and step.old_state is not None and step.old_state.retain_on_delete:
        return _FORGOTTEN
    return _WORDS.get(step.op, (" ", step.op, step.op))


def property_lines(step: Step) -> list[str]:
    """Return a line for each property that a step changes: "~ port: 5432 -> 5433"; more where its text has more."""
    if step.op == "refresh":
        return _lines(step, drift(step))
    if step.old is None or step.new is None or step.op in AFTERMATH:
        return []
    found = differences(step.old, step.new)
    if not found and step.op == "update":
        found = _undonedrift(step) or _new_code(step)
    named = dict.fromkeys((*step.diffs, *step.replace_keys))
    told = {one.key for one in found} | {one.path for one in found}
    found += [_named(step, key) for key in named if key not in told and not key.startswith("__")]
    return _lines(step, found)


def output_lines(recorded: Mapping[str, Any], planned: Mapping[str, Output]) -> list[str]:
    """Return a line for each stack output that a plan changes; one with a secret inside is masked as a whole."""
    before = {key: Output.of(value) for key, value in recorded.items()}
    old, new = ({key: _hidden(output) for key, output in outputs.items()} for outputs in (before, planned))
    return [line for one in differences(old, new) for line in one.lines()]


def untold(errors: Iterable[str], told: Iterable[str]) -> list[str]:
    """The errors of a result that no event has told; the engine puts the resource's name before what its event said."""
    known = tuple(text.strip() for text in told)
    return [
        error
        for error in errors
        if not any(error.strip() == text or error.strip().endswith(f": {text}") for text in known if text)
    ]


def summed_up(result: Result, engine: str) -> str:
    """One line on how a run ended."""
    ended = "interrupted" if result.interrupted else "done" if result.succeeded else "failed"
    planned = result.kind == "preview"
    counts = counted(vars(result.changes), planned=planned)
    kind = "plan" if planned else result.kind
    return f"{kind} of {result.stack} {ended} in {result.duration_seconds:.1f} s ({engine} engine): {counts}"


def counted(changes: Mapping[str, int], *, planned: bool) -> str:
    """The changes in words, such as "2 created, 1 unchanged"."""
    done = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted"}
    parts = [(changes.get(name, 0), f"to {name}" if planned else past) for name, past in done.items()]
    return ", ".join(f"{count} {text}" for count, text in [*parts, (changes.get("same", 0), "unchanged")] if count) or (
        "nothing"
    )


def _hidden(output: Output) -> Any:
    return Secret(output.value) if output.secret else output.value


def _lines(step: Step, found: Iterable[Difference]) -> list[str]:
    return [line for one in found for line in one.lines(_FORCES if _forces(step, one) else "")]


def _forces(step: Step, difference: Difference) -> bool:
    keys = {*step.replace_keys, *(path for path, one in step.detailed_diff.items() if one.kind.endswith("-replace"))}
    path = difference.path
    return any(path == key or path.startswith((f"{key}.", f"{key}[")) for key in keys)


def drift(step: Step) -> list[Difference]:
    """What a refresh found: the recorded value, then the real one."""
    old, new = step.old_state, step.new_state
    if old is None or new is None:
        return differences(step.old or {}, step.new or {}) if step.new is not None else []
    if step.type.startswith(DYNAMIC_PREFIX):
        return differences(_all(old), _all(new))
    # Plugins write some outputs another way at every read; a drift of theirs shows in the inputs, too.
    return differences(old.inputs, new.inputs) or differences(old.outputs, new.outputs)


def _all(state: ResourceState) -> dict[str, Any]:
    return {**state.inputs, **state.outputs}


def _undonedrift(step: Step) -> list[Difference]:
    """What an update changes that the program says as before: it puts back what was found otherwise."""
    if step.old_state is None or step.new is None:
        return []
    outputs = step.old_state.outputs
    common = [key for key in step.new if key in outputs]
    return differences({key: outputs[key] for key in common}, {key: step.new[key] for key in common})


def _new_code(step: Step) -> list[Difference]:
    """A dynamic resource is also updated when its provider's code has changed, which is recorded with it."""
    code = "__provider"
    if step.old is None or step.new is None or step.old.get(code) == step.new.get(code):
        return []
    return [Difference(path="the provider's code", old=Secret("old"), new=Secret("new"))]


def _named(step: Step, key: str) -> Difference:
    """A property that the provider calls changed, though both programs say the same: what is recorded, and wanted."""
    recorded = step.old_state.outputs if step.old_state is not None else {}
    old = recorded.get(key, (step.old or {}).get(key, ABSENT))
    new = (step.new or {}).get(key, ABSENT)
    return Difference(path=key, old=None if old is ABSENT and new is ABSENT else old, new=new)


ABSENT: Final = object()
"""Stands on the side of a difference where the property is not there."""

_LONGEST: Final = 60
_MOST_LINES: Final = 12
_LONGEST_LIST: Final = 200
_BEFORE_THE_DIFFERENCE: Final = 12
_SECRET_TEXT: Final = "[secret]"  # noqa: S105 - what stands in the place of a secret
_UNKNOWN_TEXT: Final = "known after up"
_PLAIN_KEY: Final = re.compile(r"[\w$-]+")
# What a terminal obeys instead of showing it: control characters that JSON leaves alone, and those that turn text.
_OBEYED: Final = {c: f"\\u{c:04x}" for c in (*range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One property that differs; `path` is written as Pulumi writes it, such as `tags.a` or `hosts[0]`."""

    path: str
    old: Any = field(repr=False)
    new: Any = field(repr=False)

    @property
    def key(self) -> str:
        """The top-level property."""
        return re.split(r"[.\[]", self.path, maxsplit=1)[0]

    def lines(self, mark: str = "") -> list[str]:
        """Say it, such as "~ port: 5432 -> 5433"; text of several lines line by line. `mark` ends the first line."""
        if self.old is ABSENT:
            return [f"+ {self.path}: {shown(self.new)}{mark}"]
        if self.new is ABSENT:
            return [f"- {self.path}: {shown(self.old)}{mark}"]
        if isinstance(self.old, str) and isinstance(self.new, str) and "\n" in self.old + self.new:
            return [f"~ {self.path}:{mark}", *_changed_lines(self.old, self.new)]
        old, new = _pair(self.old, self.new)
        return [f"~ {self.path}: {old} -> {new}{mark}"]

    def sides(self) -> tuple[str, str]:
        """Both values as a person reads them, an empty text where the property is not there."""
        if self.old is ABSENT or self.new is ABSENT:
            return "" if self.old is ABSENT else shown(self.old), "" if self.new is ABSENT else shown(self.new)
        return _pair(self.old, self.new)


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """The properties that differ, sorted by their paths; Pulumi's internal ones are left out."""
    return list(_in_objects(dict(old), dict(new), ""))


def shown(value: Any) -> str:
    """One value as a person reads it."""
    return _cut(_text(value))


def _in_values(old: Any, new: Any, path: str) -> Iterator[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _in_objects(old, new, path)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _in_lists(old, new, path)
    elif old is ABSENT or new is ABSENT or not same(old, new):
        yield Difference(path=path, old=old, new=new)


def _in_objects(old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[Difference]:
    for key in sorted(old.keys() | new.keys()):
        if not key.startswith("__"):
            name = key if _PLAIN_KEY.fullmatch(key) else f"[{json.dumps(key, ensure_ascii=False).translate(_OBEYED)}]"
            below = f"{path}.{name}" if path and not name.startswith("[") else f"{path}{name}"
            yield from _in_values(old.get(key, ABSENT), new.get(key, ABSENT), below)


def _in_lists(old: list[Any], new: list[Any], path: str) -> Iterator[Difference]:
    """Pair the items up, so that one more in the middle is one difference; very long lists by their positions."""
    operations: Any = [("replace", 0, len(old), 0, len(new))]
    if max(len(old), len(new)) <= _LONGEST_LIST:
        # The values are compared, secrets as well; only paths and masked values leave this module.
        left, right = (
            [json.dumps([isinstance(item, Secret), plain(item)], sort_keys=True) for item in side]
            for side in (old, new)
        )
        operations = difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes()
    for kind, start, end, begin, stop in operations:
        if kind == "equal":
            continue
        for offset in range(max(end - start, stop - begin)):
            before = old[start + offset] if start + offset < end else ABSENT
            after = new[begin + offset] if begin + offset < stop else ABSENT
            at = start + offset if after is ABSENT else begin + offset
            yield from _in_values(before, after, f"{path}[{at}]")


def _changed_lines(old: str, new: str) -> list[str]:
    told = difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")
    lines = [line for line in told if not line.startswith(("---", "+++", "@@"))]
    if not lines:
        return ["    (only the line ends differ)"]
    more = [f"    … {len(lines) - _MOST_LINES} more lines"] if len(lines) > _MOST_LINES else []
    return [f"    {line[0]} {_cut(_harmless(line[1:]))}" for line in lines[:_MOST_LINES]] + more


def _pair(old: Any, new: Any) -> tuple[str, str]:
    """Both sides; where they would be cut before they differ, from shortly before that point."""
    left, right = _text(old), _text(new)
    pairs = enumerate(zip(left, right, strict=False))
    alike = next((at for at, (one, other) in pairs if one != other), min(len(left), len(right)))
    start = alike - _BEFORE_THE_DIFFERENCE if alike > _LONGEST - _BEFORE_THE_DIFFERENCE else 0
    return _cut(left, start), _cut(right, start)


def _text(value: Any) -> str:
    if isinstance(value, Secret):
        return _SECRET_TEXT
    if value == UNKNOWN:
        return _UNKNOWN_TEXT
    return json.dumps(_masked(value), ensure_ascii=False, sort_keys=True).translate(_OBEYED)


def _harmless(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("\\\\", "\\").translate(_OBEYED)


def _masked(value: Any) -> Any:
    match value:
        case Secret():
            return _SECRET_TEXT
        case dict():
            return {key: _masked(item) for key, item in value.items() if not key.startswith("__")}
        case list() | tuple():
            return [_masked(item) for item in value]
        case _:
            return _UNKNOWN_TEXT if value == UNKNOWN else value


def _cut(text: str, start: int = 0) -> str:
    """At most as many columns as a line can spare; a wide character takes two."""
    text = f"…{text[start:]}" if start else text
    columns = 0
    for position, character in enumerate(text):
        columns += _columns(character)
        if columns > _LONGEST:
            kept = text[:position]
            while kept and sum(map(_columns, kept)) >= _LONGEST:
                kept = kept[:-1]
            return f"{kept}…"
    return text


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
