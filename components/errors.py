"""The one tree of errors that components raise.

InfraError                      everything below; `str()` is what the user reads
├── ConfigurationError          a declared value is wrong; nothing has been touched
├── LocalError                  this machine is in the way: a port, a folder, an account, a program
├── PostgresError               a server was reached and refused, or cannot be started
└── RefusedError                the act was understood and is not done, to keep data or secrets safe
"""

from __future__ import annotations


class InfraError(Exception):
    """An error a user may meet.

    Args:
        message: What went wrong, with which thing, what was found and what is allowed. Never a secret.
        next_step: What the user can do now, as an imperative sentence or a command.
    """

    def __init__(self, message: str, *, next_step: str = "") -> None:
        self.message = message
        self.next_step = next_step
        super().__init__(message)

    def __str__(self) -> str:
        return f"{self.message}\n  next: {self.next_step}" if self.next_step else self.message


class ConfigurationError(InfraError):
    """A declared value is wrong; nothing has been touched."""


class LocalError(InfraError):
    """This machine is in the way: a port, a folder, an account, a program."""


class PostgresError(InfraError):
    """A server was reached and refused, or cannot be started."""


class RefusedError(InfraError):
    """The act was understood and is not done, to keep data or secrets safe."""
