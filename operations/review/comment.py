"""The work of `./infra comment`: read, render, print or publish."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from operations import console
from operations.errors import MachineError, UsageError
from operations.exit_codes import ExitCode
from operations.review import render, sources
from operations.review.markdown import plain
from operations.workspace import PROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from components.github.client import Client
    from components.github.events import Event
    from operations.review.document import Reading

EVENT_VARIABLE: Final = "GITHUB_EVENT_PATH"
SUMMARY_VARIABLE: Final = "GITHUB_STEP_SUMMARY"


def run(
    documents: Sequence[str], *, number: int | None, event: Path | None, dry_run: bool, sandbox: bool = False
) -> ExitCode:
    """Comment on a pull request, or print what would be written.

    Args:
        documents: Where the previews are.
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
    readings = sources.read(documents)
    body = render.render(readings, commit=told.pull_request.head.sha[:12] if told else "")
    if dry_run:
        print(body, end="")
        return _code(readings)
    if number is None and told is None:
        raise UsageError(
            "nothing says which pull request this is about",
            next_step="--pull-request N, or --event FILE; or --dry-run to print the comment",
        )
    _summarise(body, environ)
    _publish(body, number or (told.number if told else 0), told, environ)
    return _code(readings)


def _environ(*, sandbox: bool) -> Mapping[str, str]:
    if not sandbox:
        return os.environ
    from operations.sandbox.environment import sandboxed  # noqa: PLC0415 - only with --sandbox
    from operations.sandbox.lifecycle import require_process  # noqa: PLC0415 - as above
    from operations.sandbox.place import Place  # noqa: PLC0415 - as above

    place = Place(folder=PROJECT)
    return sandboxed(os.environ, place, require_process(place))


def _event(file: Path | None, environ: Mapping[str, str]) -> Event | None:
    """What the run is about. The environment's own event may be about something else than a pull request."""
    from components.errors import ConfigurationError  # noqa: PLC0415 - not for help and usage errors
    from components.github.events import read  # noqa: PLC0415 - as above

    if file is not None:
        return read(file)
    named = environ.get(EVENT_VARIABLE, "")
    try:
        return read(Path(named)) if named else None
    except ConfigurationError:
        return None


def _publish(body: str, number: int, event: Event | None, environ: Mapping[str, str]) -> None:
    from components.github.client import (  # noqa: PLC0415 - loads the HTTP client
        REPOSITORY_VARIABLE,
        connect,
        repository_in,
    )
    from operations.review.sticky import publish  # noqa: PLC0415 - as above

    named = environ.get(REPOSITORY_VARIABLE, "").strip()
    repository = event.repository.full_name if event and not named else repository_in(environ)
    client = connect(environ)
    if event is not None and _is_overtaken(client, repository, event):
        console.say(f"#{number} has a newer commit, whose own run comments on it: nothing was written")
        return
    outcome, url = publish(client, repository, number, body)
    console.say(
        f"the comment below #{number} was {outcome}: {plain(url)}"
        if outcome != "unchanged"
        else (f"the comment below #{number} says this already: {plain(url)}")
    )


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
            file.write(body.removeprefix(f"{render.MARKER}\n\n"))
    except OSError as error:
        raise MachineError(f"the job's summary {named} cannot be written: {error.strerror}") from None


def _code(readings: Sequence[Reading]) -> ExitCode:
    unread = [reading for reading in readings if reading.document is None]
    for reading in unread:
        console.say(f"error: {plain(reading.source)}: {plain(reading.fault)}")
    return ExitCode.BAD_CONFIGURATION if unread else ExitCode.SUCCESS
