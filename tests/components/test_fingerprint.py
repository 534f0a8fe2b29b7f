"""Fingerprints: they tell a change, and not the secret."""

from __future__ import annotations

from typing import Any

import pytest

from components.fingerprint import fingerprint, matches


@pytest.mark.parametrize("value", ["secret", "", "ü$#'\n", {"A": "1", "B": "2"}, {}, 5, None])
def test_a_value_matches_its_own_fingerprint(value: Any) -> None:
    """A fingerprint is recognised, survives being made again, and differs from one with another salt."""
    recorded = fingerprint(value)
    assert matches(value, recorded)
    assert fingerprint(value, like=recorded) == recorded
    assert fingerprint(value) != recorded or value == {}


@pytest.mark.parametrize(
    ("value", "recorded"),
    [
        ("secret", fingerprint("other")),
        ("secret", "secret"),
        ("secret", None),
        ("secret", {"A": "x"}),
        ({"A": "1"}, fingerprint({"A": "2"})),
        ({"A": "1"}, fingerprint({"A": "1", "B": "2"})),
        ({"A": "1"}, fingerprint("1")),
        ("5", fingerprint(5)),
    ],
    ids=range(8),  # the values are random, and every worker must know the tests by the same names
)
def test_another_value_does_not_match(value: Any, recorded: Any) -> None:
    """Another value, another set of keys, or no fingerprint at all is a change."""
    assert not matches(value, recorded)


def test_a_fingerprint_does_not_show_the_value() -> None:
    """Neither the value nor its plain hash stands in it, and equal values differ by their salt."""
    assert "secret" not in fingerprint("secret")
    assert fingerprint("secret") != fingerprint("secret")
