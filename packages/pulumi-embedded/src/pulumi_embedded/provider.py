"""Calls to dynamic providers, which live in a server of Pulumi's own, `pulumi.dynamic`."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pulumi_embedded.errors import EngineError
from pulumi_embedded.goal import name_of
from pulumi_embedded.protocol import MESSAGE_LIMIT, from_struct, grpc, provider_pb2, provider_pb2_grpc, to_struct
from pulumi_embedded.values import contains_unknown, decode, encode, keep_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi_embedded.processes import Child
    from pulumi_embedded.state import ResourceState
    from pulumi_embedded.trust import Trust

Properties = dict[str, Any]

_FRAME: Final = re.compile(r'File "([^"]+)", line')
_SERVER: Final = re.compile(r"[/\\]site-packages[/\\](?:pulumi|google|grpc)[/\\]")
_CLASS: Final = re.compile(r"(?:Exception|(?:[A-Za-z_]\w*\.)+[A-Za-z_]\w*): ")


class ProviderError(EngineError):
    """A provider refused, failed or died."""


class UnansweredError(ProviderError):
    """A provider went away during a call: nobody knows whether the call had an effect."""


@dataclass(frozen=True, kw_only=True)
class Diff:
    """What a provider says about a difference. `changes` is None when it leaves the judgement to the engine."""

    changes: bool | None
    replaces: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    delete_before_replace: bool = False


def own_message(text: str) -> str:
    """Reduce the traceback that the server sends to the message of the exception, all its lines."""
    _, found, block = text.rpartition("Traceback (most recent call last):\n")
    if not found:
        return text.strip()
    lines = block.splitlines()
    start = next((index for index, line in enumerate(lines) if line and not line.startswith(" ")), len(lines) - 1)
    return _CLASS.sub("", "\n".join(lines[start:]).strip(), count=1)


def explained(method: str, text: str) -> str:
    """What a provider's error means for the user: its own words, or that the provider answered nonsense."""
    message = own_message(text)
    frames = _FRAME.findall(text.rpartition("Traceback (most recent call last):\n")[2])
    if not frames or not all(_SERVER.search(frame) for frame in frames):
        return message
    acts = method in ("Create", "Update", "Delete")
    after = "; look whether the call had its effect, which is not recorded" if acts else ""
    return (
        f"What the provider's {method.lower()}() returned is not what it must return: {message}\n"
        f"  next: correct the provider{after}"
    )


