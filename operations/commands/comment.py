"""./infra comment: the plan as a comment below a pull request."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from components.errors import AmbiguousError, NotFoundError, PermissionDeniedError
from operations import cli, console
from operations.errors import ExitCode, MachineError, UsageError
from operations.review import document, render
from operations.review.render import plain
from operations.workspace import PROJECT

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

    from components.github.client import Client
    from components.github.events import Event
    from components.github.models import Comment
    from operations.review.document import Reading

MOST_DIGITS = 9


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "comment",
        text=(
            "Turns documents of `preview --json` into one comment below a pull request: counts for each stack, what\n"
            "needs an eye first, why a preview failed, then what changes. A pull request has one such comment, which\n"
            "the next run changes. It is appended to the job's summary, too. Secrets are masked, and what stands in a\n"
            "plan cannot do anything in the comment. Needs GITHUB_TOKEN with pull-requests: write, and\n"
            "GITHUB_REPOSITORY; in a workflow's run the pull request is that of its event.\n"
            "A document that cannot be understood is told in the comment, and fails (exit code 2).\n"
            "With --schema it is what `schema diff --json` printed, in a comment of its own, which is written only\n"
            "where there is something to say."
        ),
        examples=(
            "./infra preview staging --json | ./infra comment --dry-run",
            "./infra comment staging.json production.json",
            "./infra comment staging=plan.json --pull-request 7",
            "./infra comment --schema schema.json --pull-request 7",
        ),
        run=run,
    )
    cli.add_previews(parser)
    parser.add_argument("--schema", metavar="FILE", type=Path, help="comment on this answer of schema diff --json")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--pull-request", metavar="N", type=_number, help="the pull request's number")
    which.add_argument("--event", metavar="FILE", type=Path, help="take it from this event file of a workflow's run")
    parser.add_argument("--dry-run", action="store_true", help="print the comment, and ask no service")
    cli.add_sandbox(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    if arguments.schema is not None and arguments.documents:
        raise UsageError("--schema and documents of previews are two comments", next_step="write one, then the other")
    return comment(
        arguments.schema or arguments.documents,
        number=arguments.pull_request,
        event=arguments.event,
        dry_run=arguments.dry_run,
        sandbox=arguments.sandbox,
    )


def _number(text: str) -> int:
    import argparse

    number = text.removeprefix("#")
    if not number.isascii() or not number.isdecimal() or not 0 < len(number) <= MOST_DIGITS or not int(number):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not the number of a pull request")
    return int(number)


EVENT_VARIABLE: Final = "GITHUB_EVENT_PATH"
SUMMARY_VARIABLE: Final = "GITHUB_STEP_SUMMARY"


@dataclass(frozen=True, kw_only=True)
class Text:
    """What is written.

    Attributes:
        body: The whole comment; its first line is the marker that it is found by.
        code: How the command ends.
        news: Whether it is worth a comment where there is none yet.
    """

    body: str
    code: ExitCode
    news: bool = True


def _of_plans(documents: Sequence[str], commit: str) -> Text:
    readings = document.read_documents(documents)
    return Text(body=render.render(readings, commit=commit), code=_code(readings))


def _of_schema(file: Path, commit: str) -> Text:
    from components.local.files import read_bytes
    from operations.schema import render as schema

    try:
        found = schema.read(read_bytes(file, document.MOST_BYTES), str(file))
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}", next_step="./infra schema diff STACK --json > FILE"
        ) from None
    news = bool(found.unread or found.changes)
    return Text(body=schema.markdown(found, commit=commit), code=ExitCode.SUCCESS, news=news)


def comment(
    documents: Sequence[str] | Path, *, number: int | None, event: Path | None, dry_run: bool, sandbox: bool = False
) -> ExitCode:
    """Comment on a pull request, or print what would be written.

    Args:
        documents: Where the previews are; or where the answer of `schema diff` is.
        number: The pull request; None to take it from an event.
        event: The event's file; None for the one that the environment names.
        dry_run: Print, and ask no service.
        sandbox: Whether the sandbox stands in for GitHub.

    Raises:
        UsageError: Nothing says which pull request.
        components.errors.ApiError: GitHub refuses, or cannot be reached.
    """
    environ = os.environ if dry_run and not sandbox else _environ(sandbox=sandbox)
    told = _event(event, environ) if number is None else None
    commit = told.pull_request.head.sha[:12] if told else ""
    text = _of_schema(documents, commit) if isinstance(documents, Path) else _of_plans(documents, commit)
    if dry_run:
        print(text.body, end="")
        return text.code
    if number is None and told is None:
        raise UsageError(
            "nothing says which pull request this is about",
            next_step="--pull-request N, or --event FILE; or --dry-run to print the comment",
        )
    _summarise(text.body, environ)
    _publish(text, number or (told.number if told else 0), told, environ)
    return text.code


def _environ(*, sandbox: bool) -> Mapping[str, str]:
    if not sandbox:
        return os.environ
    from operations.sandbox.lifecycle import require_process
    from operations.sandbox.place import Place, sandboxed

    place = Place(folder=PROJECT)
    return sandboxed(os.environ, place, require_process(place))


def _event(file: Path | None, environ: Mapping[str, str]) -> Event | None:
    """What the run is about. The environment's own event may be about something else than a pull request."""
    from components.errors import ConfigurationError
    from components.github.events import read

    if file is not None:
        return read(file)
    named = environ.get(EVENT_VARIABLE, "")
    try:
        return read(Path(named)) if named else None
    except ConfigurationError:
        return None


