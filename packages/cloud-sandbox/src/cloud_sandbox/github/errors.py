"""The refusals of the API: status and wording.

Wording is GitHub's own: https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api and
https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api.
"""

from __future__ import annotations

from typing import Any

DOCUMENTATION = "https://docs.github.com/rest"
TOO_LONG = 65_536
INVALID_FIELD = {"resource": "IssueComment", "code": "unprocessable", "field": "data"}


class ApiError(Exception):
    """A request that is refused. The message never holds a secret."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
        page: str = "",
    ) -> None:
        self.status = status
        self.message = message
        self.errors = errors
        self.headers = headers or {}
        self.page = page
        super().__init__(f"{status} {message}")


def no_route(method: str, path: str) -> ApiError:
    """A gap in the stand-in. GitHub would say 404, which a client takes for an answer: here it is seen at once."""
    return ApiError(400, f"the stand-in for GitHub has no route for {method} {path}")


def bad_credentials() -> ApiError:
    """A token that nobody knows."""
    return ApiError(401, "Bad credentials")


def authentication_required() -> ApiError:
    """A write without any token."""
    return ApiError(401, "Requires authentication")


def no_user_agent() -> ApiError:
    """GitHub wants to know which program calls."""
    return ApiError(
        403,
        "Request forbidden by administrative rules. Please make sure your request has a User-Agent header"
        " (https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required).",
    )


def not_found(page: str = "") -> ApiError:
    """It is not there, or the token may not see it: GitHub tells neither apart."""
    return ApiError(404, "Not Found", page=page)


def not_accessible(kind: str, permissions: str = "") -> ApiError:
    """The token lacks the permission; the header tells which would do."""
    whose = "integration" if kind == "installation" else "personal access token"
    headers = {"X-Accepted-GitHub-Permissions": permissions} if permissions else {}
    return ApiError(403, f"Resource not accessible by {whose}", headers=headers)


def locked() -> ApiError:
    """The conversation was locked, and the token may not write there all the same."""
    return ApiError(403, "Unable to create comment because issue is locked.")


def unreadable() -> ApiError:
    """A body that is no JSON."""
    return ApiError(400, "Problems parsing JSON")


def no_object() -> ApiError:
    """A body that is another kind of JSON."""
    return ApiError(400, "Body should be a JSON object")


def missing(name: str) -> ApiError:
    """A field that has to be there."""
    return ApiError(422, f'Invalid request.\n\n"{name}" wasn\'t supplied.')


def not_a_text(value: str) -> ApiError:
    """A field that has to be a text."""
    return ApiError(422, f"Invalid request.\n\nFor 'properties/body', {value} is not a string.")


def blank() -> ApiError:
    """A comment without any text."""
    return ApiError(422, "Validation Failed", errors=[{**INVALID_FIELD, "message": "Body cannot be blank"}])


def too_long() -> ApiError:
    """A comment over the limit."""
    told = f"Body is too long (maximum is {TOO_LONG} characters)"
    return ApiError(422, "Validation Failed", errors=[{**INVALID_FIELD, "message": told}])


def too_many_calls(login: str, limit: int, reset: int) -> ApiError:
    """The primary rate limit; nothing remains until `reset`, in seconds since 1970."""
    headers = {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
    return ApiError(403, f"API rate limit exceeded for {login}.", headers=headers)
