"""The stamp in a database's comment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import ConfigurationError
from components.identity import stamp, stamped_branch


@pytest.mark.parametrize(
    ("comment", "branch"),
    [
        (None, None),
        ("", None),
        ("the app's data", None),
        ("infra.branch=dev", "dev"),
        ("the app's data\ninfra.branch=pr-12\nowner: team", "pr-12"),
        ("  infra.branch= staging \r\nmore", "staging"),
        ("infra.branch=main\ninfra.branch=staging", "staging"),
        ("infra.branch=", None),
        ("see infra.branch=dev", None),
        ("infra.branches=dev", None),
    ],
)
def test_stamp_is_read_from_its_line(comment: str | None, branch: str | None) -> None:
    """Only a line of its own is a stamp; of several the last counts."""
    assert stamped_branch(comment) == branch


@pytest.mark.parametrize(
    ("comment", "stamped"),
    [
        (None, "infra.branch=dev"),
        ("", "infra.branch=dev"),
        ("the app's data", "the app's data\ninfra.branch=dev"),
        ("infra.branch=main", "infra.branch=dev"),
        ("a\ninfra.branch=main\nb\ninfra.branch=old\nc", "a\ninfra.branch=dev\nb\nc"),
    ],
)
def test_stamp_replaces_its_line_and_keeps_the_rest(comment: str | None, stamped: str) -> None:
    """A copied database's stamp is replaced in place; other text keeps its place."""
    assert stamp(comment, "dev") == stamped


@given(st.text(), st.from_regex(r"[a-z0-9-]{1,20}", fullmatch=True))
def test_stamp_reads_back_and_settles(comment: str, branch: str) -> None:
    """Whatever the comment, the stamp reads back, and stamping again changes nothing."""
    once = stamp(comment, branch)
    assert stamped_branch(once) == branch
    assert stamp(once, branch) == once


@pytest.mark.parametrize("branch", ["", "two words", "two\nlines", "tab\t", "bell\x07"])
def test_stamp_refuses_what_is_not_one_word(branch: str) -> None:
    """A name that would not be one line is refused."""
    with pytest.raises(ConfigurationError, match="must be one word"):
        stamp("", branch)
