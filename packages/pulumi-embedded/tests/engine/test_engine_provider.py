from __future__ import annotations

import pytest

from pulumi_embedded.provider import explained, own_message

TRACEBACK = 'Traceback (most recent call last):\n  File "x.py", line 1, in f\n    g()\n    ^^^\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{TRACEBACK}components.resource.ProviderError: no room\n  next: make some\n", "no room\n  next: make some"),
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


@pytest.mark.parametrize(
    ("files", "method", "said"),
    [
        (["/v/site-packages/pulumi/dynamic/__main__.py"], "Create", "create() returned is not what it must return"),
        (["/v/site-packages/pulumi/dynamic/__main__.py", "/p/things.py"], "Create", "KeyError: 'x'"),
        (["/v/site-packages/pulumi/dynamic/__main__.py", "/v/site-packages/requests/api.py"], "Read", "KeyError: 'x'"),
        ([], "Diff", "KeyError: 'x'"),
    ],
)
def test_an_error_in_pulumis_own_server_is_nonsense_from_the_provider(files: list[str], method: str, said: str) -> None:
    """Where no line of the provider was running, its answer is to blame; else its exception speaks for itself."""
    lines = "".join(f'  File "{file}", line 1, in f\n    g()\n' for file in files)
    text = explained(method, f"Traceback (most recent call last):\n{lines}KeyError: 'x'\n")
    assert said in text
    assert ("look whether the call had its effect" in text) == ("create()" in text)
