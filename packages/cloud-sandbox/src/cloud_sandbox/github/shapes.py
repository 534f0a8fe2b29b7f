"""How pull requests and comments are told of.

Shapes: https://docs.github.com/rest/pulls/pulls and https://docs.github.com/rest/issues/comments.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from cloud_sandbox.github.world import moment

if TYPE_CHECKING:
    from cloud_sandbox.github.world import Comment, Pull

SITE = "https://github.localhost"
ACTIONS = {"id": 15368, "slug": "github-actions", "name": "GitHub Actions"}


def user(login: str, kind: str) -> dict[str, Any]:
    """An account."""
    return {
        "login": login,
        "id": _id(login),
        "node_id": f"U_{_id(login)}",
        "avatar_url": f"{SITE}/avatars/{_id(login)}",
        "html_url": f"{SITE}/{login}",
        "type": kind,
        "site_admin": False,
    }


def repository(name: str, base: str, *, fork: bool = False) -> dict[str, Any]:
    """A repository, by its owner/name."""
    owner, _, short = name.partition("/")
    return {
        "id": _id(name),
        "node_id": f"R_{_id(name)}",
        "name": short,
        "full_name": name,
        "private": True,
        "owner": user(owner, "Organization"),
        "html_url": f"{SITE}/{name}",
        "description": None,
        "fork": fork,
        "url": f"{base}/repos/{name}",
        "default_branch": "main",
    }


def pull(one: Pull, name: str, base: str) -> dict[str, Any]:
    """A pull request of the repository `name`; `base` is what addresses begin with."""
    url = f"{base}/repos/{name}"
    source = one.fork or name
    head = None if one.head_gone else repository(source, base, fork=bool(one.fork))
    return {
        "url": f"{url}/pulls/{one.number}",
        "id": _id(f"pull {one.number}"),
        "node_id": f"PR_{one.number}",
        "html_url": f"{SITE}/{name}/pull/{one.number}",
        "issue_url": f"{url}/issues/{one.number}",
        "comments_url": f"{url}/issues/{one.number}/comments",
        "number": one.number,
        "state": one.state,
        "locked": one.locked,
        "title": one.title,
        "user": user(one.login, "User"),
        "body": one.body,
        "labels": [_label(label, url) for label in one.labels],
        "created_at": moment(one.created),
        "updated_at": moment(one.updated),
        "closed_at": None if one.closed is None else moment(one.closed),
        "merged_at": moment(one.closed) if one.merged and one.closed is not None else None,
        "draft": one.draft,
        "head": _side(one.head, one.sha, source.partition("/")[0], head),
        "base": _side(one.base, "0" * 40, name.partition("/")[0], repository(name, base)),
    }


def comment(one: Comment, name: str, base: str) -> dict[str, Any]:
    """A comment below a pull request of the repository `name`."""
    url = f"{base}/repos/{name}"
    return {
        "url": f"{url}/issues/comments/{one.id}",
        "html_url": f"{SITE}/{name}/pull/{one.number}#issuecomment-{one.id}",
        "issue_url": f"{url}/issues/{one.number}",
        "id": one.id,
        "node_id": f"IC_{one.id}",
        "user": user(one.login, one.type),
        "created_at": moment(one.created),
        "updated_at": moment(one.updated),
        "body": one.body,
        "author_association": "NONE" if one.type == "Bot" else "MEMBER",
        "performed_via_github_app": ACTIONS if one.type == "Bot" else None,
    }


def _side(ref: str, sha: str, owner: str, repo: dict[str, Any] | None) -> dict[str, Any]:
    owned = None if repo is None else user(owner, "Organization")
    return {"label": f"{owner}:{ref}", "ref": ref, "sha": sha, "user": owned, "repo": repo}


def _label(name: str, url: str) -> dict[str, Any]:
    return {
        "id": _id(f"label {name}"),
        "node_id": f"LA_{_id(name)}",
        "url": f"{url}/labels/{name}",
        "name": name,
        "color": "ededed",
        "default": False,
        "description": None,
    }


def _id(text: str) -> int:
    """A number that is always the same for a text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
