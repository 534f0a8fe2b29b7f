"""Cloudflare's refusals: a table from code, or else status, to error, words and next step. Pure.

Codes are those of wrangler's source and of Cloudflare's issues; which status goes with them is documented nowhere, so a
row with a code fits any status but failures and limits. An upload or a deployment is made again only when the rate
limit turned it away, which comes before everything else.
"""

from __future__ import annotations

from typing import Any, Final

from components.errors import (
    BusyError,
    ConflictError,
    InvalidError,
    NotFoundError,
    NotOfferedError,
    NoVersionsError,
    PermissionDeniedError,
    SecretNotFoundError,
    UnauthorizedError,
    UndeployedVersionError,
    WorkerNotFoundError,
)
from components.http.service import EVERY, Rule

WORKER_GONE: Final = frozenset({10007, 10090})
NO_SUBDOMAIN: Final = 10063


def _refused(**where: Any) -> Rule:
    return Rule(
        error=UnauthorizedError,
        says="the token is unknown, expired, or not a token",
        next_step="make a token with the permission {permission} in the dashboard and put it into CLOUDFLARE_API_TOKEN",
        **where,
    )


def _denied(**where: Any) -> Rule:
    return Rule(
        error=PermissionDeniedError,
        says="the token lacks the permission {permission}, or is not for this account",
        next_step="give the token the permission {permission} on this account; a wrong CLOUDFLARE_ACCOUNT_ID and a "
        "revoked token are answered in the same way, so check both",
        **where,
    )


RULES: Final = (
    Rule(
        statuses={429},
        error=BusyError,
        says="too many calls: Cloudflare allows 1,200 in 5 minutes for all that a user or an account's token does",
        next_step="wait 5 minutes, and do less at the same time",
        again=EVERY,
    ),
    _refused(codes=frozenset({1000, 6003, 6111, 9106})),
    Rule(
        codes=frozenset({7000, 7003}),
        error=NotOfferedError,
        says="there is no such route, or the account id in it is none",
        next_step="check CLOUDFLARE_ACCOUNT_ID (32 hexadecimal digits) and CLOUDFLARE_API_BASE_URL",
    ),
    _denied(codes=frozenset({9109, 10000, 10001, 10023})),
    Rule(
        codes=WORKER_GONE,
        error=WorkerNotFoundError,
        says="there is no such Worker on this account",
        next_step="check the Worker's name and CLOUDFLARE_ACCOUNT_ID",
    ),
    Rule(
        codes=frozenset({10025}),
        error=NotFoundError,
        says="there is no such preview",
        next_step="check the preview's name",
    ),
    Rule(
        codes=frozenset({10053}),
        error=ConflictError,
        says="another kind of binding has this name, most often a plain variable",
        next_step="remove the name from vars in the app's wrangler.jsonc and deploy the app; then run the same command "
        "again",
    ),
    Rule(
        codes=frozenset({10056}),
        error=SecretNotFoundError,
        says="the Worker has no secret of this name",
        next_step="list the Worker's secrets, and run the same command again",
    ),
    Rule(
        codes=frozenset({10057}),
        error=InvalidError,
        says="the upload counts on a secret that the Worker does not have",
        next_step="set the secret first: ./infra up STACK does",
    ),
    Rule(
        codes=frozenset({NO_SUBDOMAIN}),
        error=NotFoundError,
        says="the account has no workers.dev subdomain",
        next_step="choose one in the dashboard, under Workers & Pages",
    ),
    Rule(
        codes=frozenset({10214, 10215}),
        error=UndeployedVersionError,
        says="a newer version of the Worker is not deployed",
        next_step="deploy the newest version (wrangler versions deploy), then run the same command again",
    ),
    Rule(
        codes=frozenset({10222}),
        error=NoVersionsError,
        says="nothing was ever uploaded to the Worker",
        next_step="deploy the app to it",
    ),
    _refused(statuses={401}),
    _denied(statuses={403}),
    Rule(statuses={404}, error=NotFoundError, next_step="check the names and CLOUDFLARE_ACCOUNT_ID"),
    Rule(statuses={409}, error=ConflictError, next_step="look at what is there, and run the same command again"),
)
