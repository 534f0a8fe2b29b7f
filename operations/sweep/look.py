"""What a sweep knows before it decides: Xata's list, GitHub's pull requests, Workers and states. Changes nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from components.errors import ApiError, InfraError, NotFoundError
from components.github import client as github
from components.xata.api import client as xata
from components.xata.branches.names import is_preview
from operations.engines.known import known_stacks
from operations.engines.locks import holders
from operations.errors import CommandError
from operations.sweep import apps
from operations.sweep.decision import Branch, Pull, Reason, Seen, Verdict, decide, number_of
from pulumi_embedded.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from components.xata.api.models import BranchSummary
    from operations.sweep.scene import Scene

AT_ONCE: Final = 16
"""Calls at the same time: Xata lets a key make 5,000 an hour, and answers sooner when it is not asked all at once."""
PATIENCE_SECONDS: Final = 20.0
REPOSITORY: Final = "GITHUB_REPOSITORY"

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What was seen and decided.

    Attributes:
        verdicts: What becomes of each preview.
        others: How many branches of the project are no previews.
        faults: What could not be looked at, in words.
    """

    verdicts: tuple[Verdict, ...]
    others: int
    faults: tuple[str, ...] = ()


def look(here: Scene, *, keep_label: str, without_github: bool) -> Looked:
    """See everything, and decide.

    Args:
        here: Where.
        keep_label: The label of pull requests whose preview stays.
        without_github: Do not ask GitHub.

    Raises:
        ApiError: The branches cannot be listed: then there is nothing to decide about.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return _Look(here, pool, keep_label=keep_label, without_github=without_github).looked()


class _Look:
    """One look, and what went wrong in it."""

    def __init__(self, here: Scene, pool: ThreadPoolExecutor, *, keep_label: str, without_github: bool) -> None:
        self._here, self._pool = here, pool
        self._keep_label, self._without_github = keep_label, without_github
        self._xata = xata.connect(here.environ)
        self._faults: dict[str, None] = {}

    def looked(self) -> Looked:
        """Look and decide: first without pull requests, to ask about those alone that the answer depends on."""
        opened = self._pool.submit(self._open_pulls)
        seen = self._without_pulls()
        pulls, fault = opened.result()
        seen = replace(seen, pulls=pulls)
        asked = [number_of(one.name) for one in self._decided(seen) if one.reason is Reason.UNASKED]
        if fault:
            found: Iterable[Pull] = [Pull(state="unasked", fault=fault)] * len(asked)
        else:
            found = self._pool.map(self._pull, asked)
        seen = replace(seen, pulls={**pulls, **dict(zip(asked, found, strict=True))})
        seen = self._without_foreign_workers(seen)
        verdicts = self._decided(seen)
        previews = sum(one.branch is not None for one in verdicts)
        return Looked(verdicts=tuple(verdicts), others=len(seen.branches) - previews, faults=tuple(self._faults))

    def _decided(self, seen: Seen) -> list[Verdict]:
        return decide(seen, keep_label=self._keep_label, without_github=self._without_github)

    def _tried(self, what: str, read: Callable[[], T], otherwise: T) -> T:
        """What `read` reads; else what went wrong is noted."""
        try:
            return read()
        except (InfraError, EngineError, CommandError) as error:
            self._faults[f"{what}: {error.message}"] = None
            return otherwise

    # Xata, Workers and states.

    def _without_pulls(self) -> Seen:
        services = self._pool.submit(
            self._tried, "the Workers could not be listed", lambda: apps.listed(self._here), {}
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
            self._faults[f"a branch could not be read: {error.message}"] = None
            return replace(branch, fault=error.message)
        # What was listed may have been renamed since: what was read last counts.
        return replace(branch, name=read.name, parent=read.parent_id, description=read.description)

    def _without_foreign_workers(self, seen: Seen) -> Seen:
        """The same without the Workers that would go, and that were made by somebody else."""
        workers = dict(seen.workers)
        going = [one.name for one in self._decided(seen) if one.goes]
        if self._here.account and self._here.shares_worker and going:
            shared = self._tried("the previews of the Worker", lambda: self._here.worker_prefix, "")
            workers = dict.fromkeys(going, shared) if shared else {}
        asked = [name for name in going if name in workers]
        ours = self._pool.map(lambda name: self._is_ours(name, workers[name]), asked)
        foreign = {name for name, is_ours in zip(asked, ours, strict=True) if not is_ours}
        return replace(seen, workers={name: worker for name, worker in workers.items() if name not in foreign})

    def _is_ours(self, name: str, worker: str) -> bool:
        return self._tried(f"whose the Worker of {name} is", lambda: apps.is_ours(self._here, name, worker), False)  # noqa: FBT003 - the answer where none is known

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
            self._faults[f"the open pull requests could not be listed: {error.message}"] = None
            return {}, error.message
        return {one.number: Pull(state="open", labels=one.label_names) for one in found}, ""

    def _pull(self, number: int) -> Pull:
        """A pull request that is not open, as far as its list tells: it is asked for by its number, to be certain."""
        try:
            found = github.connect(self._here.environ).pull_request(self._repository(), number)
        except NotFoundError:
            return Pull(state="unknown")
        except ApiError as error:
            self._faults[f"a pull request could not be read: {error.message}"] = None
            return Pull(state="unasked", fault=error.message)
        return Pull(state=found.state, labels=found.label_names)

    def _repository(self) -> str:
        return self._here.environ.get(REPOSITORY, "").strip()
