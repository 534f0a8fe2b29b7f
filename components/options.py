"""Resource options that several rooms need."""

from __future__ import annotations

import pulumi


def with_secrets(opts: pulumi.ResourceOptions | None, *names: str) -> pulumi.ResourceOptions:
    """The caller's options, with these outputs kept as secrets."""
    merged = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(additional_secret_outputs=list(names)))
    assert merged is not None  # noqa: S101 - merge answers None only for two Nones
    return merged
