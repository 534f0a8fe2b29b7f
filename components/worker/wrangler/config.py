"""A wrangler file as wrangler understands it: environments, the Worker's name, what is inherited. Pure.

The rules are those of wrangler's own reader (normalizeAndValidateConfig of the package wrangler 4): `name`, `routes`
and `account_id` go from the top level to every environment; `vars`, `secrets` and bindings do not.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.worker.wrangler.jsonc import Document, MalformedError, Node, is_object, parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOP = ""
"""The name of the top level among environments. It is a Worker of its own."""

TOML = ".toml"

_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")


def read_document(path: Path, text: str) -> Document:
    """The text of a wrangler file as wrangler reads it, in the format that the file's name tells.

    Raises:
        MalformedError: wrangler would refuse it too.
    """
    return _parse_toml(text) if path.suffix == TOML else parse(text)


@dataclass(frozen=True, kw_only=True)
class Config:
    """The file, asked for what counts in one of its environments."""

    document: Document

    def environments(self) -> list[str]:
        """The names of the blocks under `env`."""
        env = self.document.at("env")
        return list(env.data) if env and is_object(env) else []

    def own(self, environment: str, *path: str) -> Node | None:
        """What the block itself says."""
        return self.document.at(*_block(environment), *path)

    def effective(self, environment: str, key: str) -> Node | None:
        """An inheritable key's value: the block's own, else the top level's."""
        candidates = (self.own(environment, key), self.document.at(key))
        return next((node for node in candidates if node and node.data is not None), None)

    def worker_name(self, environment: str) -> str:
        """The name wrangler deploys under: the block's own, else `<name>-<environment>`; empty for none."""
        own, top = self.own(environment, "name"), self.document.at("name")
        if own and own.data is not None:
            return _text(own)
        name = _text(top)
        return f"{name}-{environment}" if name and environment != TOP else name

    def routes(self, environment: str) -> list[tuple[str, Node]]:
        """Pattern and place of every route that counts in the environment, inherited ones included.

        A deployment looks at `routes` before it looks at `route`, even at inherited ones.
        """
        found = []
        for item in _items(self.effective(environment, "routes") or self.effective(environment, "route")):
            pattern = item.data.get("pattern") if isinstance(item.data, dict) else item.data
            if isinstance(pattern, str):
                found.append((pattern, item))
        return found

    def bindings(self, environment: str) -> Iterator[tuple[str, Node]]:
        """Binding name and place of every resource bound in the block itself."""
        block = self.own(environment)
        for node in _all(block) if block else ():
            name = node.data.get("binding") if isinstance(node.data, dict) else None
            if isinstance(name, str):
                yield name, node

    def hyperdrives(self, environment: str) -> dict[str, Node]:
        """Id and place of every Hyperdrive configuration bound in the block itself."""
        items = _items(self.own(environment, "hyperdrive"))
        return {str(item.data["id"]): item for item in items if isinstance(item.data, dict) and item.data.get("id")}


def _block(environment: str) -> tuple[str, ...]:
    return () if environment == TOP else ("env", environment)


def _text(node: Node | None) -> str:
    return node.data if node and isinstance(node.data, str) else ""


def _items(node: Node | None) -> list[Node]:
    """The items of a list; a single value is one item."""
    if node is None or node.data is None:
        return []
    return [entry.value for entry in node.entries] if isinstance(node.data, list) else [node]


def _all(node: Node) -> Iterator[Node]:
    yield node
    for entry in node.entries:
        yield from _all(entry.value)


def _parse_toml(text: str) -> Document:
    """A wrangler.toml as the document that a wrangler.jsonc is; tomllib tells no places, so it has none that count."""
    try:
        data = tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        line, column = map(int, place.groups()) if place else (text.count("\n") + 1, 1)
        raise MalformedError(_PLACE.sub("", str(error)).strip(), line=line, column=column) from None
    except RecursionError:
        raise MalformedError("it is nested too deeply", line=1, column=1) from None
    return parse(json.dumps(data, default=str))
