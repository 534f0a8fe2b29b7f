"""Outputs for a step of GitHub Actions: commands that mask secrets in the log, and the lines of GITHUB_OUTPUT. Pure.

The runner masks what it has been told before it is printed, so the masks come first.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from operations.outputs.variables import Variable, Variables

ESCAPES = {"%": "%25", "\r": "%0D", "\n": "%0A"}
"""How the runner wants what would end a command, or begin such an escape."""


def masks(variables: Variables) -> str:
    """One `add-mask` command per secret, and for each password in a URL, which may turn up alone."""
    found = (text for one in variables.shown if one.secret for text in _spellings(one.value))
    return "".join(f"::add-mask::{_escaped(text)}\n" for text in dict.fromkeys(found) if text.strip())


def written(variables: Variables) -> str:
    """The lines of GITHUB_OUTPUT; each value ends at a word that nobody can guess, so none passes for two."""
    return "".join(_assignment(one) for one in variables.shown)


def _assignment(variable: Variable) -> str:
    end = f"ghadelimiter_{secrets.token_hex(16)}"
    return f"{variable.name}<<{end}\n{variable.value}\n{end}\n"


def _spellings(secret: str) -> Iterator[str]:
    yield secret
    try:
        password = urlsplit(secret).password
    except ValueError:
        return  # no URL
    if password:
        yield password
        yield unquote(password)


def _escaped(text: str) -> str:
    return "".join(ESCAPES.get(character, character) for character in text)
