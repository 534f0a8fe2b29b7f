"""A wrangler.toml, read as the document that a wrangler.jsonc is; and what to paste into one. Pure.

Python's tomllib tells no places, so what is found in such a file is told of the file as a whole.
"""

from __future__ import annotations

import json
import re
import tomllib
from itertools import groupby
from typing import TYPE_CHECKING

from components.worker.wrangler import jsonc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.worker.wrangler.block import Step

_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def parse(text: str) -> jsonc.Document:
    """Read a text.

    Raises:
        MalformedError: It is not TOML.
    """
    try:
        data = tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        line, column = map(int, place.groups()) if place else (text.count("\n") + 1, 1)
        raise jsonc.MalformedError(_PLACE.sub("", str(error)).strip(), line=line, column=column) from None
    except RecursionError:
        raise jsonc.MalformedError("it is nested too deeply", line=1, column=1) from None
    return jsonc.parse(json.dumps(data, default=str))


def to_paste(document: jsonc.Document, changes: Sequence[Step]) -> str:
    """The tables and lines that carry the changes, in TOML; a list with the items it has already."""
    lines: list[str] = []
    for table, steps in groupby(changes, key=lambda step: step.path[:-1]):
        lines.append(f"[{'.'.join(map(_key, table))}]")
        for name, of_one in groupby(steps, key=lambda step: step.path[-1]):
            lines.append(_line(document, name, list(of_one)))
    return "\n".join(lines)


def _line(document: jsonc.Document, name: str, steps: Sequence[Step]) -> str:
    if steps[0].act == "remove":
        return f"# remove {name}"
    if steps[0].act == "set":
        return f"{_key(name)} = {json.dumps(steps[0].value)}"
    there = document.at(*steps[0].path)
    return f"{_key(name)} = {json.dumps([*(there.data if there else ()), *(step.value for step in steps)])}"


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else json.dumps(name)
