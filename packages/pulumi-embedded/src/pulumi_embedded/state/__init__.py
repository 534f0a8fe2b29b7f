"""Stack state in the layout and format of Pulumi's file backend."""

from pulumi_embedded.state.resource import PendingOperation, ResourceState, Snapshot
from pulumi_embedded.state.store import Store

__all__ = ["PendingOperation", "ResourceState", "Snapshot", "Store"]
