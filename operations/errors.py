"""The one tree of errors that commands raise, and the exit codes that all errors end with.

CommandError                    everything below; `str()` is what the user reads
├── UsageError                  the command line is wrong, or asks for what is not there yet
├── ChangesRefusedError         nobody agreed to the plan
├── MachineError                this machine lacks what the command needs
├── StateError                  the state is there, but must not be opened like this
│   └── StateLockedError        somebody else works on the stack
└── ResourceFailedError         an engine failed without having reported a result
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """The exit codes; a number once given keeps its meaning."""

    SUCCESS = 0
    UNEXPECTED = 1
    BAD_CONFIGURATION = 2
    CHANGES_REFUSED = 3
    RESOURCE_FAILED = 4
    VERIFICATION_FAILED = 5
    MACHINE_NOT_READY = 6
    LOCKED = 7
    DRIFTED = 8
    INTERRUPTED = 130


MEANINGS = {  # `python -m operations.reference` writes docs/exit-codes.md from them
    ExitCode.SUCCESS: "Done, or nothing to do.",
    ExitCode.UNEXPECTED: "A defect of this program: please report what `--verbose` prints.",
    ExitCode.BAD_CONFIGURATION: (
        "A wrong command line, stack name, stack file or value; a passphrase that does not open the state, state that "
        "cannot be read, a stack without outputs, a missing API key, a document that is no preview. "
        "Nothing was touched."
    ),
    ExitCode.CHANGES_REFUSED: (
        "Not carried out: nobody agreed to the plan (no terminal and no `--yes`, or the answer was no), "
        "what would be deleted is protected, or carrying it out would lose data or show a secret; "
        "`gate` found a loss that no label allows; `upgrade` left lines to choose from that both sides had changed."
    ),
    ExitCode.RESOURCE_FAILED: (
        "A resource, the program or a service failed; what was made before is recorded, and the next `up` goes on."
    ),
    ExitCode.VERIFICATION_FAILED: (
        "`verify` found a layer that does not answer as it should, or could not ask one: an app that is not deployed "
        "yet, no key. `status` found an environment that fails or could not be seen, `wrangler check` an error, or "
        "`rotate --due` a password of an earlier quarter. The answer names it."
    ),
    ExitCode.MACHINE_NOT_READY: (
        "This machine lacks something: the set-up failed, an engine is missing, the sandbox does not run. "
        "`./infra doctor` looks for it."
    ),
    ExitCode.LOCKED: "Somebody else works on the stack; the message says who.",
    ExitCode.DRIFTED: "`drift` or `status --drift` found what is not as it was declared; the answer says what it is.",
    ExitCode.INTERRUPTED: "Ctrl-C or SIGTERM; what was made is recorded, and the next `up` goes on.",
}


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
