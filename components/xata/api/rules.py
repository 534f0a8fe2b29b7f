"""Xata's refusals: a table from status and message to error, words and next step. Pure.

Message texts are those of the service's own source, in every version that was published. Ids stand in brackets, and
newer versions write `with ID` before them. What no row knows is told in the service's own words, without a cause.

A write is made again only where a row says that nothing was done: 503 with a time to come back is decided before the
body is read; a project that is busy with another create says so instead of letting this one wait; a change lost
against another one.
"""

from __future__ import annotations

from typing import Final

from components.errors import (
    BusyError,
    ConflictError,
    InvalidError,
    LimitError,
    MalformedAnswerError,
    NotFoundError,
    NotOfferedError,
    PermissionDeniedError,
    UnauthorizedError,
    UnavailableError,
)
from components.http.service import EVERY, FAILED, LATER, Rule

_WAIT_AN_HOUR = "wait until fewer were made in the last 60 minutes, or ask Xata to raise the limit"
_DELETE_BRANCHES = "delete branches that nobody needs (expired previews first), or ask Xata to raise the limit"
_SUPPORT = "try again in a minute; when it lasts, tell Xata's support the request id"
_ID = r"(with ID )?\[[^\]]*\]"
_ORGANIZATION = rf"^organization {_ID} has reached the limit of (?P<n>\d+) "
_READ_IT = "see what Xata says above; when that does not help, tell Xata's support the request id"
_LIMITED = frozenset({400, 403, 429})


def _limit(pattern: str, says: str, next_step: str) -> Rule:
    return Rule(statuses=_LIMITED, pattern=pattern, error=LimitError, says=says, next_step=next_step)


RULES: Final = (
    Rule(
        statuses={401},
        late=True,
        error=UnavailableError,
        says="the service could not check the key (an outage of its own, not a bad key: it took more than 10 s to say "
        "so)",
        next_step=_SUPPORT,
    ),
    *(
        # Which status the newest servers take is not known, nor all of their words; a time to come back is.
        Rule(
            statuses={409, 423},
            timed=timed,
            pattern=words,
            error=BusyError,
            says="another change of the project is being made",
            next_step=LATER,
            again=EVERY,
        )
        for timed, words in ((True, ""), (False, r"^acquire project lock|\bbusy\b[^\]]*$"))
    ),
    _limit(
        _ORGANIZATION + "branch creations per hour",
        "the organization's limit of {n}new branches per hour is reached (maxBranchesPerHour)",
        _WAIT_AN_HOUR,
    ),
    _limit(
        _ORGANIZATION + "project creations per hour",
        "the organization's limit of {n}new projects per hour is reached (maxProjectsPerHour)",
        _WAIT_AN_HOUR,
    ),
    _limit(
        _ORGANIZATION + "branches",
        "the organization's limit of {n}branches in all projects is reached (maxBranchesPerOrg)",
        _DELETE_BRANCHES,
    ),
    _limit(
        _ORGANIZATION + "projects",
        "the organization's limit of {n}projects is reached (maxProjects)",
        "delete a project that nobody needs, or ask Xata to raise the limit",
    ),
    _limit(
        rf"^organization {_ID} has reached the branch limit for new organizations",
        "the limit of branches for a new organization is reached",
        "wait until the organization is half a day old, or ask Xata to raise the limit",
    ),
    _limit(
        rf"^organization {_ID} is disabled",
        "the organization is disabled and may not change anything",
        "check the organization's billing settings, or ask Xata's support",
    ),
    _limit(
        rf"^project {_ID} has (reached the limit of (?P<n>\d+) branches|too many branches)",
        "the project's limit of {n}branches is reached (maxBranchesPerProject)",
        _DELETE_BRANCHES,
    ),
    _limit(
        r"would exceed the maximum depth of the branch tree \((?P<n>\d+)\)",
        "the limit of {n}generations of branches is reached",
        "take a parent nearer to the root",
    ),
    _limit(
        r"would exceed the maximum children allowed \((?P<n>\d+)\)",
        "the limit of {n}children of one branch is reached",
        "delete children that nobody needs, or take another parent",
    ),
    Rule(
        statuses={401},
        pattern=r"^no access to organization",
        error=UnauthorizedError,
        says="the key is of another organization",
        next_step="check XATA_ORGANIZATION_ID, or take a key of that organization",
    ),
    Rule(
        statuses={401},
        pattern=r"^(invalid token|no token found)$",
        error=UnauthorizedError,
        says="the key is unknown, expired or revoked",
        next_step="make a new key in Xata's settings and put it into XATA_API_KEY",
    ),
    Rule(statuses={401}, error=UnauthorizedError, next_step="check XATA_API_KEY; " + _READ_IT),
    Rule(
        statuses={403},
        pattern="temporarily unavailable",
        error=BusyError,
        says="changes are switched off for the moment",
        next_step=LATER,
    ),
    Rule(
        statuses={403},
        pattern=r"^access denied$",
        error=PermissionDeniedError,
        says="the key lacks the scope {permission}, or is limited to others than this",
        next_step="give the key the scope {permission}; where it is limited, let it reach {reach}",
    ),
    Rule(statuses={403}, error=PermissionDeniedError, next_step=_READ_IT),
    Rule(
        statuses={404},
        pattern=r"^not found$",
        error=NotOfferedError,
        says="this version of the service does not have the operation",
        next_step="check XATA_API_BASE_URL; where it is right, do without",
    ),
    Rule(
        statuses={404},
        pattern="not found",
        error=NotFoundError,
        next_step="check the ids, and that the key is not limited to other projects or branches",
    ),
    Rule(
        statuses={404},
        error=MalformedAnswerError,
        says="those are not Xata's words for what is gone: something on the way may have answered",
        next_step="check XATA_API_BASE_URL and proxies on the way; where both are right, update this program",
    ),
    Rule(
        statuses={409},
        pattern="was modified concurrently, please retry$",
        error=ConflictError,
        says="somebody else changed it at the same time",
        next_step="try again",
        again={"PATCH"},
    ),
    Rule(
        statuses={409},
        pattern=r"already exists$",
        error=ConflictError,
        next_step="take another name, or adopt what has this one",
    ),
    Rule(statuses={409}, error=ConflictError, next_step=_READ_IT),
    Rule(
        statuses={400},
        pattern=r"^project .* is not empty",
        error=InvalidError,
        says="the project still has branches",
        next_step="delete its branches first, also those that were not made here",
    ),
    Rule(
        statuses={412},
        pattern="^cannot create child branch because parent branch .* is not healthy",
        error=InvalidError,
        says="the parent branch is not healthy",
        next_step="wait until the parent is healthy, or wake it, and try again",
    ),
    Rule(statuses={429, 503}, timed=True, error=BusyError, next_step=LATER, again=EVERY),
    Rule(statuses=set(FAILED) - {501, 503}, error=UnavailableError, next_step=_SUPPORT),
)
