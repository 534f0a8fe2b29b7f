from __future__ import annotations

import pytest

from engine.provider import own_message

TRACEBACK = 'Traceback (most recent call last):\n  File "x.py", line 1, in f\n    g()\n    ^^^\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{TRACEBACK}components.dynamic.ProviderError: no room\n  next: make some\n", "no room\n  next: make some"),
        (f"{TRACEBACK}Exception: no room", "no room"),
        (f"{TRACEBACK}KeyError: 'token'\n", "KeyError: 'token'"),
        (f"{TRACEBACK}a.Error: first\n\nDuring handling of it:\n\n{TRACEBACK}b.Error: second\n", "second"),
        (f"{TRACEBACK}a.Error: url: http://x: y\n", "url: http://x: y"),
        (f"{TRACEBACK}a.Error: one\n\ntwo\n", "one\n\ntwo"),
        ("connection refused\n", "connection refused"),
    ],
)
def test_a_traceback_is_reduced_to_the_message(text: str, message: str) -> None:
    """All lines of the exception's own message, without its class when that says nothing."""
    assert own_message(text) == message
