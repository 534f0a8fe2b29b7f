"""Where the documents come from: files, or standard input. What cannot be understood becomes a reading as well."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from components.local.files import read_bytes
from operations.errors import UsageError
from operations.review.document import MOST_BYTES, Reading, readings

if TYPE_CHECKING:
    from collections.abc import Iterable

STDIN = "-"
STEP = "./infra preview STACK --json > STACK.json, then name STACK.json here, or STACK=FILE"


def read(sources: Iterable[str]) -> list[Reading]:
    """All documents of the named files, in their order; of standard input where none is named.

    Raises:
        UsageError: A file cannot be read, or two documents are about one stack.
    """
    named = list(sources) or [STDIN]
    if named == [STDIN] and sys.stdin.isatty():
        raise UsageError("no document is named, and nothing comes in on standard input", next_step=STEP)
    found = [reading for source in named for reading in _read(source)]
    seen: set[tuple[str, str]] = set()
    for one in found:
        key = (one.project, one.stack)
        if one.document is not None and one.stack and key in seen:
            raise UsageError(f"two documents are about the stack {one.stack}", next_step="give one document each")
        seen.add(key)
    return found


def _read(source: str) -> list[Reading]:
    stack, equals, path = source.partition("=")
    if not equals:
        stack, path = ("", source)
    shown = "standard input" if path == STDIN else path
    try:
        content = _content(path)
    except OSError as error:
        raise UsageError(f"{shown} cannot be read: {error.strerror}", next_step=STEP) from None
    fallback = stack or ("" if path == STDIN else Path(path).stem)
    if len(content) > MOST_BYTES:
        return [Reading(source=shown, stack=fallback, fault=f"it is longer than {MOST_BYTES} bytes")]
    found = readings(content.decode("utf-8", "replace").removeprefix("\ufeff"), source=shown, stack=stack)
    # A file is called after its stack; the document's own word counts where it has one.
    return [one if one.stack else _named(one, fallback) for one in found]


def _named(one: Reading, stack: str) -> Reading:
    return Reading(source=one.source, stack=stack, project=one.project, document=one.document, fault=one.fault)


def _content(path: str) -> bytes:
    if path == STDIN:
        return sys.stdin.buffer.read(MOST_BYTES + 1)
    return read_bytes(Path(path), MOST_BYTES)
