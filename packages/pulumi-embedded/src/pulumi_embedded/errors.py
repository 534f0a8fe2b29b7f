"""The one tree of errors of the engine.

EngineError                     everything below; `str()` is what the user reads
├── ProjectError                Pulumi.yaml, the stack's file or its configuration is wrong
├── StateError                  the stack's state cannot be read or must not be written
│   ├── PassphraseError         the passphrase does not open it
│   ├── LockedError             somebody else works on it
│   └── HeldError               it holds resources, so it is not forgotten
└── UnsupportedError            the program asks for something only the Pulumi CLI does
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class EngineError(Exception):
    """An error that keeps the engine from starting or going on.

    Args:
        message: What is wrong, with which thing, what was found and what is allowed. Never a secret.
        next_step: What the user can do now.
    """

    def __init__(self, message: str, *, next_step: str = "") -> None:
        self.message = message
        self.next_step = next_step
        super().__init__(message)

    def __str__(self) -> str:
        return f"{self.message}\n  next: {self.next_step}" if self.next_step else self.message


class ProjectError(EngineError):
    """Pulumi.yaml, the stack's file or its configuration is wrong."""


class StateError(EngineError):
    """The stack's state cannot be read or must not be written."""


class PassphraseError(StateError):
    """The passphrase does not open the state."""


class LockedError(StateError):
    """Somebody else works on the stack."""


class HeldError(StateError):
    """The state holds resources, so it is not forgotten."""

    @classmethod
    def of(cls, stack: str, names: Sequence[str]) -> HeldError:
        """The error for a stack; `names` are those of its resources, as far as they are known."""
        what = f"{len(names)} resources ({', '.join(names)})" if names else "resources"
        return cls(
            f"the state of {stack} still holds {what}, which nobody could find again without it; it was not forgotten",
            next_step=f"./infra destroy {stack} takes them down first",
        )


class UnsupportedError(EngineError):
    """The program asks for something only the Pulumi CLI does."""
