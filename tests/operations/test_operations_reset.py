"""`./infra reset`: only previews, only those that are there, and only when somebody agreed."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from operations import changes, console
from operations.errors import ExitCode
from pulumi_embedded.api import Output
from tests.operations.doubles import result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from operations.changes import Target

OUTPUTS: Mapping[str, Output] = {"branchId": Output(value="b" * 26, secret=False)}


class Opened:
    """An engine that only tells its outputs, and what it was opened with."""

    name = "embedded"

    def __init__(self, outputs: Mapping[str, Output]) -> None:
        self.told = outputs
        self.targets: list[Target] = []

    def outputs(self) -> Mapping[str, Output]:
        """What was deployed."""
        return self.told

    def open(self, target: Target, *, deploys: bool, changes: bool = False) -> Opened:
        """In the place of `changes.opened`."""
        assert deploys
        assert changes == ("infra:insteadOf" in target.config)
        self.targets.append(target)
        return self


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """A preview that was deployed, in the place of any stack."""
    made = Opened(OUTPUTS)
    monkeypatch.setattr(changes, "opened", made.open)
    monkeypatch.setattr(changes, "carried_out", lambda _engine, kind, _show: result(kind, stack="pr-7"))
    return made


def test_it_is_an_up_that_names_the_branch_to_be_replaced(infra: Callable[..., Any], opened: Opened) -> None:
    """With the values of this run beside it."""
    assert infra("reset", "pr-7", "--yes", "--config", "lifeDays=3").code == ExitCode.SUCCESS
    assert opened.targets[-1].config == {"infra:lifeDays": "3", "infra:insteadOf": "b" * 26}


@pytest.mark.parametrize("stack", ["dev", "staging", "production", "foundation"])
def test_an_environment_that_stays_keeps_its_data(infra: Callable[..., Any], opened: Opened, stack: str) -> None:
    """Refused before anything is opened."""
    assert f"the stack {stack} keeps its data" in infra("reset", stack, "--yes").err
    assert opened.targets == []


def test_what_is_not_there_has_nothing_to_reset(infra: Callable[..., Any], opened: Opened) -> None:
    """The next step makes it."""
    opened.told = {}
    answer = infra("reset", "pr-7", "--yes")
    assert "pr-7 has no outputs" in answer.err
    assert "./infra up pr-7" in answer.err


@pytest.mark.parametrize("asked", [True, False])
def test_nobody_agreed_so_nothing_is_changed(
    infra: Callable[..., Any],
    opened: Opened,
    monkeypatch: pytest.MonkeyPatch,
    asked: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    """The question says what is lost; no terminal is a no."""
    monkeypatch.setattr(console, "can_ask", lambda: asked)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    answer = infra("reset", "pr-7")
    assert answer.code == ExitCode.CHANGES_REFUSED
    assert ("is gone for good. [y/N]" in answer.err) is asked
    assert ("the answer was no" if asked else "there is no terminal to ask on, and no --yes") in answer.err
    assert "./infra reset pr-7 --yes" in answer.err
    assert len(opened.targets) == 1
