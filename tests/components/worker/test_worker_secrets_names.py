"""What names and values of secrets may be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.worker.names import validate_name, validate_secrets, validate_target, validate_value
from tests.components.worker.workers_world import ACCOUNT


@pytest.mark.parametrize("name", ["A", "_", "DATABASE_URL", "a1_b2", "_1", "x" * 255])
def test_names_that_secrets_may_have(name: str) -> None:
    """Letters, digits and underscores, in any case."""
    assert validate_name(name) == ""


@pytest.mark.parametrize(
    "name", ["", "1A", "A-B", "A B", "A.B", "A$", "Ä", "A\n", "\nA", "A\0", "😀", "x" * 256, "__proto__ ", None, 1]
)
def test_names_that_secrets_may_not_have(name: Any) -> None:
    """Everything else is refused in words that name it."""
    assert validate_name(name)


@pytest.mark.parametrize(
    "value",
    ["x", " ", "a\nb\r\n", "$HOME ${X} `id`", "'\"\\", "😀" * 1280, "x" * 5120, "\u2028", "ü", "{}", "null", "\ufeff"],
)
def test_values_that_secrets_may_have(value: str) -> None:
    """Everything that is text, up to 5 KB in UTF-8."""
    assert validate_value(value) == ""


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "is empty"),
        ("a\0b", "a NUL character"),
        ("x" * 5121, "5121 bytes, and 5120 are allowed"),
        ("😀" * 1281, "5124 bytes"),
        ("ü" * 2561, "5122 bytes"),
        ("\ud800", "a lone surrogate"),
        (None, "not a text"),
        (1, "not a text"),
        (["x"], "not a text"),
    ],
)
def test_values_that_secrets_may_not_have(value: Any, says: str) -> None:
    """The reason is told in words, with the size and without the value."""
    assert says in validate_value(value)


@given(st.text(min_size=1))
def test_a_fault_never_quotes_the_value(value: str) -> None:
    """Whatever is wrong with a value, or with its neighbour, the value is not in the text."""
    secret = f"hunter2{value}\0"
    fault = validate_secrets({"NAME": secret, "1BAD": secret})
    assert "NAME: the value" in fault
    assert "'1BAD' cannot be a secret's name" in fault
    assert "hunter2" not in fault


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "no secret is named"),
        (None, "no secret is named"),
        ({f"N{number}": "x" for number in range(129)}, "129 secrets are named; a Worker has at most 128"),
    ],
)
def test_maps_that_are_none(values: Any, says: str) -> None:
    """At least one name, and not more than a Worker can have."""
    assert says in validate_secrets(values)
    assert validate_secrets({f"N{number}": "x" for number in range(128)}) == ""


@pytest.mark.parametrize("script", ["a", "app-staging", "App_1", "_a", "a" * 63])
def test_names_that_workers_may_have(script: str) -> None:
    """As wrangler derives them, and what else Cloudflare takes."""
    assert validate_target(script=script) == ""


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("", "got an empty text; allowed: 1 to 63 letters"),
        ("a" * 64, "(64 characters); allowed: 1 to 63 letters"),
        ("-a", "got '-a'"),
        ("a.b", "got 'a.b'"),
        ("a/b", "got 'a/b'"),
        ("ä", "got 'ä'"),
        ("a\n", r"got 'a\n'"),
    ],
)
def test_names_that_workers_may_not_have(script: Any, says: str) -> None:
    """The reason is told in words."""
    assert says in validate_target(script=script)


@pytest.mark.parametrize("account", ["", "mine", ACCOUNT[:-1], ACCOUNT.upper(), f"{ACCOUNT}\n", 1])
def test_accounts_that_are_none(account: Any) -> None:
    """An account is 32 hexadecimal digits; what is none is not quoted, because it may be the token."""
    assert validate_target(account=account)
    assert not account or str(account) not in validate_target(account=account)
    assert validate_target(account=ACCOUNT) == ""
