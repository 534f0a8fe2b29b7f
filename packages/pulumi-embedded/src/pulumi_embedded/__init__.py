"""An embedded Pulumi engine: runs unchanged programs on machines without the Pulumi CLI, on the same state."""

from pulumi_embedded.api import (
    Changes,
    Event,
    Kind,
    Listener,
    LockWaiting,
    Message,
    Output,
    PropertyDiff,
    Request,
    Result,
    Silent,
    Step,
    StepFailed,
    StepFinished,
    StepStarted,
)
from pulumi_embedded.errors import EngineError
from pulumi_embedded.processes import shared_forkserver
from pulumi_embedded.run import forget, read_outputs, run

__all__ = [
    "Changes",
    "EngineError",
    "Event",
    "Kind",
    "Listener",
    "LockWaiting",
    "Message",
    "Output",
    "PropertyDiff",
    "Request",
    "Result",
    "Silent",
    "Step",
    "StepFailed",
    "StepFinished",
    "StepStarted",
    "forget",
    "read_outputs",
    "run",
    "shared_forkserver",
]
