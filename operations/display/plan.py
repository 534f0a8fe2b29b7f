"""What a step means, in words: its sign, its verb, and the properties it changes. Secrets never appear."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from operations.display.differences import ABSENT, Difference, differences
from pulumi_embedded.api import Output
from pulumi_embedded.values import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
