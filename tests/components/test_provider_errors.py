"""What Pulumi's own server of dynamic providers sends to the engine when one of ours fails."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf import struct_pb2
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from components.local.provider import DevVarsProvider
from tests.clone import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[Any]:
    """The server as an engine starts it."""
    command = [sys.executable, "-u", "-m", "pulumi.dynamic"]
    environment = {**os.environ, "PULUMI_PROJECT": "infra"}
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        with grpc.insecure_channel(f"127.0.0.1:{process.stdout.readline().strip()}") as channel:
            yield provider_pb2_grpc.ResourceProviderStub(channel)
        process.kill()


def _failure(server: Any, **inputs: Any) -> str:
    properties = struct_pb2.Struct()
    properties.update({"__provider": serialize_provider(DevVarsProvider()), **inputs})
    with pytest.raises(grpc.RpcError) as caught:
        server.Create(provider_pb2.CreateRequest(urn="urn", properties=properties))
    return str(caught.value.details())


def test_the_server_sends_our_sentence_alone_and_tracebacks_of_what_is_not_ours(server: Any) -> None:
    """An error meant for users is its text; anything else keeps the traceback that finds the mistake."""
    said = _failure(server, path="/no/such/folder/.dev.vars", values={"WORD": "x"})
    assert "/no/such/folder" in said
    assert "Traceback" not in said
    assert "ProviderError" not in said
    assert _failure(server).startswith("Traceback (most recent call last):")
