"""The one tree of errors that components raise.

InfraError                          everything below; `str()` is what the user reads
├── ConfigurationError              a declared value is wrong; nothing has been touched
├── LocalError                      this machine is in the way: a port, a folder, an account, a program
├── PostgresError                   a server was reached and refused, or cannot be started
├── RefusedError                    the act was understood and is not done, to keep data or secrets safe
├── LifecycleError                  a step in the life of a project or a branch did not come to its end
│   ├── MissingError                what a name or an id stands for is not there
│   ├── GoneError                   it was there, and somebody removed it while we worked
│   └── NotReadyError               a branch is not healthy, or has no credentials, by the deadline
└── ApiError                        an API (Xata, Cloudflare, GitHub), or the way to it; `service` says which
    ├── InputError                  a key, an address or a value is missing or wrong, found before any call
    ├── UnauthorizedError           the key is unknown, expired, revoked, or somebody else's
    ├── PermissionDeniedError       the key is good and may not do this; the next step names what it lacks
    ├── LimitError                  a limit of the account is reached, which the message names
    ├── NotFoundError               it is not there, and the service itself said so
    │   ├── WorkerNotFoundError     the account has no such Worker
    │   ├── SecretNotFoundError     the Worker has no such secret
    │   └── NoVersionsError         the Worker has no code yet
    ├── ConflictError               the name is taken, or somebody changed the same thing at the same time
    │   └── UndeployedVersionError  a newer version of the Worker is not deployed
    ├── InvalidError                the request was understood and is wrong
    ├── BusyError                   not now: nothing was changed, and later it may work
    ├── UnavailableError            the service failed or gave no answer, and nothing was changed
    ├── NotOfferedError             this server does not have the operation
    ├── AmbiguousError              no usable answer to a write: whether it was carried out is not known
    └── MalformedAnswerError        an answer that is not what the API's documents say
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


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


class LifecycleError(InfraError):
    """A step in the life of a project or a branch did not come to its end; the message says which, and why.

    Settings read back otherwise than they were accepted, a backup has nothing to restore yet, what was deleted can
    still be read, or the fate of a request stays unknown after every safe attempt: running again resolves that.
    """


class MissingError(LifecycleError):
    """What a name or an id stands for is not there."""


class GoneError(LifecycleError):
    """It was there, and somebody removed it while we worked."""


class NotReadyError(LifecycleError):
    """A branch is not healthy, or has no credentials, by the deadline."""


class ApiError(InfraError):
    """An error of an API or on the way to it.

    Args:
        message: What was tried, what came back. Never a secret.
        next_step: What the user can do now.
        service: Whose API: Xata, Cloudflare or GitHub.
        status: The HTTP status; None when there was no answer.
        codes: The service's own codes, where it has some.
        request_id: What the service's support finds the call by; empty when nothing is known of it.
        server_message: The server's own words, with everything that looks like a secret masked.
        attempts: How often the request was made.
        retry_after: The seconds after which the server wants to be asked again; None when it did not say.
    """

    def __init__(
        self,
        message: str,
        *,
        next_step: str = "",
        service: str = "",
        status: int | None = None,
        codes: Iterable[int] = (),
        request_id: str = "",
        server_message: str = "",
        attempts: int = 0,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.service = service
        self.status = status
        self.codes = tuple(codes)
        self.request_id = request_id
        self.server_message = server_message
        self.attempts = attempts
        self.retry_after = retry_after


class InputError(ApiError, ConfigurationError):
    """A key, an address or a value is missing or wrong, found before any call: nothing has been touched."""


class UnauthorizedError(ApiError):
    """The key is unknown, expired, revoked, or does not belong to the organization."""


class PermissionDeniedError(ApiError):
    """The key is good and may not do this. Where the service says so, the next step names what it lacks."""


class LimitError(ApiError):
    """A limit of the project or the organization is reached; the message says which."""


class NotFoundError(ApiError):
    """It is not there, or the key may not see it, and the service itself said so.

    A 404 of a proxy, or of an address that is no API, is a MalformedAnswerError: it does not know what is gone.
    """


class WorkerNotFoundError(NotFoundError):
    """There is no Worker of that name on the account."""


class SecretNotFoundError(NotFoundError):
    """The Worker has no such secret. With several in one change nothing was changed."""


class NoVersionsError(NotFoundError):
    """The Worker exists and has no code: nothing was ever uploaded to it."""


class ConflictError(ApiError):
    """The name is taken, or somebody changed the same thing at the same time; nothing was changed."""


class UndeployedVersionError(ConflictError):
    """A newer version of the Worker is not deployed, so a change would deploy it along; nothing was changed."""


class InvalidError(ApiError):
    """The server refused the request as wrong; nothing was changed."""


class BusyError(ApiError):
    """The server does not do this now, or has had too many calls; nothing was changed, and later it may work."""


class UnavailableError(ApiError):
    """The service failed or gave no answer, and nothing was changed: nothing was sent, or it is safe to do again."""


class NotOfferedError(ApiError):
    """This server does not have the operation: it is older, or another service's."""


class AmbiguousError(ApiError):
    """Whether a write was carried out is not known: read what is there before it is made again.

    With a `status` below 300 it was carried out, and only the answer is lost or malformed.
    """


class MalformedAnswerError(ApiError):
    """An answer that is not JSON, or not of the shape that the API's documents give. Never quotes it."""
