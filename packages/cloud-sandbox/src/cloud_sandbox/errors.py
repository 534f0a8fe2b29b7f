"""The one tree of errors that the sandbox raises.

SandboxError        everything below; `str()` is what the user reads
├── SetupError      the sandbox cannot start as asked: a setting, a folder, a port
├── ControlError    an order below `/sandbox/` that cannot be carried out
└── DatabaseError   the Postgres below it is gone, or refused what a branch needs
"""

from __future__ import annotations


class SandboxError(Exception):
    """An error a user of the sandbox may meet.

    Args:
        message: What went wrong, with which thing, what was found and what is allowed. Never a secret.
        next_step: What the user can do now.
    """

    def __init__(self, message: str, *, next_step: str = "") -> None:
        self.message = message
        self.next_step = next_step
        super().__init__(message)

    def __str__(self) -> str:
        return f"{self.message}\n  next: {self.next_step}" if self.next_step else self.message


class SetupError(SandboxError):
    """The sandbox cannot start as asked."""


class DatabaseError(SandboxError):
    """The Postgres below the sandbox is gone, or refused what a branch needs."""


class ControlError(SandboxError):
    """An order below `/sandbox/` that cannot be carried out; the text says which part."""
