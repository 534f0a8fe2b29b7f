"""The environment of a pull request: brought up with its app, or taken down, by the same code as `up` and `destroy`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from operations import changes, console, reporting
from operations.errors import CommandError
from operations.exit_codes import ExitCode
from operations.sync.following import Done

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from operations.engines.interface import Change
    from pulumi_embedded.api import Output, Result

UNCHECKED = {"infra:workerCheckMode": "off"}
"""Before its deployment the app of the last push answers, or none: a verdict on it would be about the wrong code."""


@dataclass(frozen=True, kw_only=True)
class Preview:
    """One environment.

    Attributes:
        target: Its stack, and how it is worked on.
        yes: Agreed to beforehand.
        ask: Asks whether a plan, which has been shown, is to be carried out; None where nobody is there to answer.
        show: Makes whoever shows the progress of one run.
        deploy: Deploys the app.
    """

    target: changes.Target
    yes: bool
    ask: Callable[[Result], bool] | None
    show: changes.ShowProgress
    deploy: Callable[[changes.Target], None]

    def up(self) -> Done:
        """Database and secret, then the app, then the check of both."""
        first = self._changed("up", replace(self.target, config={**self.target.config, **UNCHECKED}))
        if reporting.exit_code(first) is not ExitCode.SUCCESS or not _value(first.result.outputs, "workerName"):
            return self._told(first)
        try:
            self.deploy(self.target)
        except CommandError as error:
            console.say(f"error: {error}")
            return replace(self._told(first), code=error.exit_code)
        return self._told(first, self._changed("up", self.target, yes=True))

    def down(self) -> Done:
        """Everything, and what was recorded of it."""
        done = self._changed("destroy", self.target)
        if reporting.exit_code(done) is ExitCode.SUCCESS and not done.result.changes.delete:
            console.say(f"there was nothing of {self.target.stack} to take down")
        return self._told(done)

    def _told(self, *runs: changes.Done) -> Done:
        """What one or two runs came to: what both changed, what the first left alone, and how the last one ended."""
        first, *more = (asdict(run.result.changes) for run in runs)
        total = {name: count + sum(one[name] for one in more if name != "same") for name, count in first.items()}
        refused = runs[-1].refused
        if refused:
            # Without --yes the next step is a sync, which the command names.
            console.say(str(refused) if self.yes else refused.message)
        return Done(code=reporting.exit_code(runs[-1]), changes=total, address=_address(runs[-1].result.outputs))

    def _changed(self, kind: Change, target: changes.Target, *, yes: bool = False) -> changes.Done:
        return changes.change(kind, target, yes=self.yes or yes, ask=self.ask, show=self.show)


def _address(outputs: Mapping[str, Output]) -> str:
    """Where the Worker answers: its health URL without the path; empty for no Worker."""
    found = urlsplit(_value(outputs, "healthUrl"))
    return f"{found.scheme}://{found.netloc}" if found.netloc else ""


def _value(outputs: Mapping[str, Output], name: str) -> str:
    return str(outputs[name].value) if name in outputs else ""
