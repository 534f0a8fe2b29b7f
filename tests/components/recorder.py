"""What a program registers with Pulumi, whose providers are stood in for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
from google.protobuf import json_format
from pulumi.runtime.mocks import MockMonitor, MockResourceArgs, Mocks

if TYPE_CHECKING:
    from collections.abc import Mapping


class Cloud(Mocks):
    """Answers every registration with its inputs, and with what the provider of its type adds.

    Args:
        made: What providers add, by type in full.
    """

    def __init__(self, made: Mapping[str, Mapping[str, Any]]) -> None:
        self._made = made

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """The resource as made."""
        return f"{args.name}-id", {**args.inputs, **self._made.get(args.typ, {})}

    def call(self, args: Any) -> Any:
        """No function is called."""
        raise NotImplementedError


class Recorder(MockMonitor):
    """Keeps the raw requests by type: their options do not reach Mocks."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self.requests: dict[str, Any] = {}

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        """Keep the request, then answer as ever."""
        self.requests[request.type] = request
        return super().RegisterResource(request)  # type: ignore[no-untyped-call] # the SDK's mocks are untyped

    def inputs(self, kind: str) -> dict[str, Any]:
        """What a resource was registered with; a secret is told by its signature."""
        return dict(json_format.MessageToDict(self.requests[kind].object))


def stand_in(cloud: Mocks, monitor: MockMonitor, *, stack: str, preview: bool = False) -> None:
    """Register with a monitor from now on."""
    pulumi.runtime.set_mocks(cloud, project="infra", stack=stack, preview=preview, monitor=monitor)
