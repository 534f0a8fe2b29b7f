"""What differs between what a stack records and what is really there. Pure: it only listens to a plan of `refresh`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from operations.display.differences import ABSENT, shown
from operations.display.plan import drift
from pulumi_embedded.api import StepFinished
from pulumi_embedded.values import Secret

if TYPE_CHECKING:
    from operations.display.differences import Difference
    from pulumi_embedded.api import Event, Step

MASK = "[secret]"
_NOTHING = (ABSENT, None, "")


@dataclass(frozen=True, kw_only=True)
class Drifted:
    """A resource that is not as it was left.

    Attributes:
        name: Its name in the program.
        type: Its type.
        what: Whether it was changed, or is gone.
        properties: What was changed; empty where it is gone.
    """

    name: str
    type: str
    what: Literal["changed", "gone"]
    properties: tuple[Difference, ...] = ()

    @property
    def lines(self) -> list[str]:
        """What a person reads of it; secrets are masked."""
        kind = self.type.rpartition("/")[2]
        if self.what == "gone":
            return [f"-  {kind} {self.name}: gone: somebody deleted it"]
        return [
            f"~  {kind} {self.name}",
            *(f"     {one.path}: declared {_text(one.old)}, found {_text(one.new)}" for one in self.properties),
        ]

    def to_json(self) -> dict[str, Any]:
        """One entry of `resources`."""
        properties = [
            {
                "path": one.path,
                **{
                    side: _masked(value)
                    for side, value in (("declared", one.old), ("found", one.new))
                    if value is not ABSENT
                },
            }
            for one in self.properties
        ]
        return {"name": self.name, "type": self.type, "what": self.what, "properties": properties}


@dataclass
class Watch:
    """A listener that keeps what a plan of `refresh` finds."""

    found: list[Drifted] = field(default_factory=list)

    def on_event(self, event: Event) -> None:
        """Take note of a resource that was looked at."""
        if not isinstance(event, StepFinished) or event.step.op != "refresh" or event.step.internal:
            return
        step = event.step
        if event.op == "delete":
            self.found.append(Drifted(name=step.name, type=step.type, what="gone"))
        elif event.op == "update" and (changed := changed_in(step)):
            self.found.append(Drifted(name=step.name, type=step.type, what="changed", properties=changed))


def changed_in(step: Step) -> tuple[Difference, ...]:
    """The properties of a refreshed resource that drifted.

    What was not known when it was made and has come to be since, such as the first restore point, is no drift.
    """
    declared = step.old_state.inputs if step.old_state is not None else step.old or {}
    return tuple(one for one in drift(step) if one.key in declared or one.old not in _NOTHING)


def _text(value: Any) -> str:
    return "nothing" if value is ABSENT else shown(value)


def _masked(value: Any) -> Any:
    match value:
        case Secret():
            return MASK
        case dict():
            return {key: _masked(item) for key, item in value.items() if not key.startswith("__")}
        case list() | tuple():
            return [_masked(item) for item in value]
        case _:
            return value
