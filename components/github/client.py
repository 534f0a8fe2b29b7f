"""The client of GitHub's REST API: one method per operation that is used, typed in and out.

Sources: https://docs.github.com/rest/pulls/pulls, https://docs.github.com/rest/issues/comments,
https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api and
https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api. Comments below a pull request are those of
the issue with its number.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

from components.errors import BusyError, InputError, NotFoundError, PermissionDeniedError
from components.github import models
from components.http import client
from components.http.address import is_below
from components.http.client import READ_SECONDS, malformed
from components.http.service import EVERY, Content, Operation, Rule, Service

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TOKEN_VARIABLE: Final = "GITHUB_TOKEN"  # noqa: S105 - the name of a variable
REPOSITORY_VARIABLE: Final = "GITHUB_REPOSITORY"
PAGE: Final = "100"
"""The longest pages there are."""
MOST_PAGES: Final = 1000
LONGEST_BODY: Final = 65_536
"""Characters of a comment, as GitHub's refusal of a longer one says."""
SECONDARY_SECONDS: Final = 60.0
"""What GitHub asks for when it names no time: "wait for at least one minute"."""

T = TypeVar("T")

_NEXT = re.compile(r'<([^>]*)>\s*;[^,<]*\brel="?next"?')
"""Where the next page of a list is, in a header `Link` (RFC 8288)."""
_REPOSITORY = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]{0,99})/([A-Za-z0-9._-]{1,100})")


def _limited(**where: Any) -> Rule:
    """A rate limit comes before everything else, so nothing was done; a 403 may as well be a lack of permission."""
    says, next_step = "too many calls with this token", "wait an hour at most, and do less at the same time"
    return Rule(error=BusyError, says=says, next_step=next_step, again=EVERY, **where)


RULES: Final = (
    _limited(statuses={429}),
    _limited(statuses={403}, timed=True),
    _limited(statuses={403}, header=("x-ratelimit-remaining", "0")),
    _limited(statuses={403}, pattern="rate limit|abuse detection|temporarily blocked"),
    Rule(
        statuses={403},
        error=PermissionDeniedError,
        says="the token may not do this",
        next_step="give the token the permission {permission} (in a workflow: below `permissions`; pull requests of "
        "forks never get more than reading)",
    ),
    Rule(
        statuses={404, 410},
        error=NotFoundError,
        says="it is not there, or the token may not see it",
        next_step="check GITHUB_REPOSITORY and the number, and that the token reaches the repository with the "
        "permission {permission}",
    ),
)

