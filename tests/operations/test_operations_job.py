"""What a job of a workflow is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from operations.console import put_out, summarize

if TYPE_CHECKING:
    from pathlib import Path


def test_a_job_is_told_in_its_files(tmp_path: Path) -> None:
    """What other commands wrote stays; each output is one line."""
    environ = {name: str(tmp_path / name) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    summarize("one\n\n", environ)
    summarize("two\n\n", environ)
    put_out("address", "https://a.example", environ)
    put_out("empty", "", environ)
    assert (tmp_path / "GITHUB_STEP_SUMMARY").read_text() == "one\n\ntwo\n\n"
    assert (tmp_path / "GITHUB_OUTPUT").read_text() == "address=https://a.example\nempty=\n"


@pytest.mark.parametrize("value", ["a\nb=c", "a\rb", "a\u2028b", "\x1b[0m"])
def test_an_output_of_two_lines_is_refused(value: str) -> None:
    """A value with a line end would be read as two outputs."""
    with pytest.raises(ValueError, match="not one line"):
        put_out("address", value, {})


def test_elsewhere_nothing_is_written() -> None:
    """Without the variables this is no job, and no file is made."""
    summarize("one", {})
    put_out("address", "x", {"GITHUB_OUTPUT": ""})
