"""Answers that are no success: which error they are, what it says, and what it keeps to itself."""

from __future__ import annotations

import inspect
import re
import traceback
from typing import TYPE_CHECKING

import httpx
import pytest

from components.errors import ConfigurationError, InfraError
from components.http.exchange import REASONS, lost
from components.xata.api import errors, operations
from components.xata.api.bodies import BranchCreation, BranchPatch, ProjectCreation
from tests.components.xata.scripted import BRANCH, KEY, ORGANIZATION, PROJECT, Service, answer, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

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


def _raised(call: Callable[[Client], object], response: httpx.Response, *, takes: float = 0.0) -> errors.XataError:
    with pytest.raises(errors.XataError) as caught:
        call(Service(response, takes=takes).client(budget_seconds=2.0))
    return caught.value


@pytest.mark.parametrize(
    ("call", "status", "message", "error", "says"),
    [
        (_read, 401, "no token found", errors.KeyRefusedError, "XATA_API_KEY"),
        (_read, 401, "invalid token", errors.KeyRefusedError, "unknown, expired or revoked"),
        (_read, 401, "no access to organization [abc123]", errors.KeyRefusedError, "XATA_ORGANIZATION_ID"),
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
        (_read, 401, "session was revoked", errors.KeyRefusedError, "see what Xata says above"),
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
        (_read, 500, "Internal Error (Request ID: req_1)", errors.ServerError, "request id"),
        (_read, 503, "Service temporarily unavailable", errors.BusyError, "try again"),
        (_read, 418, "teapot", errors.InvalidError, "418"),
    ],
)
def test_a_refusal_says_what_happened_and_what_to_do(
    call: Callable[[Client], object], status: int, message: str, error: type[errors.XataError], says: str
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
    "operation", [each for each in vars(operations).values() if type(each) is operations.Operation]
)
def test_every_operation_can_be_told_of(operation: operations.Operation) -> None:
    """The table is whole: a method, a path below the organizations, a scope, words."""
    assert operation.method in {"GET", "POST", "PATCH", "DELETE"}
    assert operation.path.startswith("/organizations")
    assert re.fullmatch(r"[a-z]+:(read|write)", operation.scope)
    assert operation.act
    assert operation.writes == (operation.method in {"POST", "PATCH"})


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


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(302, headers={"location": "https://elsewhere.test/"}),
        httpx.Response(403, text="<html>forbidden by the proxy"),
        httpx.Response(400, text="not json"),
        answer(401, []),
        answer(404, {"message": 5}),
        answer(404, {"message": ""}),
        httpx.Response(404, content=b"[" * 100_000),
        httpx.Response(400, content=b"\xff\xfe"),
    ],
)
def test_a_strangers_refusal_is_not_taken_for_xatas(response: httpx.Response) -> None:
    """Without a message of Xata's the answer may be anybody's, and it is not quoted."""
    found = _raised(_read, response)
    assert type(found) is errors.MalformedAnswerError
    assert "html" not in found.message
    assert found.status == response.status_code


def test_redirects_are_not_followed() -> None:
    """The key goes to no other host."""
    service = Service(httpx.Response(307, headers={"location": "https://elsewhere.test/"}))
    with pytest.raises(errors.MalformedAnswerError, match="redirect is not followed"):
        _read(service.client())
    assert [request.url.host for request in service.requests] == ["xata.test"]


def _subclasses(kind: type[Exception]) -> set[type[Exception]]:
    return {kind} | {below for each in kind.__subclasses__() for below in _subclasses(each)}


FOREIGN = sorted(_subclasses(httpx.HTTPError) | {httpx.InvalidURL}, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", [kind for kind in FOREIGN if kind.__module__.startswith("httpx")])
def test_every_exception_of_httpx_becomes_one_of_ours(kind: type[Exception]) -> None:
    """All cross at one door, leave nothing of themselves behind, and say what a write has to know."""
    raised = kind.__new__(kind)
    Exception.__init__(raised, f"quoting {KEY}")
    unsent = lost(raised)
    with pytest.raises(errors.XataError) as caught:
        _create(Service(raised).client(budget_seconds=0.5))
    error = caught.value
    assert type(error) is (errors.AmbiguousError if unsent.sent else errors.UnreachableError)
    assert unsent.reason in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None
    assert KEY not in "".join(traceback.format_exception(error))


def test_what_was_never_sent_is_exactly_this() -> None:
    """A write may be repeated after these alone; whoever adds one has to prove it."""
    unsent = {kind.__name__ for kind in FOREIGN if kind in REASONS and not REASONS[kind].sent}
    assert unsent == {
        "ConnectError",
        "ConnectTimeout",
        "PoolTimeout",
        "ProxyError",
        "UnsupportedProtocol",
        "InvalidURL",
    }
    assert list(REASONS)[-1] is httpx.HTTPError


def test_an_untrusted_certificate_is_told_at_once() -> None:
    """Trying again does not make a certificate good."""
    service = Service(httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed"))
    with pytest.raises(errors.UnreachableError, match="certificate is not trusted") as caught:
        _read(service.client())
    assert "SSL_CERT_FILE" in caught.value.next_step
    assert len(service.requests) == 1


def test_an_unreachable_service_is_told_with_its_attempts() -> None:
    """Who is offline reads what was tried, and where to look."""
    found = _raised_by(httpx.ConnectError("x"))
    assert isinstance(found, errors.UnreachableError)
    assert "no connection came about" in found.message
    assert "attempts" in found.message
    assert "XATA_API_BASE_URL" in found.next_step
    assert found.status is None


def _raised_by(trouble: Exception) -> errors.XataError:
    with pytest.raises(errors.XataError) as caught:
        _read(Service(trouble).client())
    return caught.value


@pytest.mark.parametrize(
    "leak",
    [
        "postgresql://xata:hunter2secret@b1.us-east-1.xata.tech/xata",
        f"Authorization: Bearer {KEY}",
        f"token {KEY} unknown",
        "password=hunter2secret",
    ],
)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 500])
def test_what_the_server_quotes_is_masked(leak: str, status: int) -> None:
    """A server that answers with a secret does not make the error one."""
    found = _raised(_read, refusal(status, f"cannot do it with {leak}", x_request_id=f"req {KEY}"))
    for text in (str(found), repr(found), found.server_message, found.request_id, repr(vars(found))):
        assert "hunter2secret" not in text
        assert KEY not in text
    assert "cannot do it with" in found.server_message


def _classes() -> list[type[errors.XataError]]:
    kinds = inspect.getmembers(errors, inspect.isclass)
    return [kind for _, kind in kinds if issubclass(kind, errors.XataError)]


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """The picture shows every class below its parent, and none that is not there."""
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        node = re.match(r"^((?:│   |    )*)(?:[├└]── )?(\w+Error) ", line)
        if node:
            depth = 0 if "─" not in line else len(node[1]) // 4 + 1
            path[depth:] = [node[2]]
            drawn[node[2]] = path[depth - 1] if depth else "ApiError"
    assert drawn == {kind.__name__: _parent(kind) for kind in _classes()}


def _parent(kind: type[errors.XataError]) -> str:
    return kind.__bases__[0].__name__


@pytest.mark.parametrize("kind", _classes())
def test_every_error_is_one_of_the_projects(kind: type[errors.XataError]) -> None:
    """Commands catch InfraError; what was found before any call is a ConfigurationError too."""
    assert issubclass(kind, InfraError)
    assert issubclass(kind, ConfigurationError) == issubclass(kind, errors.InputError)
    assert (kind.__doc__ or "").strip()
