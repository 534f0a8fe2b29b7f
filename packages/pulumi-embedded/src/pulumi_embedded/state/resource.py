"""One recorded resource, and a stack's snapshot: what the engine knows between two runs.

Field names are Python's; `checkpoint` maps them to the names a checkpoint uses. Whatever a checkpoint
holds beyond these fields stays in `extra` and is written back as it was read, so that a stack loses nothing by
passing through this engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(kw_only=True)
class ResourceState:
    """A resource as the last deployment left it.

    Attributes:
        urn: The unique name; may occur again only on copies that wait for their deletion.
        provider: "<provider urn>::<provider id>"; empty for components and for providers themselves.
        inputs: Checked inputs; secrets are `values.Secret`.
        outputs: What the provider answered; secrets are `values.Secret`.
        delete: The resource was replaced and waits for its deletion.
        extra: Recorded fields that have no attribute here, kept as they are.
    """

    urn: str
    type: str
    custom: bool = True
    id: str = ""
    parent: str = ""
    provider: str = ""
    inputs: dict[str, Any] = field(default_factory=dict, repr=False)
    outputs: dict[str, Any] = field(default_factory=dict, repr=False)
    dependencies: list[str] = field(default_factory=list)
    property_dependencies: dict[str, list[str]] = field(default_factory=dict)
    protect: bool = False
    retain_on_delete: bool = False
    delete: bool = False
    pending_replacement: bool = False
    external: bool = False
    additional_secret_outputs: list[str] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    deleted_with: str = ""
    replace_with: list[str] = field(default_factory=list)
    init_errors: list[str] = field(default_factory=list)
    ignore_changes: list[str] = field(default_factory=list)
    replace_on_changes: list[str] = field(default_factory=list)
    custom_timeouts: dict[str, float] = field(default_factory=dict)
    import_id: str = ""
    source_position: str = ""
    created: datetime | None = None
    modified: datetime | None = None
    extra: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class PendingOperation:
    """An operation that had started when the state was saved: nobody knows how it ended.

    Attributes:
        resource: The resource as the operation was to make or leave it.
        type: "creating", "updating", "deleting", "reading" or "importing".
    """

    resource: ResourceState
    type: str


@dataclass(kw_only=True)
class Snapshot:
    """Everything recorded about one stack; dependencies stand before what depends on them."""

    resources: list[ResourceState] = field(default_factory=list)
    pending_operations: list[PendingOperation] = field(default_factory=list)
    salt: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict, repr=False)
