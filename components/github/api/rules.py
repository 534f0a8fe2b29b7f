"""Which error an answer is: a table from the status to class, words and next step. Pure.

Source: https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from components.github.api import errors
from components.github.api.retry import is_limited

if TYPE_CHECKING:
    from components.http.exchange import Answer

LATER = "try again in a minute; when it lasts, look at https://www.githubstatus.com"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One row. Texts are templates over `permission` (the one that the operation needs)."""

    error: type[errors.GitHubError]
    next_step: str
    says: str = ""


_LIMITED: Final = Rule(
    error=errors.RateLimitedError,
    says="too many calls with this token",
    next_step="wait an hour at most, and do less at the same time",
)
_DENIED: Final = Rule(
    error=errors.PermissionDeniedError,
    says="the token may not do this",
    next_step="give the token the permission {permission} (in a workflow: below `permissions`; pull requests of forks "
    "never get more than reading)",
)
_GONE: Final = Rule(
    error=errors.NotFoundError,
    says="it is not there, or the token may not see it",
    next_step="check GITHUB_REPOSITORY and the number, and that the token reaches the repository with the permission "
    "{permission}",
)
_STATUSES: Final[dict[int, Rule]] = {
    401: Rule(
        error=errors.TokenRefusedError,
        says="the token is unknown, expired or revoked",
        next_step="put a token that is in force into GITHUB_TOKEN",
    ),
    403: _DENIED,
    404: _GONE,
    410: _GONE,
    501: Rule(
        error=errors.NotOfferedError,
        says="this server does not have the operation",
        next_step="check GITHUB_API_URL; where it is right, do without",
    ),
}
_FAILED: Final = Rule(error=errors.ServerError, next_step=LATER)
_WRONG: Final = Rule(error=errors.InvalidError, next_step="correct what the message names")


def match(answer: Answer) -> Rule:
    """The rule for an answer that is no success. A limit comes first: it shares its status with a refusal."""
    if is_limited(answer):
        return _LIMITED
    return _STATUSES.get(answer.status) or (_FAILED if answer.status >= 500 else _WRONG)  # noqa: PLR2004 - 5xx
