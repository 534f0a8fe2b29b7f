"""Every refusal that an edition of the service knows, and what this client makes of it."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

import pytest

from cloud_sandbox.xata import messages
from components import errors
from components.xata.api import rules
from components.xata.api.models import BranchCreation
from tests.components.xata.scripted import BRANCH, ORGANIZATION, PROJECT, Service, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud_sandbox.xata.messages import RefusedError

BAD = (errors.InvalidError, "correct what the message names")
GONE = (errors.NotFoundError, "check the ids")
TAKEN = (errors.ConflictError, "take another name")
MEANT: dict[str, tuple[type[errors.ApiError], str]] = {
    "backup_not_found": GONE,
    "bad_description": BAD,
    "bad_project_name": BAD,
    "bad_token": (errors.UnauthorizedError, "unknown, expired or revoked"),
    "branch_changed": (errors.ConflictError, "at the same time"),
    "branch_exists": TAKEN,
    "branch_not_found": GONE,
    "branch_rate": (errors.LimitError, "7 new branches per hour"),
    "cluster_not_found": GONE,
    "creation_disabled": (errors.BusyError, "try again in a minute"),
    "denied": (errors.PermissionDeniedError, "the scope branch:read"),
    "internal": (errors.UnavailableError, "the request id"),
    "invalid": BAD,
    "new_organization_limit": (errors.LimitError, "limit of branches for a new organization"),
    "no_credentials": GONE,
    "no_route": (errors.NotOfferedError, "does not have the operation"),
    "no_token": (errors.UnauthorizedError, "unknown, expired or revoked"),
    "not_implemented": (errors.NotOfferedError, "does not have the operation"),
    "organization_branch_limit": (errors.LimitError, "maxBranchesPerOrg"),
    "organization_disabled": (errors.LimitError, "the organization is disabled"),
    "parent_unhealthy": (errors.InvalidError, "the parent branch is not healthy"),
    "project_branch_limit": (errors.LimitError, "maxBranchesPerProject"),
    "project_busy": (errors.BusyError, "another change of the project"),
    "project_exists": TAKEN,
    "project_limit": (errors.LimitError, "maxProjects"),
    "project_not_empty": (errors.InvalidError, "delete its branches first"),
    "project_not_found": GONE,
    "project_rate": (errors.LimitError, "7 new projects per hour"),
    "too_deep": (errors.LimitError, "7 generations"),
    "too_long": BAD,
    "too_many_children": (errors.LimitError, "7 children"),
    "update_forbidden": (errors.BusyError, "switched off for the moment"),
}
"""The stand-in's refusals by name: the error that each is here, and a part of what it says."""


def _made(name: str) -> RefusedError:
    make: Callable[..., RefusedError] = getattr(messages, name)
    values = {"int": 7, "int | None": 7}
    given = {
        one.name: values.get(str(one.annotation), "x")
        for one in inspect.signature(make).parameters.values()
        if one.default is inspect.Parameter.empty
    }
    return make(**given)


def _all() -> set[str]:
    made = inspect.getmembers(messages, inspect.isfunction)
    return {name for name, one in made if not name.startswith("_") and one.__annotations__["return"] == "RefusedError"}


def _told(found: RefusedError, text: str) -> errors.ApiError:
    headers = {"retry_after": found.retry_after} if found.retry_after else {}
    shown: Any = refusal(found.status, text if found.status < 500 else "Internal Error", **headers)
    with pytest.raises(errors.ApiError) as caught:
        Service(shown, shown).client(budget_seconds=0.0).branch(ORGANIZATION, PROJECT, BRANCH)
    return caught.value


def test_no_refusal_of_the_stand_in_is_left_out() -> None:
    """A refusal that is added there is given its meaning here."""
    assert set(MEANT) == _all()


@pytest.mark.parametrize("newest", [False, True])
@pytest.mark.parametrize("name", sorted(MEANT))
def test_a_refusal_means_the_same_in_the_words_of_every_edition(name: str, newest: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """Old and new words are the same error with the same advice, and are quoted."""
    made = _made(name)
    text = made.newest if newest else str(made)
    error = _told(made, text)
    assert (type(error), MEANT[name][1] in f"{error.message}; {error.next_step}") == (MEANT[name][0], True), error
    assert made.status >= 500 or f'"{text}"' in error.message


def test_every_row_with_words_is_needed() -> None:
    """No row of the table waits for words that no edition writes."""
    told = [(made.status, text) for made in map(_made, MEANT) for text in (str(made), made.newest)]
    told += [(400, str(messages.project_branch_limit("x", None))), (401, "no access to organization [x]")]
    for rule in rules.RULES:
        known = [text for status, text in told if status in rule.statuses]
        assert not rule.pattern or any(re.search(rule.pattern, text, re.IGNORECASE) for text in known), rule.pattern


def test_the_newest_words_differ() -> None:
    """The table above would prove nothing if both columns were the same."""
    differing = {name for name in MEANT if _made(name).newest != str(_made(name))}
    assert {"organization_disabled", "new_organization_limit", "cluster_not_found", "parent_unhealthy"} <= differing


def test_a_create_waits_for_a_busy_project() -> None:
    """What was turned away is sent again once the project is free; nobody sees the refusal."""
    busy = messages.project_busy(PROJECT)
    away = refusal(busy.status, str(busy), retry_after=busy.retry_after)
    service = Service(away, away, refusal(409, "branch [staging] already exists"))
    with pytest.raises(errors.ConflictError, match="take another name"):
        service.client().create_branch(ORGANIZATION, PROJECT, BranchCreation(name="staging", parent_id="main"))
    assert len(service.requests) == 3
    assert all(pause >= 1.0 for pause in service.slept)
