"""Which paths exist, which permission each asks for, and what answers them. Called with the service's lock held.

Sources: https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api,
https://docs.github.com/rest/pulls/pulls, https://docs.github.com/rest/issues/comments,
https://docs.github.com/rest/users/users#get-the-authenticated-user.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from cloud_sandbox.github import errors, shapes
from cloud_sandbox.github.world import Call, World
from cloud_sandbox.wire import Reply, Route

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloud_sandbox.github.world import Comment


Operation = Callable[[World, Call], Reply]
SIZE, LARGEST = 30, 100
"""How many a page of a list has, and can have at most."""


def user(_: World, call: Call) -> Reply:
    """`GET /user`: an installation has none."""
    if call.token.kind == "installation":
        raise errors.not_accessible(call.token.kind)
    return Reply(body=shapes.user(call.token.login, call.token.type))


def repository(world: World, call: Call) -> Reply:
    """`GET /repos/{owner}/{repo}`."""
    return Reply(body=shapes.repository(world.settings.repository, call.base))


def pull_requests(world: World, call: Call) -> Reply:
    """`GET …/pulls`: by state (open unless told), the newest first unless told."""
    state = call.query.get("state", "open")
    found = [pull for pull in world.pulls.values() if state in {"all", pull.state}]
    found.sort(key=lambda pull: pull.number, reverse=call.query.get("direction", "desc") != "asc")
    return _page([shapes.pull(pull, world.settings.repository, call.base) for pull in found], call)


def pull_request(world: World, call: Call) -> Reply:
    """`GET …/pulls/{pull_number}`: more than a list tells."""
    pull = world.pull(call.values["number"])
    told = shapes.pull(pull, world.settings.repository, call.base)
    comments = sum(comment.number == pull.number for comment in world.comments.values())
    return Reply(body={**told, "merged": pull.merged, "mergeable": None, "comments": comments})


def comments(world: World, call: Call) -> Reply:
    """`GET …/issues/{issue_number}/comments`: by id, the lowest first."""
    number = world.pull(call.values["number"]).number
    found = sorted((one for one in world.comments.values() if one.number == number), key=lambda one: one.id)
    return _page([_told(one, world, call) for one in found], call)


def create_comment(world: World, call: Call) -> Reply:
    """`POST …/issues/{issue_number}/comments`."""
    pull, body = world.pull(call.values["number"]), _body(call)
    if pull.locked and call.token.kind == "installation":
        raise errors.locked()
    made = world.write(pull.number, body, login=call.token.login, kind=call.token.type)
    pull.updated = made.created
    told = _told(made, world, call)
    return Reply(status=201, body=told, headers={"Location": told["url"]})


def comment(world: World, call: Call) -> Reply:
    """`GET …/issues/comments/{comment_id}`."""
    return Reply(body=_told(world.comment(call.values["comment"]), world, call))


def update_comment(world: World, call: Call) -> Reply:
    """`PATCH …/issues/comments/{comment_id}`: whoever may write may also change what others wrote."""
    found = world.comment(call.values["comment"])
    found.body, found.updated = _body(call), world.clock()
    return Reply(body=_told(found, world, call))


def delete_comment(world: World, call: Call) -> Reply:
    """`DELETE …/issues/comments/{comment_id}`."""
    del world.comments[world.comment(call.values["comment"]).id]
    return Reply(status=204)


def _told(one: Comment, world: World, call: Call) -> dict[str, Any]:
    return shapes.comment(one, world.settings.repository, call.base)


def _body(call: Call) -> str:
    """The text of a comment.

    Raises:
        ApiError: 422: it is missing, blank, or too long.
    """
    told = call.body
    if "body" not in told:
        raise errors.missing("body")
    text = told["body"]
    if not isinstance(text, str):
        raise errors.not_a_text(json.dumps(text))
    if not text.strip():
        raise errors.blank()
    if len(text) > errors.TOO_LONG:
        raise errors.too_long()
    return text


def _page(items: Sequence[Any], call: Call) -> Reply:
    """The page of a list that was asked for, and the header `Link` to the others; beyond the last one is nothing."""
    size = min(_number(call.query.get("per_page"), SIZE), LARGEST)
    number = _number(call.query.get("page"), 1)
    last = max(1, -(-len(items) // size))
    links = {
        "prev": number - 1 if number > 1 else 0,
        "next": number + 1 if number < last else 0,
        "last": last if number < last else 0,
        "first": 1 if number > 1 else 0,
    }
    told = ", ".join(f'<{_url(call, page)}>; rel="{rel}"' for rel, page in links.items() if page)
    found = list(items[(number - 1) * size : number * size])
    return Reply(body=found, headers={"Link": told} if told else {})


def _url(call: Call, page: int) -> str:
    return f"{call.base}{call.request.path}?{urlencode({**call.query, 'page': str(page)})}"


def _number(text: str | None, default: int) -> int:
    """A number from the query; what is none, or below one, does not count."""
    return int(text) if text and text.isascii() and text.isdecimal() and int(text) else default


REPOSITORY = "/repos/:owner/:name"
PULLS, ISSUES = f"{REPOSITORY}/pulls", f"{REPOSITORY}/issues"

TABLE: tuple[tuple[str, str, str, Operation], ...] = (
    ("GET", "/user", "", user),
    ("GET", REPOSITORY, "", repository),
    ("GET", PULLS, "pulls", pull_requests),
    ("GET", f"{PULLS}/:number", "pulls", pull_request),
    ("GET", f"{ISSUES}/:number/comments", "pulls issues", comments),
    ("POST", f"{ISSUES}/:number/comments", "pulls issues", create_comment),
    ("GET", f"{ISSUES}/comments/:comment", "pulls issues", comment),
    ("PATCH", f"{ISSUES}/comments/:comment", "pulls issues", update_comment),
    ("DELETE", f"{ISSUES}/comments/:comment", "pulls issues", delete_comment),
)
"""Method, path, the permissions of which one is enough, and what answers."""

ROUTES = tuple(
    Route(method=method, path=path, scope=scope, operation=operation) for method, path, scope, operation in TABLE
)
