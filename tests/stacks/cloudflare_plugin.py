"""A stand-in for the provider plugin of Cloudflare, for the real Pulumi CLI: two kinds of resources, over HTTP.

It does as the real one does with what the tests look at: what a server has differs from what is declared without a word
on it, and a name that is taken is refused by the server alone.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc
import httpx
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

KINDS: Final = {
    "HyperdriveConfig": "/accounts/{accountId}/hyperdrive/configs",
    "SecretsStoreSecret": "/accounts/{accountId}/secrets_store/stores/{storeId}/secrets",
}


def _dict(struct: Any) -> dict[str, Any]:
    return dict(json_format.MessageToDict(struct))


def _struct(values: dict[str, Any]) -> Any:
    return json_format.ParseDict(values, struct_pb2.Struct())


class Plugin(provider_pb2_grpc.ResourceProviderServicer):
    """What the CLI talks to. The names of methods are the protocol's."""

    def __init__(self) -> None:
        self.base = ""

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the protocol's names
        """The version that the SDK wants."""
        return plugin_pb2.PluginInfo(version=os.environ["TEST_PLUGIN_VERSION"])

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the protocol's names
        """Whatever it is."""
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the protocol's names
        """The address may change."""
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the protocol's names
        """Take the address of the API."""
        self.base = _dict(request.args)["baseUrl"]
        return provider_pb2.ConfigureResponse()

    def Check(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the protocol's names
        """Whatever it is."""
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the protocol's names
        """What is declared otherwise than the server has it, or not at all."""
        olds, news = _dict(request.olds), _dict(request.news)
        differing = sorted(key for key in olds.keys() | news.keys() if olds.get(key) != news.get(key))
        kind = provider_pb2.DiffResponse.DIFF_SOME if differing else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=kind, diffs=differing)

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Make it."""
        inputs = _dict(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=request.properties)
        answer = self._call("POST", self._path(request.urn, inputs), inputs)
        if answer.is_error:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, answer.text)
        made = answer.json()["result"]
        return provider_pb2.CreateResponse(id=made["id"], properties=_struct(made["held"]))

    def Read(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the protocol's names
        """What the server has."""
        path = self._path(request.urn, _dict(request.properties))
        held = _struct(self._call("GET", f"{path}/{request.id}").json()["result"]["held"])
        return provider_pb2.ReadResponse(id=request.id, properties=held, inputs=held)

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the protocol's names
        """Nothing takes long."""
        return empty_pb2.Empty()

    def _path(self, urn: str, values: dict[str, Any]) -> str:
        return KINDS[urn.split("::")[2].rpartition(":")[2]].format(**values)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        token = {"Authorization": f"Bearer {os.environ['CLOUDFLARE_API_TOKEN']}"}
        return httpx.request(method, f"{self.base}{path}", json=body, headers=token, trust_env=False)


if __name__ == "__main__":
    server = grpc.server(ThreadPoolExecutor(4))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Plugin(), server)
    sys.stdout.write(f"{server.add_insecure_port('127.0.0.1:0')}\n")
    sys.stdout.flush()
    server.start()
    parent = os.getppid()
    while os.getppid() == parent and server.wait_for_termination(timeout=1):
        pass  # it returns True when the time is over; a CLI that was killed ends nothing
