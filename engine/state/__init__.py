"""Stack state in the layout and format of Pulumi's file backend."""

from engine.state.resource import PendingOperation, ResourceState, Snapshot
from engine.state.store import Store

__all__ = ["PendingOperation", "ResourceState", "Snapshot", "Store"]
