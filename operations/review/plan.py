"""What a document plans for each resource: its steps put together, and what of it changes. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from components.declared import camel
from components.http.scrub import scrub
from operations.display.plan import ABSENT, Difference, differences
from pulumi_embedded.values import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable

    from operations.review.document import Document, Reading, State, Step

Fate = Literal["create", "update", "replace", "delete", "forget", "import", "drift", "same", "unknown"]

ROOT: Final = "pulumi:pulumi:Stack"
DEFAULT_PROVIDER: Final = "pulumi:providers:"
CODE: Final = "__provider"
WARNING: Final = "warning:"
EXITED: Final = "program exited with non-zero exit code"
OPERATIONS: Final[dict[str, Fate]] = {
    "same": "same",
    "create": "create",
    "update": "update",
    "delete": "delete",
    "replace": "replace",
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "read": "same",
    "read-replacement": "replace",
    "discard": "forget",
    "discard-replaced": "replace",
    "remove-pending-replace": "same",
    "import": "import",
    "import-replacement": "replace",
    "refresh": "same",
}
"""What Pulumi calls a step, and what it means for the resource."""
CHANGES: Final[tuple[Fate, ...]] = ("delete", "replace", "forget", "unknown", "update", "import", "create", "drift")
"""What is worth telling, the worst first."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource of a plan.

    Attributes:
        urn: Its name for Pulumi.
        fate: What becomes of it.
        steps: All that the document says of it, in its order.
        old: As it is recorded; None when it is new.
        new: As it would be; None when it goes.
        gone: Whether the preview found that somebody else has deleted it.
    """

    urn: str
    fate: Fate
    steps: tuple[Step, ...] = field(repr=False)
    old: State | None = field(repr=False)
    new: State | None = field(repr=False)
    gone: bool = False

    @property
    def name(self) -> str:
        """Its name in the program."""
        return self.urn.rpartition("::")[2]

    @property
    def type(self) -> str:
        """Its type in full."""
        state = self.new or self.old
        return (state.type if state else "") or self.urn.rpartition("::")[0].rpartition("::")[2].rpartition("$")[2]

    @property
    def kind(self) -> str:
        """The end of its type, such as `xata:Branch`."""
        return self.type.rpartition("/")[2] if "dynamic/" in self.type else self.type

    @property
    def op(self) -> str:
        """What Pulumi calls the last step."""
        return self.steps[-1].op

    @property
    def called(self) -> str:
        """What the thing itself is called, such as the branch's name; its name in the program where it has none."""
        states = [state for state in (self.old, self.new) if state]
        found = (values.get("name") for state in states for values in (state.outputs, state.inputs))
        return next((one for one in found if isinstance(one, str) and one), self.name)

    @cached_property
    def changes(self) -> tuple[Difference, ...]:
        """The properties that differ; one that only a provider calls different has the same value on both sides."""
        if self.old is None or self.new is None:
            return ()
        old, new = (properties(one.inputs, one.additional_secret_outputs) for one in (self.old, self.new))
        found = differences(old, new)
        if not found and self.fate in {"update", "drift"}:
            found = self._against_outputs(new)
        reasons = dict.fromkeys(reason for step in self.steps for reason in _reasons(step))
        told = {name for one in found for name in (one.key, one.path)}
        found += [Difference(path=key, old=None, new=None) for key in reasons if key not in told]
        if self.old.inputs.get(CODE) != self.new.inputs.get(CODE) and not found and CODE in self.old.inputs:
            found = [Difference(path="the provider's code", old=None, new=None)]
        return (*self._protection(), *found)

    def _protection(self) -> Iterable[Difference]:
        """Options that keep a resource from being lost, where they change."""
        assert self.old is not None  # noqa: S101 - asked for a resource that is there before and after
        assert self.new is not None  # noqa: S101 - as above
        for name in ("protect", "retain_on_delete"):
            before, after = getattr(self.old, name), getattr(self.new, name)
            if before != after:
                yield Difference(path=f"option {camel(name)}", old=before, new=after)

    def _against_outputs(self, new: dict[str, Any]) -> list[Difference]:
        """What was found otherwise than recorded, and is put back though the program says the same."""
        assert self.old  # noqa: S101 - asked for a resource that is there
        outputs = properties(self.old.outputs, self.old.additional_secret_outputs)
        found = differences(
            {key: outputs[key] for key in new if key in outputs}, {k: new[k] for k in new if k in outputs}
        )
        return found or [one for step in self.steps for one in _found_otherwise(step)]

    @property
    def forces(self) -> frozenset[str]:
        """The properties that force a replacement."""
        return frozenset(reason for step in self.steps for reason in step.replace_reasons)


