from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.parity import normal
from tests.parity.harness import RECORDED, Embedded, is_thorough, make_stack, program_names, read_program, read_recorded

if TYPE_CHECKING:
    from pathlib import Path


DIFFERENT = {
    "crash": "a call that the provider's death left without answer stays recorded as pending; the CLI forgets it",
    "pending": "an up that has made what an earlier run was cut off in takes its note out; the CLI keeps it",
}
"""Programs that do not agree on purpose, with the reason; docs/engines.md tells it."""


def _marks(program: str) -> list[pytest.MarkDecorator]:
    different = [pytest.mark.xfail(strict=True, reason=DIFFERENT[program])] if program in DIFFERENT else []
    return [*different, pytest.mark.thorough] if is_thorough(program) else different


PROGRAMS = [pytest.param(name, marks=_marks(name)) for name in program_names()]


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_embedded_engine_does_what_the_cli_was_recorded_doing(program: str, tmp_path: Path) -> None:
    """Each edit of each program comes to what the CLI's recording says, step by step and call by call."""
    stack = make_stack(tmp_path)
    for edit, expected in zip(read_program(program), read_recorded(program), strict=True):
        difference = normal.difference([expected], [stack.do(edit, Embedded())])
        assert not difference, f"{edit}\n{difference}\n{stack.said}"


def test_every_program_is_recorded_and_every_recording_has_its_program() -> None:
    """A program without a recording proves nothing, a recording without a program is left over."""
    assert program_names() == sorted(file.stem for file in RECORDED.glob("*.json"))
