"""Asks for everything at once, under one deadline: Xata's lists, each branch, its backup and its Worker."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from components.connection import Connection
from components.connectivity.inputs import WAITING
from components.connectivity.probe import probe
from components.connectivity.worker_address import host, path_of
from components.connectivity.worker_verdicts import Expectation, Patience, verdict_on
from components.connectivity.worker_wire import fetch
from components.errors import InfraError, NotFoundError
from components.xata.api import client as xata
from components.xata.branches.names import is_preview
from components.xata.branches.place import Place, find_project
from operations import stack_names
from operations.commands import verify
from operations.engines.recorded import store
from operations.errors import CommandError
from operations.sandbox.place import Place as SandboxPlace
from operations.sandbox.place import is_shell, own
from operations.settings import on_xata
from operations.status.facts import NOT_ASKED, Facts, Found, Health, Seen, Twig
from operations.status.stored import States
from operations.workspace import acting_in, describe_workspace, file_backend, known_passphrase
from pulumi_embedded.errors import EngineError
from stacks import cloud, side_by_side
from stacks.settings import XataSettings
from stacks.stack_names import DEV, FOUNDATION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from components.xata.api.models import Branch
    from operations.changes import Target
    from operations.status.facts import Stored
    from stacks.settings import Settings

T = TypeVar("T")

GRACE_SECONDS: Final = 2.0
"""So much longer than the deadline may a call take: what is late is told by us, in the same words for all."""
NOBODY: Final = Health(state="none", says="")
LOCAL_SECONDS: Final = 3.0
"""How long a database on this machine may take: what does not answer by then does not run."""
OURS: Final = (InfraError, EngineError, CommandError)


def look(target: Target, *, seconds: float, history: bool = False, spared: Mapping[str, Health] | None = None) -> Seen:
    """See every environment once; what has not answered in time is told as such.

    Args:
        target: How; its stack is of no account.
        seconds: The deadline of everything that is asked over the network.
        history: Whether to read what each of the newest runs had found.
        spared: What Workers said earlier whose branches sleep when they are left alone: they are not asked again.

    Raises:
        UsageError, ProjectError: The project's own files do not say where the states are.
    """
    environ, place = target.environ(), SandboxPlace(folder=target.folder)
    here = own(os.environ) if is_shell(os.environ, place) else dict(os.environ)
    with acting_in(environ):  # proxies, and authorities to trust, are named there
        return _Look(target.folder, environ, here, seconds=seconds, history=history, spared=spared or {}).seen()


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """One environment, as far as it is known without asking anybody, and what is being asked."""

    name: str
    settings: Settings | None
    state: Found[Stored]
    branch: Future[Branch | None] = field(default_factory=Future)
    restore_point: Future[datetime | None] = field(default_factory=Future)
    health: Future[Health | None] = field(default_factory=Future)

    @property
    def stored(self) -> Stored | None:
        """What is recorded of a deployment that is there."""
        return self.state.value if self.state.value and self.state.value.outputs else None

    @property
    def branch_name(self) -> str:
        """What its branch is called."""
        recorded = self.stored.text("branchName") if self.stored else ""
        return recorded or (self.name if is_preview(self.name) else getattr(self.settings, "branch", ""))


class _Look:
    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        own_environ: Mapping[str, str],
        *,
        seconds: float,
        history: bool,
        spared: Mapping[str, Health],
    ) -> None:
        self._folder, self._environ, self._own, self._spared = folder, environ, own_environ, spared
        self._seconds, self._history, self._until = seconds, history, time.monotonic() + seconds
        self._states = States(folder, environ)
        self._settings = {one.stack: one for one in side_by_side.said(folder)}
        self._notes: list[str] = []
        self._complete = True
        self._calls, self._lock = 0, threading.Lock()

    def seen(self) -> Seen:
        """Ask, wait, and put together."""
        asked = [self._asked(name) for name in self._names()]
        listed: Future[Sequence[_Listed] | None] = self._begun(Future(), lambda: self._listed(asked))
        for one in asked:
            self._ask(one, listed)
        there = self._answer(listed)
        if there.why:
            self._notes.append(f"which branches the project has is not known: {there.why}")
            self._complete &= there.why.startswith(NOT_ASKED)
        known = {one.name for one in asked}
        more = [branch for branch in there.value or () if is_preview(branch.name) and branch.name not in known]
        for branch in more:
            asked.append(_Asked(name=branch.name, settings=None, state=Found()))
            self._ask(asked[-1], listed)
        names = {branch.id: branch.name for branch in there.value or ()}
        facts = [self._facts(one, names) for one in sorted(asked, key=lambda one: stack_names.order(one.name))]
        branches = [Twig(id=one.id, name=one.name, parent=one.parent) for one in there.value or ()]
        return Seen(
            at=datetime.now(tz=UTC),
            facts=facts,
            branches=branches,
            notes=tuple(self._notes),
            calls=self._calls,
            app=next((one.app for one in self._settings.values()), ""),
            complete=self._complete,
        )

    # What is known here.

    def _names(self) -> list[str]:
        """All that have a file, and all that have a state, but for the foundation, which is no environment."""
        there = {DEV, *stack_names.environments(self._folder)}
        for name in sorted(there - self._settings.keys()):
            self._notes.append(f"Pulumi.{name}.yaml cannot be read as it is: ./infra doctor says why")
            self._complete = False
        if self._states.elsewhere:
            self._notes.append(f"what was deployed is not known: {self._states.elsewhere}")
        else:
            from operations.engines.choice import known_stacks

            there |= {*known_stacks(self._folder, self._environ)}
        return sorted(there - {FOUNDATION}, key=stack_names.order)

    def _asked(self, name: str) -> _Asked:
        state = self._states.read(name, history=self._history)
        if name == DEV and not state.why and state.value is None:
            # The sandbox has a `dev` only where a run asked for it: otherwise that is the database of this machine.
            state = States(self._folder, self._own).read(name, history=self._history)
        return _Asked(name=name, settings=self._settings.get(name), state=state)

    # Asking.

    def _begun(self, future: Future[T | None], work: Callable[[], T | None]) -> Future[T | None]:
        """Let a thread work that may be left behind."""

        def run() -> None:
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - whoever waits for it is told
                future.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        return future

    def _answer(self, future: Future[T | None]) -> Found[T]:
        try:
            return Found(value=future.result(max(self._until - time.monotonic(), 0)))
        except TimeoutError:
            return Found(why=f"no answer in {self._seconds:g} s")
        except OURS as error:
            return Found(why=error.message)

    def _require_key(self) -> None:
        if not self._environ.get(xata.KEY_VARIABLE, "").strip():
            raise NotAskedError(f"{NOT_ASKED}: {xata.KEY_VARIABLE} is not set")

    def _client(self, api: str = "") -> xata.Client:
        self._require_key()
        with self._lock:
            self._calls += 1
        return xata.connect(self._environ).at_home(api).within(self._seconds + GRACE_SECONDS)

    def _listed(self, asked: Sequence[_Asked]) -> Sequence[_Listed]:
        self._require_key()
        place = self._place([one.stored for one in asked if one.stored and not one.stored.is_local])
        found = self._client().branches(place.organization, place.project)
        return [_Listed(place=place, id=one.id, name=one.name, parent=one.parent_id) for one in found]

    def _place(self, stored: Sequence[Stored]) -> Place:
        """The project of most states; without any, the one that the files name."""
        places = Counter((one.text("organizationId"), one.text("projectId")) for one in stored)
        if places:
            organization, project = places.most_common(1)[0][0]
            return Place(organization=organization, project=project)
        settings = next(one for name, one in self._settings.items() if isinstance(one, XataSettings) and name != DEV)
        organization = cloud.organization(settings, self._environ)
        found = find_project(self._client(), organization, cloud.project(settings, self._environ))
        return Place(organization=organization, project=found.id)

    def _ask(self, one: _Asked, listed: Future[Sequence[_Listed] | None]) -> None:
        """Begin to ask about one environment."""
        stored = one.stored
        local = stored.is_local if stored else one.settings is not None and not on_xata(one.settings)
        if local:
            one.branch.set_result(None)
            one.restore_point.set_result(None)
            self._begun(one.health, lambda: self._local(one) if stored else NOBODY)
            return
        if stored is not None:
            place = Place(organization=stored.text("organizationId"), project=stored.text("projectId"))
            self._begun(one.branch, lambda: self._branch(stored.api, place, stored.text("branchId")))
            self._begun(one.restore_point, lambda: self._restore_point(stored, place))
        else:
            self._begun(one.branch, lambda: self._found(one, listed))
            self._begun(one.restore_point, lambda: self._of_found(one, listed))
        self._begun(one.health, lambda: self._worker(one))

    def _branch(self, api: str, place: Place, branch_id: str) -> Branch | None:
        try:
            return self._client(api).branch(place.organization, place.project, branch_id)
        except NotFoundError:
            return None

    def _restore_point(self, stored: Stored, place: Place) -> datetime | None:
        if not stored.outputs.get("backupRetentionDays"):
            return None
        return self._backup(stored.api, place, stored.text("branchId"))

    def _backup(self, api: str, place: Place, branch_id: str) -> datetime | None:
        try:
            return self._client(api).backup(place.organization, place.project, branch_id).latest_restore
        except NotFoundError:
            return None

    def _found(self, one: _Asked, listed: Future[Sequence[_Listed] | None]) -> Branch | None:
        """The branch of an environment whose state is not here, by its name."""
        found = _named(one.branch_name, listed.result() or ())
        return self._branch("", found.place, found.id) if found else None

    def _of_found(self, one: _Asked, listed: Future[Sequence[_Listed] | None]) -> datetime | None:
        branch = one.branch.result()
        if branch is None or not branch.backups_enabled:  # there the service answers 500
            return None
        found = _named(one.branch_name, listed.result() or ())
        return self._backup("", found.place, found.id) if found else None

    def _worker(self, one: _Asked) -> Health:
        """What the Worker says; one whose branch sleeps is left alone, since its answer would wake the branch."""
        if one.stored is None or not one.stored.text("healthUrl"):
            return NOBODY
        try:
            branch = one.branch.result()
        except OURS:
            branch = None  # what became of the branch is told in a place of its own
        if branch is not None and branch.status.kind == "hibernated":
            raise NotAskedError(f"{NOT_ASKED}: an answer would wake its branch")
        earlier = self._spared.get(one.name)
        if earlier is not None and branch is not None and branch.scale_to_zero.enabled:
            return earlier
        return worker_health(one.stored, seconds=max(self._until - time.monotonic(), 1.0))

    def _local(self, one: _Asked) -> Health:
        """What the database of this machine says, asked as the app would ask it."""
        workspace = describe_workspace(self._folder, one.name, environ=self._own)
        passphrase = known_passphrase(self._folder, self._own)
        if passphrase is None or file_backend(workspace.backend_url) is None:
            raise NotAskedError(f"{NOT_ASKED}: the passphrase of its state is not known here")
        url = (store(workspace, passphrase).outputs() or {})["databaseUrl"]
        report = probe(
            Connection.parse(str(getattr(url, "value", url))),
            expected_branch=one.branch_name,
            expected_major=verify.EXPECTED_MAJOR,
            budget_seconds=min(self._seconds, LOCAL_SECONDS),
        )
        failed = report.failed
        if failed is None:
            return Health(state="ok", says=f"Postgres {report.server_version} answers")
        return Health(state="failing", says=f"{failed.layer.value}: {failed.cause}", next_step=failed.next_step)

    # Putting together.

    def _facts(self, one: _Asked, names: Mapping[str, str]) -> Facts:
        branch = self._answer(one.branch)
        parent = branch.value.parent_id if branch.value else None
        recorded = one.stored.parent if one.stored else ""
        enabled = branch.value is None or branch.value.backups_enabled
        return Facts(
            name=one.name,
            branch_name=one.branch_name,
            parent_name=names.get(parent or "") or recorded or parent or "",
            has_file=one.settings is not None or is_preview(one.name) or self._has_file(one.name),
            state=one.state,
            branch=branch,
            restore_point=self._answer(one.restore_point) if enabled else Found(),
            health=self._answer(one.health),
        )

    def _has_file(self, name: str) -> bool:
        return (self._folder / f"Pulumi.{name}.yaml").is_file()


@dataclass(frozen=True, kw_only=True)
class _Listed:
    place: Place
    id: str
    name: str
    parent: str | None


class NotAskedError(CommandError):
    """Nobody was asked; the message says why."""


def _named(name: str, listed: Sequence[_Listed]) -> _Listed | None:
    found = [one for one in listed if one.name == name]
    return found[0] if len(found) == 1 else None


def worker_health(stored: Stored, *, seconds: float) -> Health:
    """Ask the Worker of a deployment once.

    Args:
        stored: What is recorded of it.
        seconds: How long to wait for the answer.
    """
    url = stored.text("healthUrl")
    expected = Expectation(environment=stored.text("environment"), branch=stored.text("branchName"), path=path_of(url))
    verdict = verdict_on(fetch(url, seconds), expected, host=host(url))
    if verdict is None:
        return Health(state="ok", says="the app is healthy")
    never_seen = (stored.outputs.get("checks") or {}).get("worker", {}).get("state") == WAITING
    if verdict.patience is Patience.ABSENT and never_seen:
        return Health(state="waiting", says="the app is not deployed yet", next_step=expected.deploy)
    return Health(state="failing", says=verdict.cause, next_step=verdict.next_step)


def with_drift(seen: Seen, target: Target) -> Seen:
    """The same with what `drift` finds of every stack that has a state, one after the other."""
    from operations import reporting
    from operations.__main__ import explained
    from operations.commands.drift import read_drift

    deployed = [one for one in seen.facts if one.state.value is not None]
    targets = [
        replace(target, stack=one.name, sandbox=target.sandbox and not (one.state.value and one.state.value.is_local))
        for one in deployed
    ]
    found = {
        one.stack: one
        for one in read_drift(targets, repair=False, show=reporting.shower(verbose=target.verbose), explain=explained)
    }

    def of(facts: Facts) -> Facts:
        result = found.get(facts.name)
        if result is None:
            return replace(facts, drift=Found())
        failed = result.verdict == "failed"
        why = "; ".join(result.errors) or "it could not be looked at"
        return replace(facts, drift=Found(why=why) if failed else Found(value=result.verdict))

    return replace(seen, facts=[of(one) for one in seen.facts])
