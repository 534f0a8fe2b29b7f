"""`./infra reset`: only previews, only those that are there, and only when somebody agreed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from operations import changes
from operations.changes import Target
from operations.commands import reset
from operations.commands.reset import QUESTION
from operations.errors import ChangesRefusedError, UsageError
from pulumi_embedded.api import Output

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def _reset(stack: str = "pr-7", outputs: Mapping[str, Output] = OUTPUTS, **chosen: Any) -> tuple[Opened, Any]:
    opened = Opened(outputs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changes, "opened", opened.open)
        patch.setattr(changes, "carried_out", lambda _engine, kind, _show: kind)
        options = {"yes": True, "ask": None, "show": None, **chosen}
        return opened, reset.reset(Target(stack=stack, config={"infra:lifeDays": "3"}), **options)


def test_it_is_an_up_that_names_the_branch_to_be_replaced() -> None:
    """With the values of this run beside it."""
    opened, done = _reset()
    assert done.result == "up"
    assert opened.targets[-1].config == {"infra:lifeDays": "3", "infra:insteadOf": "b" * 26}


@pytest.mark.parametrize("stack", ["dev", "staging", "production", "foundation"])
def test_an_environment_that_stays_keeps_its_data(stack: str) -> None:
    """Refused before anything is opened."""
    with pytest.raises(UsageError, match=f"the stack {stack} keeps its data"):
        _reset(stack)


def test_what_is_not_there_has_nothing_to_reset() -> None:
    """The next step makes it."""
    with pytest.raises(UsageError, match=r"pr-7 has no outputs.*\n.*\./infra up pr-7"):
        _reset(outputs={})


def test_nobody_agreed_so_nothing_is_changed() -> None:
    """The question says what is lost; no terminal is a no."""
    asked: list[str] = []

    def ask(question: str) -> bool:
        asked.append(question)
        return False

    for asker, why in ((ask, "the answer was no"), (None, "there is no terminal to ask on, and no --yes")):
        with pytest.raises(ChangesRefusedError, match=rf"{why}\n.*\./infra reset pr-7 --yes"):
            _reset(yes=False, ask=asker)
    assert asked == [QUESTION.format(stack="pr-7")]
