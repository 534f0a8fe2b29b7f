"""Which paths exist, which permission each asks for, and what answers them."""

from __future__ import annotations

from collections.abc import Callable

from cloud_sandbox.github import operations
from cloud_sandbox.github.world import Answer, Call, World
from cloud_sandbox.xata.routes import Route

Operation = Callable[[World, Call], Answer]

REPOSITORY = "/repos/:owner/:name"
PULLS, ISSUES = f"{REPOSITORY}/pulls", f"{REPOSITORY}/issues"

TABLE: tuple[tuple[str, str, str, Operation], ...] = (
    ("GET", "/user", "", operations.user),
    ("GET", REPOSITORY, "", operations.repository),
    ("GET", PULLS, "pulls", operations.pull_requests),
    ("GET", f"{PULLS}/:number", "pulls", operations.pull_request),
    ("GET", f"{ISSUES}/:number/comments", "pulls issues", operations.comments),
    ("POST", f"{ISSUES}/:number/comments", "pulls issues", operations.create_comment),
    ("GET", f"{ISSUES}/comments/:comment", "pulls issues", operations.comment),
    ("PATCH", f"{ISSUES}/comments/:comment", "pulls issues", operations.update_comment),
    ("DELETE", f"{ISSUES}/comments/:comment", "pulls issues", operations.delete_comment),
)
"""Method, path, the permissions of which one is enough, and what answers."""

ROUTES = tuple(
    Route(method=method, path=path, scope=scope, name=f"{method} {path}") for method, path, scope, _ in TABLE
)
OPERATIONS = {f"{method} {path}": operation for method, path, _, operation in TABLE}
