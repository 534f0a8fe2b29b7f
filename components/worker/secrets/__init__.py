"""The life of a Worker's secrets: set, look, remove, and the draft of a Worker that is not there yet. No Pulumi."""
