"""An engine that only remembers, and results for it to give."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pulumi_embedded import api

if TYPE_CHECKING:
    from collections.abc import Mapping

    from operations.engines.interface import Change, EngineName
    from operations.engines.recorded import Holder, Recorded

OUTPUTS = {
    "branchName": api.Output(value="dev", secret=False),
    "databaseUrl": api.Output(value="postgresql://app:s3cret@127.0.0.1:1/app?sslmode=disable", secret=True),
}


def result(kind: api.Kind = "up", **differing: Any) -> api.Result:
    """A result that says that one thing was made."""
    values: dict[str, Any] = {
        "stack": "dev",
        "succeeded": True,
        "interrupted": False,
        "changes": api.Changes(create=1, same=2),
        "outputs": OUTPUTS,
        "duration_seconds": 1.25,
        "errors": (),
    }
    return api.Result(kind=kind, **{**values, **differing})


@dataclass
class FakeEngine:
    """Remembers what it was asked, and answers what it was told to."""

    name: EngineName = "embedded"
    asked: list[str] = field(default_factory=list)
    answers: dict[str, api.Result] = field(default_factory=dict)
    values: Mapping[str, api.Output] = field(default_factory=lambda: dict(OUTPUTS))
    there: tuple[Recorded, ...] = ()
    cut_off: tuple[Recorded, ...] = ()
    plans: list[list[api.Event]] = field(default_factory=list)
    locked_by: tuple[Holder, ...] | None = ()
    removals: list[Exception] = field(default_factory=list)
    previewed: list[bool] = field(default_factory=list)
    config: Mapping[str, str] = field(default_factory=dict)

    def change(self, kind: Change, listener: api.Listener, *, previewed: bool = False) -> api.Result:
        """Carry a change out."""
        listener.on_event(api.Message(severity="info", text="working"))
        self.asked.append(kind)
        self.previewed.append(previewed)
        return self.answers.get(kind, result(kind))

    def plan(self, kind: Change, listener: api.Listener) -> api.Result:
        """Say what a change would do."""
        self.asked.append(f"plan {kind}")
        for event in self.plans.pop(0) if self.plans else ():
            listener.on_event(event)
        return self.answers.get("plan", result("preview"))

    def preview(self, listener: api.Listener) -> tuple[api.Result, dict[str, Any]]:
        """Say what `up` would do, with a document."""
        told = {"message": "  next: ./infra up STACK checks again\n", "severity": "info"}
        document = {"steps": [], "diagnostics": [told], "changeSummary": {"create": 1, "same": 2}}
        return self.plan("up", listener), document

    def outputs(self) -> Mapping[str, api.Output]:
        """The outputs."""
        return self.values

    def unsettled(self) -> tuple[Recorded, ...]:
        """What was cut off."""
        return self.cut_off

    def drop(self, package: str) -> None:
        """Forget what a plugin has made."""
        self.asked.append(f"drop {package}")

    def remove(self, *, settled: bool = False) -> bool:
        """Forget the stack."""
        del settled
        self.asked.append("remove")
        if self.removals:
            raise self.removals.pop(0)
        return True

    def holders(self) -> tuple[Holder, ...] | None:
        """Who holds the lock."""
        return self.locked_by

    def unlock(self, holders: tuple[Holder, ...]) -> None:
        """Remove the lock."""
        self.asked.append(f"unlock {len(holders)}")

    def recorded(self) -> tuple[Recorded, ...]:
        """What is recorded."""
        return self.there
