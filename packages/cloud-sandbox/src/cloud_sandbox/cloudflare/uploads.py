"""What an upload of a script holds: multipart/form-data with a `metadata` part and one part for each module.

Source: developers.cloudflare.com/workers/configuration/multipart-upload-metadata, and what wrangler sends.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cloud_sandbox.cloudflare import errors
from cloud_sandbox.cloudflare.models import Module, Script

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cloud_sandbox.wire import Request

BOUNDARY = re.compile(r"multipart/form-data\s*;.*?boundary=\"?([^\";,]{1,70})\"?", re.IGNORECASE)
PARAMETER = re.compile(r'\b(name|filename)="((?:[^"\\]|\\.)*)"')
QUOTED = {"%22": '"', "%0D": "\r", "%0A": "\n"}
MODULE_TYPE, SOURCE_MAP = "application/javascript+module", "application/source-map"
TOLD = ("limits", "placement", "usage_model", "migrations", "assets", "cache_options", "package_dependencies")
"""Parts of the metadata that are only kept and told again."""
UNVERSIONED = ("logpush", "tail_consumers", "observability", "tags")


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of a form."""

    name: str
    filename: str
    type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A script and its metadata."""

    metadata: dict[str, Any] = field(repr=False)
    script: Script

    @property
    def told(self) -> dict[str, Any]:
        """The versioned settings that are only told again."""
        return {name: self.metadata[name] for name in TOLD if self.metadata.get(name) is not None}

    @property
    def unversioned(self) -> dict[str, Any]:
        """The settings of the Worker as a whole that came along."""
        return {name: self.metadata[name] for name in UNVERSIONED if name in self.metadata}

    @property
    def annotations(self) -> dict[str, str]:
        """Message and tag, as far as they are given."""
        return {name: str(value) for name, value in (self.metadata.get("annotations") or {}).items() if value}


def form(request: Request) -> list[Part]:
    """The parts of a form.

    Raises:
        ApiError: The body is no form.
    """
    found = BOUNDARY.match(request.headers.get("content-type", ""))
    if not found:
        raise errors.unreadable("expected multipart/form-data with a boundary")
    segments = (b"\r\n" + request.body).split(b"\r\n--" + found[1].encode())
    if len(segments) < 2 or not segments[-1].startswith(b"--"):  # noqa: PLR2004 - what is before the first boundary, and the end
        raise errors.unreadable("the form does not end with its boundary")
    return [_part(segment) for segment in segments[1:-1]]


def _part(segment: bytes) -> Part:
    head, separator, content = segment.partition(b"\r\n\r\n")
    lines = head.decode("utf-8", "replace").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    names = dict(PARAMETER.findall(headers.get("content-disposition", "")))
    if not separator or "name" not in names:
        raise errors.unreadable("a part of the form has no name")
    kind = headers.get("content-type", "text/plain").split(";")[0].strip()
    return Part(name=_plain(names["name"]), filename=_plain(names.get("filename", "")), type=kind, content=content)


def _plain(name: str) -> str:
    for escape, character in QUOTED.items():
        name = name.replace(escape, character)
    return name


def read_json(content: bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        ApiError: It is none.
    """
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise errors.unreadable("invalid JSON") from error
    if not isinstance(value, dict):
        raise errors.unreadable("expected a JSON object")
    return value


def json_part(parts: list[Part], name: str) -> dict[str, Any]:
    """The part that holds a JSON object.

    Raises:
        ApiError: It is missing, or no JSON object.
    """
    part = next((part for part in parts if part.name == name), None)
    if part is None:
        raise errors.unreadable(f"the form has no part `{name}`")
    return read_json(part.content)


def read(request: Request) -> Upload:
    """A script with its metadata.

    Raises:
        ApiError: The body is no form, has no metadata, or its metadata name a module that is not there.
    """
    parts = form(request)
    metadata = json_part(parts, "metadata")
    if not isinstance(metadata.get("bindings", []), list):
        raise errors.invalid("`bindings` has to be a list")
    if not isinstance(metadata.get("annotations") or {}, dict):
        raise errors.invalid("`annotations` has to be an object")
    return Upload(metadata=metadata, script=_script(metadata, parts))


def written(script: Script) -> tuple[str, bytes]:
    """A script's files as a form: its content type and its bytes."""
    boundary = uuid.uuid4().hex
    lines = []
    for module in script.modules:
        name = module.name.replace('"', "%22")
        disposition = f'form-data; name="{name}"; filename="{name}"'
        head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\nContent-Type: {module.type}\r\n\r\n"
        lines.append(head.encode() + base64.b64decode(module.content) + b"\r\n")
    return f"multipart/form-data; boundary={boundary}", b"".join(lines) + f"--{boundary}--\r\n".encode()


def with_dates(script: Script, patch: Mapping[str, Any]) -> Script:
    """The same files, run as of the date and with the flags that a patch names."""
    return replace(
        script,
        compatibility_date=str(patch.get("compatibility_date", script.compatibility_date)),
        compatibility_flags=tuple(patch.get("compatibility_flags", script.compatibility_flags)),
    )


def _script(metadata: dict[str, Any], parts: list[Part]) -> Script:
    modules = tuple(
        Module(name=part.filename or part.name, type=part.type, content=base64.b64encode(part.content).decode())
        for part in parts
        if part.name != "metadata" and part.type != SOURCE_MAP
    )
    names = {module.name for module in modules} | {part.name for part in parts}
    main = str(metadata.get("main_module") or metadata.get("body_part") or "")
    if main not in names and not metadata.get("assets"):
        raise errors.invalid(f"No such module {main[:80]!r}: `main_module` or `body_part` has to name a part")
    return Script(
        main=main,
        modules=modules,
        compatibility_date=str(metadata.get("compatibility_date") or ""),
        compatibility_flags=tuple(str(flag) for flag in metadata.get("compatibility_flags") or ()),
        service_worker="main_module" not in metadata and bool(main),
    )
