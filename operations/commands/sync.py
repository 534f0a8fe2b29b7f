"""./infra sync: a preview environment in line with its pull request, as GitHub says it is now."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from components.errors import NotFoundError
from components.github import events
from components.github.client import REPOSITORY_VARIABLE, connect, repository_in
from operations import changes, cli, console, reporting, stack_names
from operations.console import put_out, summarize
from operations.errors import CommandError, ExitCode, UsageError
from operations.previews.decisions import KEEP_LABEL, PullRequest, decide_step
from operations.wrangler import deploy, plan_deployment

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from components.github.client import Client
    from components.github.models import PullRequest as Told
    from operations.engines.interface import Change
    from operations.previews.decisions import Decision, State
    from pulumi_embedded.api import Output, Result


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "sync",
        text=(
            "Ask GitHub what a pull request is now, and make its environment follow: open, it is brought up with its\n"
            "app; closed, merged or gone, it is taken down and forgotten; from a fork, nothing is done. What an event\n"
            "says has happened does not count, only its number: events come late, twice and out of order. At the end\n"
            "it looks once more. Needs GITHUB_TOKEN (permission pull-requests: read) and GITHUB_REPOSITORY."
        ),
        examples=(
            "./infra sync pr-7",
            './infra sync --event "$GITHUB_EVENT_PATH" --yes',
            "./infra sync pr-7 --sandbox --yes --json",
        ),
        run=run,
    )
    parser.add_argument(
        "stack", metavar="STACK", nargs="?", type=_preview, help="the stack of the pull request: pr-<number>"
    )
    parser.add_argument("--event", metavar="FILE", type=Path, help="the event of a workflow's run, for its number")
    cli.add_engine(parser)
    cli.add_yes(parser)
    cli.add_json(parser)
    cli.add_config(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    if (arguments.stack is None) == (arguments.event is None):
        raise UsageError(
            "sync takes the stack of a pull request or --event, one of the two",
            next_step="./infra sync pr-7, or ./infra sync --event FILE",
        )
    synced = sync(arguments)
    console.say(sentence(synced.stack, synced.followed))
    code = synced.followed.code
    if code is ExitCode.CHANGES_REFUSED and not arguments.yes:
        console.say(f"  next: ./infra sync {synced.stack} --yes carries it out")
    elif code not in {ExitCode.SUCCESS, ExitCode.CHANGES_REFUSED}:
        console.say(f"  next: ./infra sync {synced.stack} looks again and goes on from there")
    if arguments.json:
        console.answer(as_answer(synced.stack, synced.repository, synced.followed))
    return code


def _preview(name: str) -> str:
    """The name of a pull request's stack, judged while the command line is read."""
    if stack_names.is_pull_request(stack_names.checked(name)):
        return name
    raise UsageError(
        f"{name} does not belong to a pull request; sync is for pr-<number>", next_step=f"./infra up {name}"
    )


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
    stack = arguments.stack or stack_of(arguments.event, repository)
    target = replace(changes.Target.from_arguments(arguments), stack=stack)
    environment = Preview(
        target=target,
        yes=arguments.yes,
        ask=reporting.asker("sync"),
        show=reporting.shower(verbose=arguments.verbose),
        deploy=lambda target: deploy(plan_deployment(target)),
    )
    asked = partial(read_pull_request, connect(environ), repository, int(stack.removeprefix("pr-")))
    followed = follow(asked, environment, console.say)
    tell_run(stack, followed, environ)
    return Synced(stack=stack, repository=repository, followed=followed)


def stack_of(file: Path, repository: str) -> str:
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


MOST_STEPS = 4
"""A pull request that is closed and opened again meanwhile is followed so often; its next event goes on from there."""
LAST_WORD = frozenset({ExitCode.CHANGES_REFUSED, ExitCode.INTERRUPTED})
"""How a step ends after which no other is taken: somebody said no."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """How one step ended.

    Attributes:
        code: What the exit code says about it.
        changes: What was changed: "create", "update", "replace", "delete" and "same", each to how many.
        address: Where the environment answers; empty where there is none.
    """

    code: ExitCode
    changes: Mapping[str, int]
    address: str = ""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step: what was decided and how it ended."""

    decision: Decision
    done: Done


