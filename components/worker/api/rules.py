"""Which error an answer is: a table from Cloudflare's code, or else the status, to class, words and next step. Pure.

Codes are those of wrangler's source and of Cloudflare's issues; which status goes with them is documented nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.worker.api import errors
from components.worker.api.envelope import troubles_of

if TYPE_CHECKING:
    from components.http.exchange import Answer

LATER = "try again in a minute; when it lasts, look at https://www.cloudflarestatus.com"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One row. Texts are templates over `permission` (the one that the operation needs)."""

    error: type[errors.CloudflareError]
    next_step: str
    says: str = ""


_WORKER_GONE = Rule(
    error=errors.WorkerNotFoundError,
    says="there is no such Worker on this account",
    next_step="check the Worker's name and CLOUDFLARE_ACCOUNT_ID",
)
_DENIED = Rule(
    error=errors.PermissionDeniedError,
    says="the token lacks the permission {permission}, or is not for this account",
    next_step="give the token the permission {permission} on this account; a wrong CLOUDFLARE_ACCOUNT_ID and a revoked "
    "token are answered in the same way, so check both",
)
_REFUSED = Rule(
    error=errors.TokenRefusedError,
    says="the token is unknown, expired, or not a token",
    next_step="make a token with the permission {permission} in the dashboard and put it into CLOUDFLARE_API_TOKEN",
)
_UNDEPLOYED = Rule(
    error=errors.UndeployedVersionError,
    says="a newer version of the Worker is not deployed",
    next_step="deploy the newest version (wrangler versions deploy), then run the same command again",
)
_NO_ROUTE = Rule(
    error=errors.NotOfferedError,
    says="there is no such route, or the account id in it is none",
    next_step="check CLOUDFLARE_ACCOUNT_ID (32 hexadecimal digits) and CLOUDFLARE_API_BASE_URL",
)

CODES: dict[int, Rule] = {
    1000: _REFUSED,
    6003: _REFUSED,
    6111: _REFUSED,
    9106: _REFUSED,
    7000: _NO_ROUTE,
    7003: _NO_ROUTE,
    9109: _DENIED,
    10000: _DENIED,
    10001: _DENIED,
    10023: _DENIED,
    10007: _WORKER_GONE,
    10090: _WORKER_GONE,
    10025: Rule(error=errors.NotFoundError, says="there is no such preview", next_step="check the preview's name"),
    10053: Rule(
        error=errors.NameTakenError,
        says="another kind of binding has this name, most often a plain variable",
        next_step="remove the name from vars in the app's wrangler.jsonc and deploy the app; then run the same command "
        "again",
    ),
    10056: Rule(
        error=errors.SecretNotFoundError,
        says="the Worker has no secret of this name",
        next_step="list the Worker's secrets, and run the same command again",
    ),
    10057: Rule(
        error=errors.MissingBindingError,
        says="the upload counts on a secret that the Worker does not have",
        next_step="set the secret first: ./infra up STACK does",
    ),
    10063: Rule(
        error=errors.NoSubdomainError,
        says="the account has no workers.dev subdomain",
        next_step="choose one in the dashboard, under Workers & Pages",
    ),
    10214: _UNDEPLOYED,
    10215: _UNDEPLOYED,
    10222: Rule(
        error=errors.NoVersionsError,
        says="nothing was ever uploaded to the Worker",
        next_step="deploy the app to it",
    ),
}

_STATUSES: dict[int, Rule] = {
    401: _REFUSED,
    403: _DENIED,
    404: Rule(error=errors.NotFoundError, next_step="check the names and CLOUDFLARE_ACCOUNT_ID"),
    409: Rule(error=errors.ConflictError, next_step="look at what is there, and run the same command again"),
    423: Rule(error=errors.BusyError, next_step=LATER),
    408: Rule(error=errors.BusyError, next_step=LATER),
    429: Rule(
        error=errors.BusyError,
        says="too many calls: Cloudflare allows 1,200 in 5 minutes for all that a user or an account's token does",
        next_step="wait 5 minutes, and do less at the same time",
    ),
    503: Rule(error=errors.BusyError, next_step=LATER),
}
_FAILED = Rule(error=errors.ServerError, next_step=LATER)
_WRONG = Rule(error=errors.InvalidError, next_step="correct what the message names")


def match(answer: Answer) -> Rule:
    """The rule for an answer that is no success.

    Failures and limits come before codes: what a server says while it fails is not about the request.
    """
    if answer.status >= 500 or answer.status in {408, 423, 429}:  # noqa: PLR2004 - 5xx
        return _STATUSES.get(answer.status, _FAILED)
    known = (CODES[trouble.code] for trouble in troubles_of(answer) if trouble.code in CODES)
    return next(known, _STATUSES.get(answer.status, _WRONG))
