"""What each route does. Called with the service's lock held.

Sources: https://docs.github.com/rest/pulls/pulls, https://docs.github.com/rest/issues/comments,
https://docs.github.com/rest/users/users#get-the-authenticated-user.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloud_sandbox.github import errors, pages, shapes
from cloud_sandbox.github.world import Answer

if TYPE_CHECKING:
    from cloud_sandbox.github.models import Comment
    from cloud_sandbox.github.world import Call, World


def user(_: World, call: Call) -> Answer:
    """`GET /user`: an installation has none."""
    if call.token.kind == "installation":
        raise errors.not_accessible(call.token.kind)
    return Answer(body=shapes.user(call.token.login, call.token.type))


def repository(world: World, call: Call) -> Answer:
    """`GET /repos/{owner}/{repo}`."""
    return Answer(body=shapes.repository(world.settings.repository, call.base))


def pull_requests(world: World, call: Call) -> Answer:
    """`GET …/pulls`: by state (open unless told), the newest first unless told."""
    state = call.query.get("state", "open")
    found = [pull for pull in world.pulls.values() if state in {"all", pull.state}]
    found.sort(key=lambda pull: pull.number, reverse=call.query.get("direction", "desc") != "asc")
    return pages.answer([shapes.pull(pull, world.settings.repository, call.base) for pull in found], call)


def pull_request(world: World, call: Call) -> Answer:
    """`GET …/pulls/{pull_number}`: more than a list tells."""
    pull = world.pull(call.values["number"])
    told = shapes.pull(pull, world.settings.repository, call.base)
    comments = sum(comment.number == pull.number for comment in world.comments.values())
    return Answer(body={**told, "merged": pull.merged, "mergeable": None, "comments": comments})


def comments(world: World, call: Call) -> Answer:
    """`GET …/issues/{issue_number}/comments`: by id, the lowest first."""
    number = world.pull(call.values["number"]).number
    found = sorted((one for one in world.comments.values() if one.number == number), key=lambda one: one.id)
    return pages.answer([_told(one, world, call) for one in found], call)


def create_comment(world: World, call: Call) -> Answer:
    """`POST …/issues/{issue_number}/comments`."""
    pull, body = world.pull(call.values["number"]), _body(call)
    if pull.locked and call.token.kind == "installation":
        raise errors.locked()
    made = world.write(pull.number, body, login=call.token.login, kind=call.token.type)
    pull.updated = made.created
    told = _told(made, world, call)
    return Answer(status=201, body=told, headers={"Location": told["url"]})


def comment(world: World, call: Call) -> Answer:
    """`GET …/issues/comments/{comment_id}`."""
    return Answer(body=_told(world.comment(call.values["comment"]), world, call))


def update_comment(world: World, call: Call) -> Answer:
    """`PATCH …/issues/comments/{comment_id}`: whoever may write may also change what others wrote."""
    found = world.comment(call.values["comment"])
    found.body, found.updated = _body(call), world.clock()
    return Answer(body=_told(found, world, call))


def delete_comment(world: World, call: Call) -> Answer:
    """`DELETE …/issues/comments/{comment_id}`."""
    del world.comments[world.comment(call.values["comment"]).id]
    return Answer(status=204)


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
