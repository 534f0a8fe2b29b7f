"""Answers that are no success: which error they are, what it says, and what it keeps to itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from components import errors
from components.xata.api.models import BranchCreation, BranchPatch, ProjectCreation
from tests.components.xata.scripted import BRANCH, ORGANIZATION, PROJECT, Service, answer, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from components.xata.api.client import Client

PLACE = (ORGANIZATION, PROJECT)
CHILD = BranchCreation(name="staging", parent_id="main")


def _read(client: Client) -> object:
    return client.branch(*PLACE, BRANCH)


def _create(client: Client) -> object:
    return client.create_branch(*PLACE, CHILD)


def _create_project(client: Client) -> object:
    return client.create_project(ORGANIZATION, ProjectCreation(name="p"))


def _change(client: Client) -> object:
    return client.update_branch(*PLACE, BRANCH, BranchPatch(replicas=1))


def _delete_project(client: Client) -> object:
    return client.delete_project(*PLACE)


def _raised(call: Callable[[Client], object], response: httpx.Response, *, takes: float = 0.0) -> errors.ApiError:
    with pytest.raises(errors.ApiError) as caught:
        call(Service(response, takes=takes).client(budget_seconds=2.0))
    return caught.value


@pytest.mark.parametrize(
    ("call", "status", "message", "error", "says"),
    [
        (_read, 401, "no token found", errors.UnauthorizedError, "XATA_API_KEY"),
        (_read, 401, "invalid token", errors.UnauthorizedError, "unknown, expired or revoked"),
        (_read, 401, "no access to organization [abc123]", errors.UnauthorizedError, "XATA_ORGANIZATION_ID"),
        (_read, 403, "access denied", errors.PermissionDeniedError, "the scope branch:read"),
        (_create, 403, "access denied", errors.PermissionDeniedError, "reach all branches"),
        (_create_project, 403, "access denied", errors.PermissionDeniedError, "reach all projects"),
        (_change, 403, "access denied", errors.PermissionDeniedError, "reach this branch"),
        (_change, 403, "Branch [b1] update is temporarily unavailable", errors.BusyError, "for the moment"),
        (
            _create,
            403,
            "Organization [abc123] is disabled, please check your billing settings or contact support",
            errors.LimitError,
            "the organization is disabled",
        ),
        (
            _create,
            403,
            "organization [abc123] has reached the limit of 1000 branches",
            errors.LimitError,
            "1000 branches in all projects is reached (maxBranchesPerOrg)",
        ),
        (
            _create_project,
            403,
            "organization [abc123] has reached the limit of 100 projects",
            errors.LimitError,
            "100 projects is reached (maxProjects)",
        ),
        (
            _create,
            403,
            "Organization [abc123] has reached the branch limit for new organizations",
            errors.LimitError,
            "a new organization",
        ),
        (
            _create,
            429,
            "organization [abc123] has reached the limit of 50 branch creations per hour",
            errors.LimitError,
            "50 new branches per hour is reached (maxBranchesPerHour)",
        ),
        (
            _create_project,
            429,
            "organization [abc123] has reached the limit of 20 project creations per hour",
            errors.LimitError,
            "20 new projects per hour is reached (maxProjectsPerHour)",
        ),
        (
            _create,
            400,
            "project [prj_1] has reached the limit of 100 branches",
            errors.LimitError,
            "100 branches is reached (maxBranchesPerProject)",
        ),
        (_create, 400, "project [prj_1] has too many branches", errors.LimitError, "limit of branches is reached"),
        (
            _create,
            400,
            "BranchID [b]: a child branch would exceed the maximum depth of the branch tree (50). Please, remove",
            errors.LimitError,
            "50 generations",
        ),
        (
            _create,
            400,
            "BranchID [b]: a child branch would exceed the maximum children allowed (100). Please, remove",
            errors.LimitError,
            "100 children",
        ),
        (_create, 400, "Branch [n]: invalid parameter [name]: branch name is required", errors.InvalidError, "[name]"),
        (_create, 409, "branch [staging] already exists", errors.ConflictError, "take another name, or adopt"),
        (_create, 412, "Branch quota is being audited", errors.InvalidError, "correct what the message names"),
        (_create, 403, "Branch quota is being audited", errors.PermissionDeniedError, "see what Xata says above"),
        (_read, 401, "session was revoked", errors.UnauthorizedError, "see what Xata says above"),
        (_create, 409, "Branch quota is being audited", errors.ConflictError, "see what Xata says above"),
        (_create, 415, "Unsupported Media Type", errors.InvalidError, "415"),
        (_create, 501, "Internal Error (Request ID: req_1)", errors.NotOfferedError, "does not have the operation"),
        (_delete_project, 400, "project prj_1 is not empty. Please delete", errors.InvalidError, "delete its branches"),
        (_read, 404, "branch [b1] not found", errors.NotFoundError, "check the ids"),
        (_read, 404, "Not Found", errors.NotOfferedError, "XATA_API_BASE_URL"),
        (_read, 404, "no Route matched with those values", errors.MalformedAnswerError, "proxies"),
        (_read, 423, "locked", errors.BusyError, "try again"),
        (_read, 429, "", errors.BusyError, "try again"),
        (_read, 408, "", errors.BusyError, "try again"),
        (_read, 500, "Internal Error (Request ID: req_1)", errors.UnavailableError, "request id"),
        (_read, 503, "Service temporarily unavailable", errors.BusyError, "try again"),
        (_read, 418, "teapot", errors.InvalidError, "418"),
    ],
)
def test_a_refusal_says_what_happened_and_what_to_do(
    call: Callable[[Client], object], status: int, message: str, error: type[errors.ApiError], says: str
) -> None:
    """Status, message, request id, operation and next step are in the text, and in attributes for programs."""
    found = _raised(call, refusal(status, message, x_request_id="req_42"))
    assert type(found) is error
    text = str(found)
    assert says in text
    assert f"Xata answered {status}" in text
    assert message in text
    assert "request req_42" in text
    assert "next: " in text
    assert ORGANIZATION in text
    assert (found.status, found.request_id, found.server_message) == (status, "req_42", message)


@pytest.mark.parametrize(
    "message",
    [
        "Branch [organization [x] has reached the limit of 5 branches]: invalid parameter [name]: no",
        "image [organization [x] is disabled] is not available",
    ],
)
def test_a_name_that_reads_like_a_limit_is_none(message: str) -> None:
    """Names are quoted in messages; only how the message begins says what it is."""
    assert type(_raised(_create, refusal(400, message))) is errors.InvalidError


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({"x_request_id": "req_1"}, {"message": "m", "id": "req_2"}, "req_1"),
        ({}, {"message": "m", "id": "req_2"}, "req_2"),
        ({"x_request_id": "r" * 39 + "-" + "q" * 300}, {"message": "m"}, "r" * 39 + "-***"),
        ({"x_request_id": "one\ttwo"}, {"message": "m"}, "one two"),
        ({}, {"message": "m", "id": 7}, None),
    ],
)
def test_the_request_id_is_the_servers_or_ours(
    headers: dict[str, str], body: dict[str, object], expected: str | None
) -> None:
    """Support finds the call by what the server tells, or by what was sent; neither can break a terminal."""
    service = Service(answer(400, body, **headers))
    with pytest.raises(errors.InvalidError) as caught:
        _read(service.client())
    sent = service.requests[0].headers["X-Request-Id"]
    assert caught.value.request_id == (sent if expected is None else expected)
    assert re.fullmatch(r"infra-[0-9a-f]{32}", sent)
