"""./infra sweep: remove what closed or forgotten pull requests have left."""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from components.errors import ApiError, InfraError, NotFoundError
from components.github import client as github
from components.lazy import Lazy
from components.worker import draft
from components.worker.api import client as workers
from components.worker.names import Target as Worker
from components.worker.wrangler.file import locate
from components.xata.api import client as xata
from components.xata.branches.names import is_preview
from components.xata.branches.place import Place, find_project
from components.xata.branches.remove import delete_judged
from operations import changes, cli, console
from operations.engines.choice import choose, known_stacks
from operations.engines.interface import EngineOptions, Kept
from operations.engines.recorded import holders
from operations.errors import CommandError, ExitCode, ResourceFailedError, StateLockedError
from operations.previews import files
from operations.previews.decisions import KEEP_LABEL, Branch, Pull, Reason, Seen, Verdict, decide_sweep, number_of
from operations.previews.files import after_destroy, forget, remove_file
from operations.workspace import Workspace, backend_url, known_passphrase
from pulumi_embedded.errors import EngineError, HeldError, LockedError
from stacks import worker_plan
from stacks.config import read, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from components.worker import preview
    from components.xata.api.models import BranchSummary
    from operations.engines.interface import Engine
    from stacks import cloud
    from stacks.settings import PreviewSettings