class Provider:
    """The server of dynamic providers in one child, configured once, at its first call.

    Attributes:
        preview: Whether calls that would change something are left out, and their results foretold.
    """

    def __init__(self, child: Child, config: Mapping[str, str], trust: Trust, *, verbose: bool) -> None:
        self._child = child
        self._trust = trust
        self._config = dict(config)
        self.preview = False
        self._verbose = verbose
        self._lock = threading.Lock()
        self._stub: Any = None
        self._channel: Any = None

    def check(self, urn: str, olds: Properties, news: Properties) -> tuple[Properties, list[tuple[str, str]]]:
        """Let the provider judge inputs; returns them as it wants them, and what is wrong: property and reason."""
        self._trust.check(urn, news, olds)
        request = provider_pb2.CheckRequest(**_about(urn), olds=self._pack(olds), news=self._pack(news))
        answer = self._call("Check", request, urn)
        return _unpack(answer.inputs, news), [(failure.property, failure.reason) for failure in answer.failures]

    def diff(self, state: ResourceState, news: Properties, *, ignore: tuple[str, ...] = ()) -> Diff:
        """Ask what separates a recorded resource from new inputs."""
        self._trust.check(state.urn, news, state.outputs)
        request = provider_pb2.DiffRequest(
            id=state.id,
            **_about(state.urn),
            olds=self._pack(state.outputs),
            old_inputs=self._pack(state.inputs),
            news=self._pack(news, unknowns=self.preview or contains_unknown(news)),
            ignoreChanges=ignore,
        )
        answer = self._call("Diff", request, state.urn)
        none, some = provider_pb2.DiffResponse.DIFF_NONE, provider_pb2.DiffResponse.DIFF_SOME
        return Diff(
            changes={none: False, some: True}.get(answer.changes),
            replaces=tuple(answer.replaces),
            changed=tuple(answer.diffs),
            delete_before_replace=answer.deleteBeforeReplace,
        )

    def create(self, new: ResourceState) -> tuple[str, Properties]:
        """Create; returns the id and the outputs. Previews foretell the inputs as outputs."""
        if self.preview:
            return "", dict(new.inputs)
        self._trust.check(new.urn, new.inputs)
        request = provider_pb2.CreateRequest(
            **_about(new.urn),
            properties=self._pack(new.inputs),
            timeout=new.custom_timeouts.get("create", 0),
        )
        answer = self._call("Create", request, new.urn)
        if not answer.id:
            raise ProviderError(
                "The provider's create() returned an empty id, so nothing is recorded.",
                next_step=f"look whether {name_of(new.urn)!r} was made, and correct the provider",
            )
        return answer.id, _unpack(answer.properties, new.inputs)

    def update(self, old: ResourceState, new: ResourceState) -> Properties:
        """Update in place; returns the outputs. Previews foretell the inputs as outputs."""
        if self.preview:
            return dict(new.inputs)
        self._trust.check(new.urn, new.inputs)
        request = provider_pb2.UpdateRequest(
            id=old.id,
            **_about(new.urn),
            olds=self._pack(old.outputs),
            old_inputs=self._pack(old.inputs),
            news=self._pack(new.inputs),
            ignoreChanges=new.ignore_changes,
            timeout=new.custom_timeouts.get("update", 0),
        )
        return _unpack(self._call("Update", request, new.urn).properties, new.inputs)

    def read(self, old: ResourceState) -> tuple[str, Properties, Properties]:
        """Look at reality; returns id (empty: gone), inputs and outputs."""
        self._trust.check(old.urn, old.outputs, old.inputs)
        request = provider_pb2.ReadRequest(
            id=old.id,
            **_about(old.urn),
            properties=self._pack(old.outputs),
            inputs=self._pack(old.inputs),
            timeout=old.custom_timeouts.get("read", 0),
        )
        answer = self._call("Read", request, old.urn)
        found = answer.HasField("inputs")
        inputs = _unpack(answer.inputs, old.inputs) if found else dict(old.inputs)
        return answer.id, inputs, _unpack(answer.properties, old.outputs)

    def delete(self, old: ResourceState) -> None:
        """Delete; what is gone already is the provider's to accept."""
        self._trust.check(old.urn, old.outputs)
        if self.preview:
            return
        request = provider_pb2.DeleteRequest(
            id=old.id,
            **_about(old.urn),
            properties=self._pack(old.outputs),
            old_inputs=self._pack(old.inputs),
            timeout=old.custom_timeouts.get("delete", 0),
        )
        self._call("Delete", request, old.urn)

    def stop(self) -> None:
        """End the server, also in the middle of a call."""
        self._child.stop()
        if self._channel is not None:
            self._channel.close()

    def _pack(self, values: Properties, *, unknowns: bool | None = None) -> Any:
        return to_struct(encode(values, unknowns=self.preview if unknowns is None else unknowns))

    def _call(self, method: str, request: Any, urn: str) -> Any:
        try:
            return getattr(self._connected(), method)(request)
        except grpc.RpcError as error:
            if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
                raise self._died(f"during {method.lower()} of {name_of(urn)!r}") from None
            details = error.details() or str(error.code())
            raise ProviderError(details if self._verbose else explained(method, details)) from None

    def _connected(self) -> Any:
        with self._lock:
            if self._stub is None:
                port = self._child.answer()
                if port is None:
                    raise self._died("before it was ready")
                self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=MESSAGE_LIMIT)
                stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
                stub.Configure(provider_pb2.ConfigureRequest(args=to_struct(self._config)), wait_for_ready=True)
                self._stub = stub
            return self._stub

    def _died(self, when: str) -> UnansweredError:
        return UnansweredError(
            f"The process of the dynamic providers ended {when} (exit status {self._child.wait(1.0)}).",
            next_step="see its messages above; the same command continues from what is recorded",
        )


def _about(urn: str) -> dict[str, str]:
    return {"urn": urn, "name": name_of(urn), "type": urn.split("::")[2].rpartition("$")[2]}


def _unpack(struct: Any, sent: Mapping[str, Any]) -> Properties:
    values: Properties = decode(from_struct(struct))
    keep_secrets(values, sent)
    return values
