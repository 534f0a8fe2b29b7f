"""One sync, put together: which pull request, who is asked, what is done, and where it is told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from components.github import events
from components.github.client import REPOSITORY_VARIABLE, connect, repository_in
from operations import changes, console, reporting, stack_names
from operations.errors import UsageError
from operations.sync import telling
from operations.sync.environment import Preview
from operations.sync.following import follow
from operations.sync.github import look
from operations.wrangler_deploy import deploy, planned

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from operations.sync.following import Followed


@dataclass(frozen=True, kw_only=True)
class Synced:
    """What became of a sync.

    Attributes:
        stack: The stack of the pull request.
        repository: Its repository, as owner/name.
        followed: What was done.
    """

    stack: str
    repository: str
    followed: Followed


def sync(arguments: argparse.Namespace) -> Synced:
    """Bring an environment in line with its pull request, as a command line says.

    Raises:
        UsageError: The event is another repository's.
        components.errors.InfraError: GitHub cannot be asked, so nothing is decided; or nothing could be begun.
    """
    environ = changes.Target.from_arguments(arguments).environ()
    repository = repository_in(environ)
    stack = arguments.stack or _stack_of(arguments.event, repository)
    target = replace(changes.Target.from_arguments(arguments), stack=stack)
    environment = Preview(
        target=target,
        yes=arguments.yes,
        ask=reporting.asker("sync"),
        show=reporting.shower(verbose=arguments.verbose),
        deploy=lambda target: deploy(planned(target)),
    )
    asked = partial(look, connect(environ), repository, int(stack.removeprefix("pr-")))
    followed = follow(asked, environment, console.say)
    telling.tell_run(stack, followed, environ)
    return Synced(stack=stack, repository=repository, followed=followed)


def _stack_of(file: Path, repository: str) -> str:
    """The stack of the pull request that an event is about; what else the event says does not count.

    Raises:
        UsageError: It is another repository's: its numbers are those of other pull requests.
    """
    event = events.read(file)
    if event.repository.full_name.lower() != repository.lower():
        raise UsageError(
            f"the event file {file} is not about the repository {repository}, which {REPOSITORY_VARIABLE} names",
            next_step="./infra sync pr-<number> names the pull request without an event",
        )
    return stack_names.checked(f"pr-{event.number}")