def _publish(text: Text, number: int, event: Event | None, environ: Mapping[str, str]) -> None:
    from components.github.client import (
        REPOSITORY_VARIABLE,
        connect,
        repository_in,
    )

    named = environ.get(REPOSITORY_VARIABLE, "").strip()
    repository = event.repository.full_name if event and not named else repository_in(environ)
    client = connect(environ)
    if event is not None and _is_overtaken(client, repository, event):
        console.say(f"#{number} has a newer commit, whose own run comments on it: nothing was written")
        return
    outcome, url = publish(client, repository, number, text.body, news=text.news)
    console.say(TOLD[outcome].format(number=number, url=plain(url)))


TOLD: Final = {
    "written": "the comment below #{number} was written: {url}",
    "changed": "the comment below #{number} was changed: {url}",
    "unchanged": "the comment below #{number} says this already: {url}",
    "needless": "there is nothing to say below #{number}, and no comment that says otherwise",
}


def _is_overtaken(client: Client, repository: str, event: Event) -> bool:
    """Whether somebody has pushed since: of two runs the slower one must not have the last word."""
    return client.pull_request(repository, event.number).head.sha != event.pull_request.head.sha


def _summarise(body: str, environ: Mapping[str, str]) -> None:
    """Append to the job's summary, which is kept even where the token may not write."""
    named = environ.get(SUMMARY_VARIABLE, "")
    if not named:
        return
    try:
        with Path(named).open("a", encoding="utf-8") as file:
            file.write(body.partition("\n\n")[2])
    except OSError as error:
        raise MachineError(f"the job's summary {named} cannot be written: {error.strerror}") from None


def _code(readings: Sequence[Reading]) -> ExitCode:
    unread = [reading for reading in readings if reading.document is None]
    for reading in unread:
        console.say(f"error: {plain(reading.source)}: {plain(reading.reason)}")
    return ExitCode.BAD_CONFIGURATION if unread else ExitCode.SUCCESS


Outcome = Literal["written", "changed", "unchanged", "needless"]

TRIES: Final = 3


def publish(client: Client, repository: str, number: int, body: str, *, news: bool = True) -> tuple[Outcome, str]:
    """Have exactly one comment of ours with this marker and text; what was done, and the comment's address.

    Without news none is written, and one that is there is changed. Comments of another marker are left alone: GitHub
    has no way to change a part of a comment that nobody else has changed meanwhile.

    Two runs at once may both find none and write one each: whoever writes looks again afterwards, and the oldest stays.

    Raises:
        ApiError: As its tree says.
    """
    found = partial(_ours, client, repository, number, body.partition("\n")[0], _author(client))
    for _ in range(TRIES):
        ours = found()
        if not ours and not news:
            return "needless", ""
        if not ours:
            created = _written(client, repository, number, body)
            ours = found()
            if created is not None and {one.id for one in ours} <= {created.id}:
                return "written", created.html_url  # a list may tell a comment a moment later
            if not ours:
                continue
        kept, *doubled = ours
        try:
            changed = kept if _same(kept, body) else client.update_comment(repository, kept.id, body)
        except NotFoundError:
            continue  # somebody has deleted it since
        for one in doubled:
            client.delete_comment(repository, one.id)
        return "unchanged" if changed is kept and not doubled else "changed", changed.html_url
    return "written", client.create_comment(repository, number, body).html_url


def _written(client: Client, repository: str, number: int, body: str) -> Comment | None:
    """Write it; None when no answer says whether it was: the list does."""
    try:
        return client.create_comment(repository, number, body)
    except AmbiguousError:
        return None


def _ours(
    client: Client, repository: str, number: int, marker: str, is_ours: Callable[[Comment], bool]
) -> list[Comment]:
    """Our comments with a marker over all pages, the oldest first."""
    return [one for one in client.comments(repository, number) if (one.body or "").startswith(marker) and is_ours(one)]


def _same(comment: Comment, body: str) -> bool:
    """Whether it says this already; GitHub keeps line ends in its own way, and none at the end."""
    return (comment.body or "").replace("\r\n", "\n").rstrip() == body.rstrip()


def _author(client: Client) -> Callable[[Comment], bool]:
    """Tells comments of ours from others'. A workflow's token has no user of its own: it writes as an app's bot."""
    try:
        login = client.user().login
    except PermissionDeniedError:
        return lambda comment: comment.user is not None and comment.user.type == "Bot"
    return lambda comment: comment.user is not None and comment.user.login == login
