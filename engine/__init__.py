"""An embedded Pulumi engine: runs unchanged programs on machines without the Pulumi CLI, on the same state."""

from engine.api import (
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
    Step,
    StepFailed,
    StepFinished,
    StepStarted,
)
from engine.errors import EngineError
from engine.run import forget, read_outputs, run

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
    "Step",
    "StepFailed",
    "StepFinished",
    "StepStarted",
    "forget",
    "read_outputs",
    "run",
]
