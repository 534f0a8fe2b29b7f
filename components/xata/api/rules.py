"""Which error an answer is: a table from status and message to class, words and next step. Pure.

Message texts are those of the service's own source, in every version that was published. Ids stand in brackets, and
newer versions write `with ID` before them. What no row knows is told in the service's own words, without a cause.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.xata.api import errors
from components.xata.api.retry import is_busy, is_outage
from components.xata.api.words import message_of

if TYPE_CHECKING:
    from components.http.exchange import Answer


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One row: the first whose statuses and pattern match decides.

    Texts are templates over `n` (the number in the server's message and a blank), `scope`, and `reach` (what the key
    must not be cut off from).
    """

    statuses: frozenset[int]
    error: type[errors.XataError]
    next_step: str
    pattern: str = ""
    says: str = ""


_WAIT_AN_HOUR = "wait until fewer were made in the last 60 minutes, or ask Xata to raise the limit"
_DELETE_BRANCHES = "delete branches that nobody needs (expired previews first), or ask Xata to raise the limit"
LATER = "try again in a minute; when it lasts, look at Xata's status page"
_SUPPORT = "try again in a minute; when it lasts, tell Xata's support the request id"
_ID = r"(with ID )?\[[^\]]*\]"
_ORGANIZATION = rf"^organization {_ID} has reached the limit of (?P<n>\d+) "
_READ_IT = "see what Xata says above; when that does not help, tell Xata's support the request id"
_LIMITED = frozenset({400, 403, 429})


def _limit(pattern: str, says: str, next_step: str) -> Rule:
    return Rule(statuses=_LIMITED, pattern=pattern, error=errors.LimitError, says=says, next_step=next_step)


RULES = (
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
        statuses=frozenset({401}),
        pattern=r"^no access to organization",
        error=errors.KeyRefusedError,
        says="the key is of another organization",
        next_step="check XATA_ORGANIZATION_ID, or take a key of that organization",
    ),
    Rule(
        statuses=frozenset({401}),
        pattern=r"^(invalid token|no token found)$",
        error=errors.KeyRefusedError,
        says="the key is unknown, expired or revoked",
        next_step="make a new key in Xata's settings and put it into XATA_API_KEY",
    ),
    Rule(statuses=frozenset({401}), error=errors.KeyRefusedError, next_step="check XATA_API_KEY; " + _READ_IT),
    Rule(
        statuses=frozenset({403}),
        pattern="temporarily unavailable",
        error=errors.BusyError,
        says="changes are switched off for the moment",
        next_step=LATER,
    ),
    Rule(
        statuses=frozenset({403}),
        pattern=r"^access denied$",
        error=errors.PermissionDeniedError,
        says="the key lacks the scope {scope}, or is limited to others than this",
        next_step="give the key the scope {scope}; where it is limited, let it reach {reach}",
    ),
    Rule(statuses=frozenset({403}), error=errors.PermissionDeniedError, next_step=_READ_IT),
    Rule(
        statuses=frozenset({404}),
        pattern=r"^not found$",
        error=errors.NotOfferedError,
        says="this version of the service does not have the operation",
        next_step="check XATA_API_BASE_URL; where it is right, do without",
    ),
    Rule(
        statuses=frozenset({404}),
        pattern="not found",
        error=errors.NotFoundError,
        next_step="check the ids, and that the key is not limited to other projects or branches",
    ),
    Rule(
        statuses=frozenset({404}),
        error=errors.MalformedAnswerError,
        says="those are not Xata's words for what is gone: something on the way may have answered",
        next_step="check XATA_API_BASE_URL and proxies on the way; where both are right, update this program",
    ),
    Rule(
        statuses=frozenset({409}),
        pattern="modified concurrently",
        error=errors.ConflictError,
        says="somebody else changed it at the same time",
        next_step="try again",
    ),
    Rule(
        statuses=frozenset({409}),
        pattern=r"already exists$",
        error=errors.ConflictError,
        next_step="take another name, or adopt what has this one",
    ),
    Rule(statuses=frozenset({409}), error=errors.ConflictError, next_step=_READ_IT),
    Rule(
        statuses=frozenset({400}),
        pattern=r"^project .* is not empty",
        error=errors.InvalidError,
        says="the project still has branches",
        next_step="delete its branches first, also those that were not made here",
    ),
    Rule(
        statuses=frozenset({412}),
        pattern="^cannot create child branch because parent branch .* is not healthy",
        error=errors.InvalidError,
        says="the parent branch is not healthy",
        next_step="wait until the parent is healthy, or wake it, and try again",
    ),
    Rule(statuses=frozenset({408, 423, 429}), error=errors.BusyError, next_step=LATER),
    Rule(
        statuses=frozenset({501}),
        error=errors.NotOfferedError,
        says="this version of the service does not have the operation",
        next_step="do without, or wait for a newer version",
    ),
    Rule(statuses=frozenset({503}), error=errors.BusyError, next_step=LATER),
    Rule(statuses=frozenset(range(500, 600)), error=errors.ServerError, next_step=_SUPPORT),
    Rule(statuses=frozenset(range(400, 500)), error=errors.InvalidError, next_step="correct what the message names"),
)

_OUTAGE = Rule(
    statuses=frozenset({401}),
    error=errors.ServerError,
    says="the service could not check the key (an outage of its own, not a bad key: it took more than 10 s to say so)",
    next_step=_SUPPORT,
)
_IN_THE_WAY = Rule(
    statuses=frozenset({409, 423}),
    error=errors.BusyError,
    says="another change of the project is being made",
    next_step=LATER,
)


def match(answer: Answer) -> tuple[Rule, str]:
    """The rule for an answer, and the number that its message names."""
    if is_outage(answer):
        return _OUTAGE, ""
    if is_busy(answer):
        return _IN_THE_WAY, ""
    for rule in RULES:
        found = re.search(rule.pattern, message_of(answer), re.IGNORECASE)
        if answer.status in rule.statuses and found:
            return rule, found.groupdict().get("n") or ""
    return RULES[-1], ""