def before_and_after(resource: Resource, key: str) -> tuple[Any, Any]:
    """An input's value before and after; ABSENT where there is none."""
    return tuple(ABSENT if one is None else one.inputs.get(key, ABSENT) for one in (resource.old, resource.new))  # type: ignore[return-value] # two of them


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one document plans.

    Attributes:
        stack: The stack; empty where nothing says so.
        project: Its project.
        resources: What changes, the worst first; the rest is counted.
        listed: All that the document lists, also what stays as it is. Of the stack itself the inputs are its
            configuration.
        unchanged: How many resources stay as they are.
        errors: Why the preview failed, with the resource's name in front where it is about one.
        warnings: What it says besides, such as what was not read.
    """

    stack: str
    project: str
    resources: tuple[Resource, ...]
    listed: tuple[Resource, ...] = field(repr=False)
    unchanged: int
    errors: tuple[str, ...] = field(repr=False)
    warnings: tuple[str, ...] = field(repr=False)

    def of(self, *fates: Fate) -> list[Resource]:
        """The resources that meet one of these fates."""
        return [resource for resource in self.resources if resource.fate in fates]


def plan(reading: Reading) -> Plan:
    """Put the steps of a document together."""
    assert reading.document is not None  # noqa: S101 - the caller has asked
    document = reading.document
    steps: dict[str, list[Step]] = {}
    for step in document.steps:
        steps.setdefault(step.urn, []).append(step)
    found = [_resource(urn, listed, document.config) for urn, listed in steps.items()]
    shown = [one for one in found if one.fate != "same" and not (one.type == ROOT and one.fate in {"create", "drift"})]
    shown = [one for one in shown if not one.kind.startswith(DEFAULT_PROVIDER) or "::default" not in one.urn]
    same, listed = document.change_summary.get("same", 0), sum(one.fate == "same" for one in found)
    # A resource that only loses its protection, or drifted, is told here, and counted as unchanged by the engine.
    same -= sum(OPERATIONS.get(one.op) == "same" for one in shown)
    return Plan(
        stack=reading.stack,
        project=reading.project,
        resources=tuple(sorted(shown, key=lambda one: (CHANGES.index(one.fate), one.kind, one.name))),
        listed=tuple(found),
        unchanged=max(same, 0) if document.change_summary else listed,
        errors=tuple(_errors(document)),
        warnings=tuple(_warnings(document)),
    )


def _resource(urn: str, steps: list[Step], configuration: dict[str, Any]) -> Resource:
    """What becomes of a resource. A refresh says what was found; the step after it what is done about it."""
    fates = [OPERATIONS.get(step.op, "unknown") for step in steps]
    gone = len(steps) > 1 and "delete" in fates[:-1] and fates[-1] == "create"
    worst = min(fates, key=(*CHANGES, "same").index)
    fate: Fate = "create" if gone else worst
    # The last step knows what a refresh has found; of a replacement only one half has both sides.
    old = next((step.old_state for step in reversed(steps) if step.old_state), None)
    new = None if worst == "delete" and not gone else next((s.new_state for s in reversed(steps) if s.new_state), None)
    if fate == "delete" and old and old.retain_on_delete:
        fate = "forget"
    if fate == "same" and any(_found_otherwise(step) for step in steps):
        fate = "drift"
    if fate == "same" and _lifted(old, new):
        fate = "update"
    if new and new.type == ROOT:
        old, new = (one and msgspec.structs.replace(one, inputs=configuration) for one in (old, new))
    return Resource(urn=urn, fate=fate, steps=tuple(steps), old=None if gone else old, new=new, gone=gone)


def _lifted(old: State | None, new: State | None) -> bool:
    """Whether nothing changes but that the resource loses, or gets, its protection."""
    return bool(old and new) and (old.protect, old.retain_on_delete) != (new.protect, new.retain_on_delete)  # type: ignore[union-attr] # both are there


def _found_otherwise(step: Step) -> list[Difference]:
    """What a refresh found: the recorded value, then the real one."""
    if step.op not in {"refresh", "update"} or step.old_state is None or step.new_state is None:
        return []
    if not step.new_state.outputs or not step.new_state.parent:
        return []
    old, new = (properties(one.outputs, one.additional_secret_outputs) for one in (step.old_state, step.new_state))
    return differences(old, new)


def _reasons(step: Step) -> Iterable[str]:
    names = [*step.diff_reasons, *step.replace_reasons, *step.detailed_diff]
    return [name for name in names if not name.startswith("__")]


def _errors(document: Document) -> Iterable[str]:
    """Why it failed, each cause once."""
    told = [(one.urn.rpartition("::")[2], one.message) for one in document.errors]
    if not told:
        message, step = document.error.get("message"), document.error.get("next")
        told = [("", "\n".join(str(one) for one in (message, step) if one))] if document.error else []
    texts = [f"{name}: {_bare(text)}" if name else _bare(text) for name, text in told]
    if any(EXITED in text for text in texts):
        texts.append(_printed(document))
    return list(dict.fromkeys(text for text in texts if text))


def _warnings(document: Document) -> Iterable[str]:
    """What it warns of, once each; a provider can only print it, which an engine then takes for information."""
    texts = [one.message.strip() for one in document.diagnostics]
    return dict.fromkeys(text.removeprefix(WARNING).strip() for text in texts if text.startswith(WARNING))


def _printed(document: Document) -> str:
    """What the program wrote to standard error: where it ended by itself, the cause is in there alone."""
    return "\n".join(one.message.rstrip() for one in document.diagnostics if one.severity == "info#err")


def _bare(message: str) -> str:
    """The cause alone: where it was raised is for the job's log."""
    text = message.strip().removeprefix("error:").strip()
    if 'File "' not in text:
        return text
    from operations.engines.cli_events import without_traceback

    return without_traceback(text)


MASKED: Final = "[secret]"
LONGEST_VALUE: Final = 100_000


def readable(value: Any, *, secret: bool = False) -> Any:
    """A property's value with every secret in it as `Secret`, and what looks like one masked."""
    match value:
        case _ if secret or value == MASKED:
            return Secret(MASKED)
        case {"4dabf18193072939515e22adb298388d": str()}:  # a secret, an asset or an archive, as states have them
            return Secret(MASKED)
        case dict():
            return {str(key): readable(item) for key, item in value.items()}
        case list():
            return [readable(item) for item in value]
        case str():
            return _scrubbed(value) if len(value) <= LONGEST_VALUE else f"{len(value)} characters"
    return value


def _scrubbed(text: str) -> str:
    """The text itself where nothing in it looks like a secret: scrubbing also shortens."""
    return "\n".join(line if len(line) <= 8 else _line(line) for line in text.split("\n"))  # noqa: PLR2004 - no secret is as short


def _line(line: str) -> str:
    masked = scrub(line)
    return masked if "***" in masked and "***" not in line else line


def properties(values: dict[str, Any], secret: list[str]) -> dict[str, Any]:
    """A resource's properties, those that are named secret masked."""
    return {key: readable(value, secret=key in secret) for key, value in values.items()}
