"""A program that the CLI interrupts because a resource has failed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.clone import PROJECT


@pytest.mark.parametrize(("error", "last"), [("KeyboardInterrupt", []), ("ValueError('x')", ["ValueError: x"])])
def test_an_interruption_prints_no_traceback_and_a_mistake_does(error: str, last: list[str]) -> None:
    """The reason is told with the resource; twenty lines of Python's machinery would hide it."""
    code = f"import stacks\nstacks.end_in_silence()\ndef fail():\n  raise {error}\nfail()"
    ended = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert ended.stderr.splitlines()[-1:] == last
    assert ("Traceback" in ended.stderr) == bool(last)
