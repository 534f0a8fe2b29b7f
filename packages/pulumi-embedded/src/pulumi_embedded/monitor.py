"""The two services that the program talks to: ResourceMonitor and Engine."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, NoReturn

from pulumi_embedded import options
from pulumi_embedded.api import Message, Severity
from pulumi_embedded.errors import EngineError
from pulumi_embedded.goal import read_goal
from pulumi_embedded.protocol import (
    empty_pb2,
    engine_pb2,
    engine_pb2_grpc,
    from_struct,
    grpc,
    resource_pb2,
    resource_pb2_grpc,
    to_struct,
)
from pulumi_embedded.reads import read_read
from pulumi_embedded.steps import StoppedError
from pulumi_embedded.values import UNKNOWN, contains_unknown, decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pulumi_embedded.api import Event
    from pulumi_embedded.deployment import Deployment
    from pulumi_embedded.steps import Steps

_FEATURES: Final = (
    *("SECRETS", "RESOURCE_REFERENCES", "OUTPUT_VALUES", "ALIAS_SPECS", "DELETED_WITH", "REPLACE_WITH"),
    *("REPLACEMENT_TRIGGER", "TRANSFORMS", "INVOKE_TRANSFORMS", "PARAMETERIZATION", "RESOURCE_HOOKS", "ERROR_HOOKS"),
    *("STATE_MIGRATIONS", "INVOKE_DEPENDS_ON", "INVOKE_PARENT"),
)
"""More than is supported: what is announced reaches us and gets our refusal; else the SDK says to update a CLI."""

_SEVERITIES: Final[dict[int, Severity]] = {0: "debug", 1: "info", 2: "warning", 3: "error"}


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):  # type: ignore[misc] # the stubs are loaded at run time
    """Takes registrations. A refusal or a failure ends the deployment; the program learns only that it ended.

    Attributes:
        done: The program has registered everything.
        ended: Nothing more is to come, for whatever reason.
    """

    def __init__(
        self, deployment: Deployment, steps: Steps, *, project: str, stack: str, root: Path, info: dict[str, Any]
    ) -> None:
        self._deployment = deployment
        self._steps = steps
        self._project = project
        self._stack = stack
        self._root = root
        self._info = info
        self.done = False
        self.ended = threading.Event()
        for method in options.REFUSED_CALLS:
            setattr(self, method, self._refusal(method))

    def GetDeploymentInfo(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the protocol's names
        """Say what this deployment is and what the monitor understands."""
        features = [getattr(resource_pb2, f"RESOURCE_MONITOR_FEATURE_{name}", None) for name in _FEATURES]
        return resource_pb2.DeploymentInfo(
            project=self._project,
            stack=self._stack,
            organization="organization",
            supportedFeatures=[feature for feature in features if feature is not None],
            **self._info,
        )

    def SupportsFeature(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the protocol's names
        """Answer an older SDK, which asks for features one by one in another spelling."""
        known = {name.replace("_", "").lower() for name in _FEATURES}
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id.lower() in known)

    def RegisterResource(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Bring one resource to what the program wants."""
        try:
            goal = read_goal(request, stack=self._stack, project=self._project, root=self._root)
            state = self._deployment.register(goal)
        except EngineError as error:
            self._end(error, context)
        outputs = state.outputs if request.custom else {}  # a component's may refer to what is not registered yet
        if not request.supportsPartialValues:
            outputs = {key: value for key, value in outputs.items() if not contains_unknown(value)}
        sent = encode(outputs, secrets=request.acceptSecrets, references=request.acceptResources)
        return resource_pb2.RegisterResourceResponse(urn=state.urn, id=state.id, object=to_struct(sent))

    def ReadResource(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Look at a resource that the program does not manage."""
        try:
            read = read_read(request, stack=self._stack, project=self._project, root=self._root)
            state = self._deployment.register(read)
        except EngineError as error:
            self._end(error, context)
        sent = encode(state.outputs, secrets=request.acceptSecrets, references=request.acceptResources)
        known = "" if state.id == UNKNOWN else state.id
        return resource_pb2.ReadResourceResponse(urn=state.urn, id=known, properties=to_struct(sent))

    def RegisterResourceOutputs(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Take the outputs of a component or of the stack."""
        try:
            options.check(request, "The program")
            self._deployment.register_outputs(request.urn, decode(from_struct(request.outputs)))
        except EngineError as error:
            self._end(error, context)
        return empty_pb2.Empty()

    def SignalAndWaitForShutdown(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the protocol's names
        """Hear that the program is done; hooks, for which it would have to stay, are refused."""
        self.done = True
        self.ended.set()
        return empty_pb2.Empty()

    def _refusal(self, method: str) -> Callable[[Any, Any], NoReturn]:
        def refuse(request: Any, context: Any) -> NoReturn:
            self._end(options.call_refusal(method, request), context)

        return refuse

    def _end(self, error: EngineError, context: Any) -> NoReturn:
        if not isinstance(error, StoppedError):
            self._steps.fail(str(error))
        self.ended.set()
        context.abort(grpc.StatusCode.UNAVAILABLE, "the deployment has ended")
        raise error  # not reached: abort raises


class EngineServices(engine_pb2_grpc.EngineServicer):  # type: ignore[misc] # the stubs are loaded at run time
    """Takes log messages and remembers the root resource for programs that ask."""

    def __init__(self, emit: Callable[[Event], None], steps: Steps) -> None:
        self._emit = emit
        self._steps = steps
        self._root = ""
        self.errors: list[str] = []

    def Log(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the protocol's names
        """Pass a message on; after a failure errors of the program only say that the deployment has ended."""
        severity = _SEVERITIES.get(request.severity, "info")
        if severity == "error":
            if self._steps.stopped.is_set():
                return empty_pb2.Empty()
            self.errors.append(request.message)
        self._emit(Message(severity=severity, text=request.message, urn=request.urn))
        return empty_pb2.Empty()

    def GetRootResource(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the protocol's names
        """Return what was set."""
        return engine_pb2.GetRootResourceResponse(urn=self._root)

    def SetRootResource(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the protocol's names
        """Remember the stack's URN."""
        self._root = request.urn
        return engine_pb2.SetRootResourceResponse()

    def StartDebugging(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the protocol's names
        """Accept the notice; there is nothing to attach."""
        return empty_pb2.Empty()

    def RequirePulumiVersion(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the protocol's names
        """Accept any range: it speaks about the CLI, and what this engine lacks it refuses by name."""
        return engine_pb2.RequirePulumiVersionResponse()
