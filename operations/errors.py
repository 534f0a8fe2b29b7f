"""The one tree of errors that commands raise.

CommandError                    everything below; `str()` is what the user reads
├── UsageError                  the command line is wrong, or asks for what is not there yet
├── ChangesRefusedError         nobody agreed to the plan
├── MachineError                this machine lacks what the command needs
├── StateError                  the state is there, but must not be opened like this
│   └── StateLockedError        somebody else works on the stack
└── ResourceFailedError         an engine failed without having reported a result
"""

from __future__ import annotations

from typing import ClassVar

from operations.exit_codes import ExitCode


class CommandError(Exception):
    """An error that ends a command.

    Args:
        message: What is wrong, with which thing, what was found and what is allowed. Never a secret.
        next_step: What the user can do now.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.UNEXPECTED

    def __init__(self, message: str, *, next_step: str = "") -> None:
        self.message = message
        self.next_step = next_step
        super().__init__(message)

    def __str__(self) -> str:
        return f"{self.message}\n  next: {self.next_step}" if self.next_step else self.message


class UsageError(CommandError):
    """The command line is wrong, or asks for what is not there yet."""

    exit_code = ExitCode.BAD_CONFIGURATION


class ChangesRefusedError(CommandError):
    """Nobody agreed to the plan."""

    exit_code = ExitCode.CHANGES_REFUSED


class MachineError(CommandError):
    """This machine lacks what the command needs."""

    exit_code = ExitCode.MACHINE_NOT_READY


class StateError(CommandError):
    """The state is there, but must not be opened like this."""

    exit_code = ExitCode.BAD_CONFIGURATION


class StateLockedError(StateError):
    """Somebody else works on the stack."""

    exit_code = ExitCode.LOCKED


class ResourceFailedError(CommandError):
    """An engine failed without having reported a result."""

    exit_code = ExitCode.RESOURCE_FAILED