GITHUB: Final = Service(
    name="GitHub",
    default_url="https://api.github.com",
    url_variables=("GITHUB_API_URL",),
    key_variable=TOKEN_VARIABLE,
    noun="token",
    how_to_get_key=f"in a workflow, give the step {TOKEN_VARIABLE}: ${{{{ github.token }}}}; elsewhere a token with "
    "the permission pull-requests",
    status_page="https://www.githubstatus.com",
    rules=RULES,
    headers={"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
    id_header="x-github-request-id",
    waited_for=frozenset({"POST", "PATCH"}),
    write_seconds=READ_SECONDS,  # GitHub ends a request of its own after ten seconds
    limit_seconds=SECONDARY_SECONDS,
)


def _operation(act: str, method: str, path: str) -> Operation:
    """One operation; a comment that is set to the same text twice is what it is after once."""
    permission = f"pull-requests: {'read' if method == 'GET' else 'write'}"
    return Operation(act=act, method=method, path=path, permission=permission, repeatable=method != "POST")


REPOSITORY: Final = "/repos/{owner}/{name}"
PULLS: Final = f"{REPOSITORY}/pulls"
COMMENTS: Final = f"{REPOSITORY}/issues/{{number}}/comments"
COMMENT: Final = f"{REPOSITORY}/issues/comments/{{comment}}"

READ_USER: Final = _operation("read whose token it is", "GET", "/user")
READ_PULL_REQUEST: Final = _operation("read the pull request", "GET", f"{PULLS}/{{number}}")
LIST_PULL_REQUESTS: Final = _operation("list the pull requests", "GET", PULLS)
LIST_COMMENTS: Final = _operation("list the comments", "GET", COMMENTS)
CREATE_COMMENT: Final = _operation("write the comment", "POST", COMMENTS)
UPDATE_COMMENT: Final = _operation("change the comment", "PATCH", COMMENT)
DELETE_COMMENT: Final = _operation("delete the comment", "DELETE", COMMENT)


class Client(client.Client):
    """GitHub's REST API. All but the writing of a comment is made again while the budget lasts."""

    SERVICE = GITHUB

    def user(self) -> models.User:
        """Whose token it is. PermissionDeniedError for an app's token, such as that of a workflow: it has no user."""
        return self._read(models.User, READ_USER)

    def pull_request(self, repository: str, number: int) -> models.PullRequest:
        """One pull request of a repository (owner/name), open or not."""
        return self._read(models.PullRequest, READ_PULL_REQUEST, *_parts(repository), str(number))

    def open_pull_requests(self, repository: str) -> list[models.PullRequest]:
        """All pull requests that are open, by number; one that moves between pages meanwhile is told once."""
        query = {"state": "open", "sort": "created", "direction": "asc", "per_page": PAGE}
        pages = self._pages(list[models.PullRequest], LIST_PULL_REQUESTS, *_parts(repository), query=query)
        found = {one.number: one for page in pages for one in page}
        return [found[number] for number in sorted(found)]

    def comments(self, repository: str, number: int) -> list[models.Comment]:
        """All comments below a pull request, the oldest first."""
        segments = (*_parts(repository), str(number))
        pages = self._pages(list[models.Comment], LIST_COMMENTS, *segments, query={"per_page": PAGE})
        found = {one.id: one for page in pages for one in page}
        return [found[comment] for comment in sorted(found)]

    def create_comment(self, repository: str, number: int, body: str) -> models.Comment:
        """Write a comment. AmbiguousError when no usable answer came: read the comments before it is written again."""
        content = Content(body={"body": body})
        return self._read(models.Comment, CREATE_COMMENT, *_parts(repository), str(number), content=content)

    def update_comment(self, repository: str, comment: int, body: str) -> models.Comment:
        """Set the text of a comment."""
        content = Content(body={"body": body})
        return self._read(models.Comment, UPDATE_COMMENT, *_parts(repository), str(comment), content=content)

    def delete_comment(self, repository: str, comment: int) -> bool:
        """Delete a comment; False when it was gone."""
        return self._delete(DELETE_COMMENT, *_parts(repository), str(comment))

    def _pages(self, kind: type[T], operation: Operation, *segments: str, query: Mapping[str, str]) -> Iterator[T]:
        """The pages of a list, one call each, as far as the caller reads. Each tells where the next one is.

        A list that leads to another server, or in a circle, is malformed: the token goes to the API alone.

        Raises:
            ApiError: As its tree says.
        """
        content, url, seen = Content(query=query), "", set[str]()
        while True:
            call, answer = self._call(operation, *segments, content=content, url=url)
            yield self._parsed(kind, call, answer)
            found = _NEXT.search(answer.headers.get("link", ""))
            content, url = Content(), found[1] if found else ""
            if not url:
                return
            if not is_below(url, self.base_url):
                raise malformed(call, answer, "the next page of the list is not below the API's address")
            if url in seen or len(seen) >= MOST_PAGES:
                raise malformed(call, answer, "the pages of the list lead in a circle")
            seen.add(url)


connect, disconnect = Client.connect, Client.disconnect


def repository_in(environment: Mapping[str, str]) -> str:
    """The repository that an environment names, as owner/name.

    Raises:
        InputError: It names none.
    """
    name = environment.get(REPOSITORY_VARIABLE, "").strip()
    _parts(name)
    return name


def _parts(repository: str) -> tuple[str, str]:
    """Owner and name of a repository, as segments of a path.

    Raises:
        InputError: It is not owner/name.
    """
    found = _REPOSITORY.fullmatch(repository)
    if found is None or found[2] in {".", ".."}:
        told = f"{repository[:80]!r} is not the name of a repository" if repository else "no repository is named"
        raise InputError(
            f"{told}; nothing was sent", next_step=f"give it as owner/name, for example in {REPOSITORY_VARIABLE}"
        )
    return found[1], found[2]
