"""What may be shown of text that others wrote. Pure.

Servers quote what they were given: connection strings, headers, bodies. What is shown of it passes through here. The
likeness of a secret is masked; a part of one cannot be told from other text, so words that share a piece with a value
that was sent are not shown at all.
"""

from __future__ import annotations

import base64
import html
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MASK = "***"
LONGEST_READ, LONGEST_SHOWN = 20_000, 400
LONGEST_COMPARED = 2000
PIECE = 8
"""So many characters in common with a value are no coincidence."""

_PATTERNS = (
    (re.compile(r"postgres(?:ql)?(?:\+\w+)?(?::|%3a)(?:/|%2f){2}\S*", re.IGNORECASE), f"postgresql://{MASK}"),
    (re.compile(r"\b([a-z][a-z0-9+.-]*://)\S*@", re.IGNORECASE), rf"\1{MASK}@"),
    (re.compile(r"\b(?:xa[a-z]_|gh[a-z]_|github_pat_)[A-Za-z0-9_-]+"), MASK),
    (re.compile(r"\b(bearer|basic)\s+[^\s\"',;]+", re.IGNORECASE), rf"\1 {MASK}"),
    (
        re.compile(
            r"(pass(?:word|wd)?|pwd|secret|token|api[_-]?key)(\\?[\"']?\s*[=:]\s*)(\\?\"[^\"]*\"?|\\?'[^']*'?|[^\s,;}&]+)",
            re.IGNORECASE,
        ),
        rf"\1\2{MASK}",
    ),
    (re.compile(r"[A-Za-z0-9]{40,}"), MASK),
)


def scrub(text: str, *, secrets: Iterable[str] = ()) -> str:
    """One printable line of at most 400 characters, with `secrets` in every spelling and the like of secrets masked."""
    line = " ".join(masked(text, secrets=secrets).split())
    return line if len(line) <= LONGEST_SHOWN else f"{line[:LONGEST_SHOWN]}…"


def masked(text: str, *, secrets: Iterable[str] = ()) -> str:
    """Printable text, with `secrets` in every spelling and the like of secrets masked; its spaces are kept."""
    line = _printable(text[:LONGEST_READ])
    found = {_printable(spelling) for secret in secrets for spelling in spellings(secret)}
    for spelling in sorted(found, key=len, reverse=True):
        line = line.replace(spelling, MASK)
    for pattern, mask in _PATTERNS:
        line = pattern.sub(mask, line)
    return line


def quotable(text: str, *, key: str, values: Iterable[str] = ()) -> str:
    """A server's words as they may be shown; empty when they hold a piece of a value that was sent."""
    given, short = tuple(values), text[:LONGEST_COMPARED]
    if any(_shares(short, value) for value in given):
        return ""
    return scrub(short, secrets=(key, *(value for value in given if len(value) >= PIECE)))


def _shares(text: str, value: str) -> bool:
    length = min(PIECE, len(value))
    return length > 0 and any(text[start : start + length] in value for start in range(len(text) - length + 1))


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def spellings(secret: str) -> set[str]:
    """A secret as it may turn up: plain, percent-encoded, for JSON or HTML, in hex, in base64 at any offset."""
    if not secret:
        return set()
    found = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), json.dumps(secret)[1:-1]}
    found |= {html.escape(secret), secret.encode().hex(), secret.encode().hex().upper()}
    return found | {
        text for encode in (base64.b64encode, base64.urlsafe_b64encode) for text in _encoded(secret, encode)
    }


def _encoded(secret: str, encode: Callable[[bytes], bytes]) -> set[str]:
    """The base64 characters that depend on the secret alone, at each of the three offsets in a longer text."""
    raw = secret.encode()
    found = set()
    for offset in range(3):
        text = encode(b"\0" * offset + raw).decode().rstrip("=")
        whole = (offset + len(raw)) * 8 // 6
        found.add(text[-(-offset * 8 // 6) : whole])
    return found