@dataclass(frozen=True, kw_only=True)
class Followed:
    """What became of it.

    Attributes:
        decision: What the pull request asked for at the end.
        steps: What was done, in this order.
        fits: Whether what was done last is what the pull request asked for at the end.
    """

    decision: Decision
    steps: tuple[Step, ...]
    fits: bool

    @property
    def code(self) -> ExitCode:
        """What the exit code says: that of the last step, since it made up for those before."""
        if self.steps and self.steps[-1].done.code is not ExitCode.SUCCESS:
            return self.steps[-1].done.code
        return ExitCode.SUCCESS if self.fits else ExitCode.RESOURCE_FAILED


class Environment(Protocol):
    """What can be done with the environment."""

    def up(self) -> Done:
        """Bring it up, or in line with the code that is checked out."""

    def down(self) -> Done:
        """Take it down and forget it; where there is nothing, that is success."""


def follow(read: Callable[[], PullRequest], environment: Environment, say: Callable[[str], None]) -> Followed:
    """Look, do what that asks for, and look again: what happened meanwhile may have had no run of its own.

    Args:
        read: Asks what the pull request is now.
        environment: Its environment.
        say: Told what was decided and why, before it is done.
    """
    steps: list[Step] = []
    while True:
        decision = decide_step(read())
        verb = steps[-1].decision.verb if steps else ""
        if decision.verb in {"nothing", verb}:
            return Followed(decision=decision, steps=tuple(steps), fits=True)
        if len(steps) == MOST_STEPS:
            return Followed(decision=decision, steps=tuple(steps), fits=False)
        say(f"{decision.verb}: {decision.why}{' now' if steps else ''}")
        done = environment.up() if decision.verb == "up" else environment.down()
        steps.append(Step(decision=decision, done=done))
        if done.code in LAST_WORD:
            return Followed(decision=decision, steps=tuple(steps), fits=False)


UNCHECKED = {"infra:workerCheckMode": "off"}
"""Before its deployment the app of the last push answers, or none: a verdict on it would be about the wrong code."""


@dataclass(frozen=True, kw_only=True)
class Preview:
    """One environment.

    Attributes:
        target: Its stack, and how it is worked on.
        yes: Agreed to beforehand.
        ask: Asks whether a plan, which has been shown, is to be carried out; None where nobody is there to answer.
        show: Makes whoever shows the progress of one run.
        deploy: Deploys the app.
    """

    target: changes.Target
    yes: bool
    ask: Callable[[Result], bool] | None
    show: changes.ShowProgress
    deploy: Callable[[changes.Target], None]

    def up(self) -> Done:
        """Database and secret, then the app, then the check of both."""
        first = self._changed("up", replace(self.target, config={**self.target.config, **UNCHECKED}))
        if reporting.exit_code(first) is not ExitCode.SUCCESS or not _value(first.result.outputs, "workerName"):
            return self._told(first)
        try:
            self.deploy(self.target)
        except CommandError as error:
            console.say(f"error: {error}")
            return replace(self._told(first), code=error.exit_code)
        return self._told(first, self._changed("up", self.target, yes=True))

    def down(self) -> Done:
        """Everything, and what was recorded of it."""
        done = self._changed("destroy", self.target)
        if reporting.exit_code(done) is ExitCode.SUCCESS and not done.result.changes.delete:
            console.say(f"there was nothing of {self.target.stack} to take down")
        return self._told(done)

    def _told(self, *runs: changes.Done) -> Done:
        """What one or two runs came to: what both changed, what the first left alone, and how the last one ended."""
        first, *more = (asdict(run.result.changes) for run in runs)
        total = {name: count + sum(one[name] for one in more if name != "same") for name, count in first.items()}
        refused = runs[-1].refused
        if refused:
            # Without --yes the next step is a sync, which the command names.
            console.say(str(refused) if self.yes else refused.message)
        return Done(code=reporting.exit_code(runs[-1]), changes=total, address=_address(runs[-1].result.outputs))

    def _changed(self, kind: Change, target: changes.Target, *, yes: bool = False) -> changes.Done:
        return changes.change(kind, target, yes=self.yes or yes, ask=self.ask, show=self.show)


