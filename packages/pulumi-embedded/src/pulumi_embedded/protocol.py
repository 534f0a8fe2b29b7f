"""Pulumi's own gRPC stubs, loaded without importing the `pulumi` package, which takes three times as long.

The stub modules import each other relatively, so they work from any package whose path is their folder.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import grpc
from google.protobuf import empty_pb2, struct_pb2

from pulumi_embedded.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MESSAGE_LIMIT", "empty_pb2", "engine_pb2", "engine_pb2_grpc", "from_struct", "grpc", "provider_pb2"]
__all__ += ["provider_pb2_grpc", "resource_pb2", "resource_pb2_grpc", "to_struct"]

MESSAGE_LIMIT: Final = (
    ("grpc.max_receive_message_length", 400 * 1024 * 1024),
    ("grpc.max_send_message_length", 400 * 1024 * 1024),
)


def _load(name: str) -> Any:
    package = f"{__name__}_stubs"
    if package not in sys.modules:
        spec = importlib.util.find_spec("pulumi")
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError("the package 'pulumi' is not installed", name="pulumi")
        module = ModuleType(package)
        module.__path__ = [str(Path(spec.origin).parent / "runtime" / "proto")]
        sys.modules[package] = module
    return importlib.import_module(f"{package}.{name}")


engine_pb2 = _load("engine_pb2")
engine_pb2_grpc = _load("engine_pb2_grpc")
provider_pb2 = _load("provider_pb2")
provider_pb2_grpc = _load("provider_pb2_grpc")
resource_pb2 = _load("resource_pb2")
resource_pb2_grpc = _load("resource_pb2_grpc")


def to_struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """Pack a wire object."""
    struct = struct_pb2.Struct()
    struct.update(dict(values))
    return struct


def from_struct(struct: struct_pb2.Struct) -> dict[str, Any]:
    """Unpack a wire object."""
    return {key: _from_value(value) for key, value in struct.fields.items()}


def _from_value(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return from_struct(value.struct_value)
    if kind == "list_value":
        return [_from_value(item) for item in value.list_value.values]
    if kind == "number_value" and not math.isfinite(value.number_value):
        raise EngineError(f"A property has the value {value.number_value}, which no state can record.")
    return None if kind in (None, "null_value") else getattr(value, kind)
