"""What the API is sent. Values of secrets are in no representation. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from components.worker.api.models import SECRET_TEXT

if TYPE_CHECKING:
    from collections.abc import Mapping

KEPT_BINDINGS = ("secret_text", "secret_key")
"""Kinds that an upload keeps although it does not name them, as wrangler does. What happens without saying so is told
differently in different places, so it is always said."""

MERGE_PATCH = "application/merge-patch+json"
MODULE = "application/javascript+module"

Part = tuple[str, tuple[str, bytes, str]]


@dataclass(frozen=True, kw_only=True)
class Content:
    """What one call sends besides its path.

    Attributes:
        query: The query's parameters.
        body: Goes as JSON; None sends nothing.
        type: The body's content type.
        parts: Goes as multipart/form-data instead.
        values: The secrets in the body: nothing of them may be in an error.
        names: Their names, which an error may tell.
    """

    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = field(default=None, repr=False)
    type: str = "application/json"
    parts: tuple[Part, ...] = field(default=(), repr=False)
    values: tuple[str, ...] = field(default=(), repr=False)
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A Worker's code as ES modules, with its bindings. `message` and `tag` are annotations of the version.

    Attributes:
        main_module: The name of the module that exports the handlers.
        modules: Name to content.
        bindings: As the API takes them; those of secrets hold values.
        keep_bindings: Kinds that stay although they are not in `bindings`.
        compatibility_date: As YYYY-MM-DD; empty for Cloudflare's oldest.
        message: Up to 100 characters for people.
        tag: Up to 25 characters for programs.
    """

    main_module: str
    modules: Mapping[str, bytes] = field(repr=False)
    bindings: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    keep_bindings: tuple[str, ...] = KEPT_BINDINGS
    compatibility_date: str = ""
    message: str = ""
    tag: str = ""

    def content(self) -> Content:
        """The form that is sent: the metadata, and one part for each module."""
        metadata: dict[str, Any] = {
            "main_module": self.main_module,
            "bindings": [dict(binding) for binding in self.bindings],
            "keep_bindings": list(self.keep_bindings),
            "annotations": version_notes(self.message, self.tag),
        }
        if self.compatibility_date:
            metadata["compatibility_date"] = self.compatibility_date
        modules = tuple((name, (name, content, MODULE)) for name, content in self.modules.items())
        head: Part = ("metadata", ("metadata.json", json.dumps(metadata).encode(), "application/json"))
        return Content(parts=(head, *modules), values=_secrets_in(self.bindings))


def _secrets_in(bindings: tuple[Mapping[str, Any], ...]) -> tuple[str, ...]:
    return tuple(str(binding["text"]) for binding in bindings if binding.get("type") == SECRET_TEXT)


def version_notes(message: str, tag: str = "") -> dict[str, str]:
    """Annotations of a version or a deployment, without the empty ones."""
    given = {"workers/message": message, "workers/tag": tag}
    return {name: text for name, text in given.items() if text}


def secret(name: str, value: str) -> dict[str, str]:
    """A secret as the API takes it."""
    return {"name": name, "type": SECRET_TEXT, "text": value}


def patch(changes: Mapping[str, str | None]) -> dict[str, dict[str, str] | None]:
    """A merge-patch by name: a value sets, None removes, what is not named stays."""
    return {name: None if value is None else secret(name, value) for name, value in changes.items()}


def secret_content(body: Any, changes: Mapping[str, str | None], *, kind: str = MERGE_PATCH) -> Content:
    """What a change of secrets sends."""
    values = tuple(value for value in changes.values() if value is not None)
    return Content(body=body, type=kind, values=values, names=tuple(changes))