def _address(outputs: Mapping[str, Output]) -> str:
    """Where the Worker answers: its health URL without the path; empty for no Worker."""
    found = urlsplit(_value(outputs, "healthUrl"))
    return f"{found.scheme}://{found.netloc}" if found.netloc else ""


def _value(outputs: Mapping[str, Output], name: str) -> str:
    return str(outputs[name].value) if name in outputs else ""


def read_pull_request(client: Client, repository: str, number: int) -> PullRequest:
    """Ask for one pull request.

    GitHub says "not found" of what is not there and of what the token may not see. Only a token that reads the list of
    the same repository can tell the two apart; with another one nothing is decided.

    Raises:
        components.errors.ApiError: It cannot be asked, or the token may not see the repository.
    """
    try:
        return _in_our_words(client.pull_request(repository, number))
    except NotFoundError as error:
        try:
            listed = client.open_pull_requests(repository)
        except NotFoundError:
            raise error from None
    found = next((one for one in listed if one.number == number), None)
    return _in_our_words(found) if found else PullRequest(number=number, state="gone")


def _in_our_words(told: Told) -> PullRequest:
    state: State = "open" if told.is_open else "merged" if told.merged_at else "closed"
    kept = KEEP_LABEL if KEEP_LABEL in told.label_names else ""
    return PullRequest(number=told.number, state=state, is_from_fork=told.is_from_fork, keep_label=kept)


RESULTS = {ExitCode.SUCCESS: "succeeded", ExitCode.CHANGES_REFUSED: "refused", ExitCode.INTERRUPTED: "interrupted"}
STATES = {"up": "up", "down": "gone"}


def as_answer(stack: str, repository: str, followed: Followed) -> dict[str, Any]:
    """The answer for a program."""
    return {
        "stack": stack,
        "repository": repository,
        "environment": state_of(followed),
        "why": followed.decision.why,
        "address": address_of(followed),
        "steps": [_step(one) for one in followed.steps],
    }


def state_of(followed: Followed) -> str:
    """What the environment is now: up, gone or untouched; unknown where the last step did not end well."""
    last = followed.steps[-1] if followed.steps else None
    if last is None or (last.done.code is ExitCode.CHANGES_REFUSED and len(followed.steps) == 1):
        return "untouched"
    return STATES[last.decision.verb] if last.done.code is ExitCode.SUCCESS else "unknown"


def address_of(followed: Followed) -> str:
    """Where the environment answers; empty where it does not."""
    return followed.steps[-1].done.address if state_of(followed) == "up" else ""


def sentence(stack: str, followed: Followed) -> str:
    """How it ended, for a person."""
    told = {
        "up": f"the environment {stack} is up",
        "gone": f"there is no environment {stack}",
        "untouched": f"the environment {stack} was left as it is",
        "unknown": f"the environment {stack} is not what it should be, as the log says",
    }
    return f"{told[state_of(followed)]}: {followed.decision.why}"


def tell_run(stack: str, followed: Followed, environ: Mapping[str, str]) -> None:
    """Tell a workflow's run, where this is one: the summary of the job, and the outputs `address` and `environment`.

    None holds a word that came from the pull request.
    """
    address = address_of(followed)
    words = sentence(stack, followed)
    summarize(f"{words}.\n\n" + (f"<{address}>\n\n" if address else ""), environ)
    put_out("address", address, environ)
    put_out("environment", state_of(followed), environ)


def _step(step: Step) -> dict[str, Any]:
    return {
        "do": step.decision.verb,
        "why": step.decision.why,
        "result": RESULTS.get(step.done.code, "failed"),
        "changes": dict(step.done.changes),
    }
