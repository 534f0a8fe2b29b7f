"""An embedded Pulumi engine: runs unchanged programs on machines without the Pulumi CLI, on the same state."""
