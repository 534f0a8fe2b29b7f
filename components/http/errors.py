"""What the errors of all API clients have in common."""

from __future__ import annotations

from components.errors import InfraError


class ApiError(InfraError):
    """An error of an API or on the way to it.

    Args:
        message: What was tried, what came back. Never a secret.
        next_step: What the user can do now.
        status: The HTTP status; None when there was no answer.
        request_id: What the service's support finds the call by; empty when nothing was sent.
        server_message: The server's own words, with everything that looks like a secret masked.
        attempts: How often the request was made.
        retry_after: The seconds after which the server wants to be asked again; None when it did not say.
    """

    def __init__(
        self,
        message: str,
        *,
        next_step: str = "",
        status: int | None = None,
        request_id: str = "",
        server_message: str = "",
        attempts: int = 0,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.status = status
        self.request_id = request_id
        self.server_message = server_message
        self.attempts = attempts
        self.retry_after = retry_after