else:
    preview = Lazy("components.worker.preview")
    cloud = Lazy("stacks.cloud")


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "sweep",
        text=(
            "List the previews of the project with what is to become of each, and why. Nothing is removed without\n"
            "--yes. A preview goes when its branch has our name (pr-<number>) and our mark, and its pull request is\n"
            "closed or the last day of its life is over; then its Worker and its stack's state. It works from the\n"
            "lists of Xata and GitHub, so what has no state is found, too."
        ),
        examples=("./infra sweep", "./infra sweep --yes", "./infra sweep --json --keep-label demo"),
        run=run,
    )
    parser.add_argument("--yes", action="store_true", help="remove what goes; without it, it is only listed")
    parser.add_argument(
        "--keep-label",
        metavar="LABEL",
        default=KEEP_LABEL,
        help=f"a pull request with this label keeps its preview (default: {KEEP_LABEL})",
    )
    parser.add_argument(
        "--without-github",
        action="store_true",
        help="do not ask GitHub: only what has outlived its life goes, and no label keeps it",
    )
    cli.add_engine(parser)
    cli.add_json(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    target = changes.Target.from_arguments(argparse.Namespace(**vars(arguments), stack=""))
    here = scene_of(target.folder, target.environ())
    seen = read_previews(here, keep_label=arguments.keep_label, without_github=arguments.without_github)
    done: Sequence[Removed] = ()
    if arguments.yes:
        done = carry_out(here, seen.verdicts, target_of=lambda stack: replace(target, stack=stack), say=console.say)
    if arguments.json:
        console.answer(as_answer(seen, done, carried_out=arguments.yes))
    else:
        print("\n".join(table(seen.verdicts)))
    _say(seen, done, arguments)
    return ExitCode.RESOURCE_FAILED if seen.unread or failed(done) else ExitCode.SUCCESS


def as_answer(seen: Previews, done: Sequence[Removed], *, carried_out: bool) -> dict[str, Any]:
    """The answer for a program."""
    return {
        "carriedOut": carried_out,
        "goes": [_entry(one) for one in seen.verdicts if one.goes],
        "stays": [_entry(one) for one in seen.verdicts if not one.goes],
        "others": seen.others,
        "removed": [{"name": one.verdict.name, "gone": list(one.gone), "error": one.error} for one in done],
        "faults": list(seen.unread),
    }


def table(verdicts: Sequence[Verdict]) -> Iterable[str]:
    """What becomes of each preview: what goes first."""
    if not verdicts:
        return ["no preview is there"]
    rows = [("goes" if one.goes else "stays", _parts(one), _shown(one.name), one.detail) for one in verdicts]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return [
        "  ".join([*(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows
    ]


def _say(seen: Previews, done: Sequence[Removed], arguments: argparse.Namespace) -> None:
    """Say what is to be known besides the table, and what is to be done next."""
    going = sum(one.goes for one in seen.verdicts)
    staying = len(seen.verdicts) - going
    for why in seen.unread:
        console.say(f"error: {why}")
    console.say(f"{going} to go, {staying} to stay; {seen.others} branches are no previews")
    for one in done:
        if one.error and one.next_step:
            console.say(f"  next for {one.verdict.name}: {one.next_step}")
    if going and not arguments.yes:
        console.say("  next: ./infra sweep --yes removes what goes")


def _entry(verdict: Verdict) -> dict[str, Any]:
    return {
        "name": verdict.name,
        "reason": str(verdict.reason),
        "detail": verdict.detail,
        "branch": verdict.branch.id if verdict.branch else None,
        "worker": verdict.worker or None,
        "state": verdict.state,
    }


def _parts(verdict: Verdict) -> str:
    there = (("branch", verdict.branch), ("Worker", verdict.worker), ("state", verdict.state))
    return ", ".join(name for name, part in there if part)


def _shown(name: str) -> str:
    """A name as a terminal may show it: anybody may have given a branch any name."""
    return name if name.isprintable() and name.isascii() else ascii(name)


ANY = "pr-1"
"""The stack that stands for all where only what they share is asked for."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Where a sweep takes place.

    Attributes:
        folder: Where Pulumi.yaml lies.
        environ: The environment variables of this run.
        place: The Xata project.
        account: The Cloudflare account; empty where previews have no Workers.
    """

    folder: Path
    environ: Mapping[str, str] = field(repr=False)
    place: Place
    account: str

    @property
    def worker_prefix(self) -> str:
        """What the names of all previews' Workers begin with.

        Raises:
            ConfigurationError: It cannot be told from the app's wrangler file.
        """
        settings = settings_in(self.folder)
        return worker_plan.script(settings, locate(self.folder / settings.app_path)).removesuffix(ANY)

    def workspace(self, stack: str) -> Workspace:
        """The stack of a preview; nothing is made."""
        return Workspace(
            folder=self.folder,
            stack=stack,
            backend_url=backend_url(self.folder, self.environ),
            passphrase=known_passphrase(self.folder, self.environ),
            environ=dict(self.environ),
        )


def scene_of(folder: Path, environ: Mapping[str, str]) -> Scene:
    """Find out where the previews are.

    Raises:
        ConfigurationError, UsageError: The template of previews is wrong, or something is not named.
        ApiError, MissingError: The project cannot be found.
    """
    settings = settings_in(folder)
    organization = cloud.organization(settings, environ)
    project = find_project(xata.connect(environ), organization, cloud.project(settings, environ))
    return Scene(
        folder=folder,
        environ=environ,
        place=Place(organization=organization, project=project.id),
        account=worker_plan.account(settings, environ),
    )


def settings_in(folder: Path) -> PreviewSettings:
    """The configuration that all previews share."""
    config = files.content_of(files.text_in(folder))["config"]
    raw = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    shared = written(folder / "Pulumi.yaml")
    return cast("PreviewSettings", read(ANY, {**shared, **raw}, shared=shared.keys() - raw.keys()))


AT_ONCE: Final = 16
"""Calls at the same time: Xata lets a key make 5,000 an hour, and answers sooner when it is not asked all at once."""
PATIENCE_SECONDS: Final = 20.0
REPOSITORY: Final = "GITHUB_REPOSITORY"

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Previews:
    """What was seen and decided.

    Attributes:
        verdicts: What becomes of each preview.
        others: How many branches of the project are no previews.
        unread: What could not be looked at, in words.
    """

    verdicts: tuple[Verdict, ...]
    others: int
    unread: tuple[str, ...] = ()


def read_previews(here: Scene, *, keep_label: str, without_github: bool) -> Previews:
    """See everything, and decide.

    Args:
        here: Where.
        keep_label: The label of pull requests whose preview stays.
        without_github: Do not ask GitHub.

    Raises:
        ApiError: The branches cannot be listed: then there is nothing to decide about.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return _Reader(here, pool, keep_label=keep_label, without_github=without_github).read()


class _Reader:
    """One look, and what went wrong in it."""

    def __init__(self, here: Scene, pool: ThreadPoolExecutor, *, keep_label: str, without_github: bool) -> None:
        self._here, self._pool = here, pool
        self._keep_label, self._without_github = keep_label, without_github
        self._xata = xata.connect(here.environ)
        self._unread: dict[str, None] = {}

    def read(self) -> Previews:
        """Look and decide: first without pull requests, to ask about those alone that the answer depends on."""
        opened = self._pool.submit(self._open_pulls)
        seen = self._without_pulls()
        pulls, why = opened.result()
        seen = replace(seen, pulls=pulls)
        asked = [number_of(one.name) for one in self._decided(seen) if one.reason is Reason.UNASKED]
        if why:
            found: Iterable[Pull] = [Pull(state="unasked", unread=why)] * len(asked)
        else:
            found = self._pool.map(self._pull, asked)
        seen = replace(seen, pulls={**pulls, **dict(zip(asked, found, strict=True))})
        seen = self._without_foreign_workers(seen)
        verdicts = self._decided(seen)
        previews = sum(one.branch is not None for one in verdicts)
        return Previews(verdicts=tuple(verdicts), others=len(seen.branches) - previews, unread=tuple(self._unread))

    def _decided(self, seen: Seen) -> list[Verdict]:
        return decide_sweep(seen, keep_label=self._keep_label, without_github=self._without_github)

    def _tried(self, what: str, read: Callable[[], T], otherwise: T) -> T:
        """What `read` reads; else what went wrong is noted."""
        try:
            return read()
        except (InfraError, EngineError, CommandError) as error:
            self._unread[f"{what}: {error.message}"] = None
            return otherwise

    # Xata, Workers and states.

    def _without_pulls(self) -> Seen:
        services = self._pool.submit(
            self._tried, "the Workers could not be listed", lambda: listed_apps(self._here), {}
        )
        there = self._xata.branches(self._here.place.organization, self._here.place.project)
        described = self._pool.map(self._described, there)
        states = self._tried("the stacks' states could not be listed", self._states, frozenset[str]())
        locked = self._tried("the stacks' locks could not be read", lambda: self._locked(states), dict[str, str]())
        return Seen(
            branches=[branch for branch in described if branch is not None],
            states=states,
            workers=services.result(),
            locked=locked,
            today=datetime.now(tz=UTC).date(),
        )

    def _described(self, summary: BranchSummary) -> Branch | None:
        """A branch with its description, where its name is a preview's; None when it is gone since it was listed."""
        branch = Branch(id=summary.id, name=summary.name, parent=summary.parent_id)
        if not is_preview(summary.name):
            return branch
        place, client = self._here.place, self._xata.within(PATIENCE_SECONDS)
        try:
            read = client.branch(place.organization, place.project, summary.id)
        except NotFoundError:
            return None
        except ApiError as error:
            self._unread[f"a branch could not be read: {error.message}"] = None
            return replace(branch, unread=error.message)
        # What was listed may have been renamed since: what was read last counts.
        return replace(branch, name=read.name, parent=read.parent_id, description=read.description)

    def _without_foreign_workers(self, seen: Seen) -> Seen:
        """The same without the Workers that would go, and that were made by somebody else."""
        workers = seen.workers
        asked = [one.name for one in self._decided(seen) if one.goes and one.name in workers]
        ours = self._pool.map(lambda name: self._is_ours(name, workers[name]), asked)
        foreign = {name for name, is_ours in zip(asked, ours, strict=True) if not is_ours}
        return replace(seen, workers={name: worker for name, worker in workers.items() if name not in foreign})

    def _is_ours(self, name: str, worker: str) -> bool:
        return self._tried(f"whose the Worker of {name} is", lambda: is_ours(self._here, name, worker), False)  # noqa: FBT003 - the answer where none is known

    def _states(self) -> frozenset[str]:
        return frozenset(name for name in known_stacks(self._here.folder, self._here.environ) if is_preview(name))

    def _locked(self, states: Iterable[str]) -> dict[str, str]:
        """Stacks that somebody works on; the lock of a run that is certain to have ended is none."""
        held = {name: holders(self._here.workspace(name)) or () for name in states}
        running = {name: [one for one in found if one.running is not False] for name, found in held.items()}
        return {name: str(found[0]) for name, found in running.items() if found}

    # GitHub.

    def _open_pulls(self) -> tuple[dict[int, Pull], str]:
        """The open pull requests, and why they are not known."""
        if self._without_github:
            return {}, "it was not to be asked"
        try:
            found = github.connect(self._here.environ).open_pull_requests(self._repository())
        except ApiError as error:
            self._unread[f"the open pull requests could not be listed: {error.message}"] = None
            return {}, error.message
        return {one.number: Pull(state="open", labels=one.label_names) for one in found}, ""

    def _pull(self, number: int) -> Pull:
        """A pull request that is not open, as far as its list tells: it is asked for by its number, to be certain."""
        try:
            found = github.connect(self._here.environ).pull_request(self._repository(), number)
        except NotFoundError:
            return Pull(state="unknown")
        except ApiError as error:
            self._unread[f"a pull request could not be read: {error.message}"] = None
            return Pull(state="unasked", unread=error.message)
        return Pull(state=found.state, labels=found.label_names)

    def _repository(self) -> str:
        return self._here.environ.get(REPOSITORY, "").strip()


TRIES: Final = 5


@dataclass(frozen=True, kw_only=True)
class Removed:
    """What became of one preview that was to go.

    Attributes:
        verdict: Why it was to go.
        gone: What is gone of it: `branch`, `worker`, `state`.
        error: What failed; empty when all went well.
        next_step: What to do about that.
    """

    verdict: Verdict
    gone: tuple[str, ...] = ()
    error: str = ""
    next_step: str = ""


def carry_out(
    here: Scene, verdicts: Sequence[Verdict], *, target_of: Callable[[str], changes.Target], say: Callable[[str], None]
) -> list[Removed]:
    """Remove what goes.

    Args:
        here: Where.
        verdicts: What was decided; what stays is left alone.
        target_of: How the stack of a preview is worked on.
        say: Tells a person what has been done.
    """
    going = [one for one in verdicts if one.goes]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        removed = list(pool.map(lambda one: _out_there(here, one), going))
    done = []
    for one in removed:
        whole = one if one.error else _forgotten(here, one, target_of(one.verdict.name))
        say(told(whole))
        done.append(whole)
    return done


def failed(done: Sequence[Removed]) -> bool:
    """Whether something could not be removed."""
    return any(one.error for one in done)


def told(one: Removed) -> str:
    """What became of it, in words."""
    what = f"{', '.join(one.gone)} removed" if one.gone else "nothing removed"
    return f"{one.verdict.name}: {what}" + (f"; failed: {one.error}" if one.error else "")


def _out_there(here: Scene, verdict: Verdict) -> Removed:
    """The branch, then the Worker: whichever fails, the next sweep finds what is left."""
    done = Removed(verdict=verdict)
    try:
        if verdict.branch is not None:
            delete_judged(
                xata.connect(here.environ),
                here.place,
                verdict.branch.id,
                name=verdict.name,
                description=verdict.branch.description,
            )
            done = replace(done, gone=("branch",))
        if verdict.worker:
            remove_app(here, verdict.name, verdict.worker)
            done = replace(done, gone=(*done.gone, "worker"))
    except InfraError as error:
        return replace(done, error=error.message, next_step=error.next_step)
    return done


def _forgotten(here: Scene, done: Removed, target: changes.Target) -> Removed:
    """The same without state and stack file, where there were any."""
    name = done.verdict.name
    if not done.verdict.state:
        remove_file(here.folder, name)
        return done
    try:
        for left in reversed(range(TRIES)):
            try:
                _forget(here, name, target)
                break
            except (LockedError, StateLockedError):
                if not left:
                    raise
                time.sleep(1)  # another sweep, which is soon done
    except (InfraError, EngineError, CommandError) as error:
        return replace(done, error=error.message, next_step=error.next_step)
    return replace(done, gone=(*done.gone, "state"))


def _forget(here: Scene, name: str, target: changes.Target) -> None:
    """Forget the stack. One that still records something is taken down first, which finds most of it gone."""
    engine = choose(target.engine, here.workspace(name), EngineOptions(), say=lambda _: None)
    _unlock(engine)
    try:
        forget(engine, here.folder, name)
    except HeldError:
        opened = changes.opened(target, deploys=False)
        result = opened.change("destroy", Kept())
        if not result.succeeded:
            raise ResourceFailedError(
                f"the rest of the stack could not be taken down: {'; '.join(result.errors)}",
                next_step=f"./infra destroy {target.stack}",
            ) from None
        after_destroy(opened, target)


def _unlock(engine: Engine) -> None:
    """Remove the lock of a run that is certain to have ended."""
    left = engine.holders() or ()
    if left and all(holder.running is False for holder in left):
        engine.unlock(left)


def listed_apps(here: Scene) -> dict[str, str]:
    """The Workers that bear a preview's name, by that name, whoever made them.

    Raises:
        ConfigurationError: The Worker's name cannot be told from the app's wrangler file.
        ApiError: As its tree says.
    """
    if not here.account:
        return {}
    prefix = here.worker_prefix
    names = [one.id for one in workers.connect(here.environ).scripts(here.account)]
    found = {name.removeprefix(prefix): name for name in names if name.startswith(prefix)}
    return {name: worker for name, worker in found.items() if is_preview(name)}


def is_ours(here: Scene, name: str, worker: str) -> bool:
    """Whether the preview's app is there and was deployed by us for it.

    Raises:
        ApiError: As its tree says.
    """
    client, target = workers.connect(here.environ), Worker(account=here.account, script=worker)
    return bool(draft.is_owned(client, target, name))


def remove_app(here: Scene, name: str, worker: str) -> None:
    """Remove the preview's app, if it is ours; what is gone is fine.

    Raises:
        ApiError: As its tree says.
    """
    client, target = workers.connect(here.environ), Worker(account=here.account, script=worker)
    draft.remove_owned(client, target, name)
