"""The stand-in's memory and its locks: what every operation works on.

Two kinds of lock, as on the real server. The mutex guards the memory and is held for moments only. The others are
called by an id and are held while databases work, so a slow create does not stop lists, the log or other projects: a
project's serialises its creates, a branch's what changes or removes its database. Only one of them is taken at a time,
and the mutex inside it, never the other way round.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from cloud_sandbox.standin import Asked
from cloud_sandbox.xata import ids, life, messages
from cloud_sandbox.xata.catalogue import Catalogue
from cloud_sandbox.xata.models import Branch, Project, branch_from_dict, branch_to_dict, project_from_dict
from cloud_sandbox.xata.settings import Key, Organization, Settings

if TYPE_CHECKING:
    import random

    from cloud_sandbox.faults import Fault
    from cloud_sandbox.xata.databases import Databases

MICRO = 1_000_000
Listener = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Call(Asked):
    """A request that passed the policy: who calls, the values of its path, and the fault that was ordered for it."""

    key: Key
    organization: str
    fault: Fault | None = None

    @property
    def project(self) -> str:
        """The project of the path."""
        return self.values["projectID"]

    @property
    def branch(self) -> str:
        """The branch of the path."""
        return self.values["branchID"]


class World:
    """Everything that changes. `clock` gives seconds since 1970, `sleep` waits."""

    def __init__(
        self,
        settings: Settings,
        *,
        databases: Databases,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        source: random.Random,
    ) -> None:
        self.settings, self.databases, self.sleep, self.source = settings, databases, sleep, source
        self.catalogue = Catalogue(settings=settings)
        self.organizations = {organization.id: organization for organization in settings.all_organizations}
        self.projects: dict[str, Project] = {}
        self.branches: dict[str, Branch] = {}
        self.creation_disabled = self.child_creation_disabled = False
        self.gone_listeners: list[Listener] = []
        self.without_database: set[str] = set()
        self.sleep_listeners: list[Listener] = []
        self.change_listeners: list[Callable[[], None]] = []
        self._asleep: list[str] = []
        self._changed = False
        self.mutex = threading.RLock()
        self._clock, self._ahead = clock, 0.0
        self._locks: dict[str, threading.Lock] = {}

    @property
    def now(self) -> int:
        """The time, in microseconds."""
        return round((self._clock() + self._ahead) * MICRO)

    def advance(self, seconds: float) -> None:
        """Let time pass at once."""
        with self.mutex:
            self._ahead += seconds

    @contextmanager
    def lock(self, identifier: str) -> Iterator[None]:
        """The lock of one project or branch, waited for."""
        with self.mutex:
            lock = self._locks.setdefault(identifier, threading.Lock())
        with lock:
            yield

    @contextmanager
    def project_lock(self, project: str) -> Iterator[None]:
        """A project's lock as requests take it: the newest source does not wait for it.

        Raises:
            RefusedError: Another request has it.
        """
        if not self.settings.is_current:
            with self.lock(project):
                yield
            return
        with self.mutex:
            lock = self._locks.setdefault(project, threading.Lock())
        if not lock.acquire(blocking=False):
            raise messages.project_busy(project)
        try:
            yield
        finally:
            lock.release()

    def organization(self, name: str) -> Organization:
        """An organization the stand-in knows; a key's own organization always exists."""
        return self.organizations.setdefault(name, Organization(id=name))

    def project(self, organization: str, project: str) -> Project:
        """A project that is not deleted, of this organization.

        Raises:
            RefusedError: There is none (404).
        """
        _require_text(project)
        found = self.projects.get(project)
        if found is None or found.terminated or found.organization != organization:
            raise messages.project_not_found(project)
        return found

    def branch(self, organization: str, project: str, branch: str) -> Branch:
        """A branch that is not deleted, of this project, brought up to date.

        Raises:
            RefusedError: There is no such project or branch (404).
        """
        self.project(organization, project)
        _require_text(branch)
        found = self.branches.get(branch)
        if found is None or found.terminated or found.project != project:
            raise messages.branch_not_found(branch)
        return self.settle(found)

    def branches_of(self, project: str) -> list[Branch]:
        """A project's branches, oldest first."""
        return [branch for branch in self.branches.values() if branch.project == project and not branch.terminated]

    def branches_of_organization(self, organization: str) -> list[Branch]:
        """All of an organization's branches, the deleted ones too."""
        owned = {project.id for project in self.projects.values() if project.organization == organization}
        return [branch for branch in self.branches.values() if branch.project in owned]

    def settle(self, branch: Branch) -> Branch:
        """Bring a branch's life up to the present: a parent became ready, or it fell asleep."""
        now, state = self.now, branch.life
        parent = self.branches.get(branch.parent or "")
        if state.blocked and parent and not parent.terminated and life.is_up(self.settle(parent).life, now):
            life.start(self.settings, state, max(branch.created, parent.life.healthy.due))
        if life.is_inactive(self.settings, branch, now):
            self.put_to_sleep(branch, by="inactive")
        return branch

    def put_to_sleep(self, branch: Branch, *, by: Literal["manual", "inactive"]) -> None:
        """Hibernate a branch; whoever listens hears of it from `tell`."""
        life.hibernate(branch, by=by)
        self._asleep.append(branch.id)
        self._changed = True

    def changed(self) -> None:
        """Something was written that a restart must not lose."""
        self._changed = True

    def finish_rotation(self, branch: Branch) -> None:
        """Put a rotated password in force once its secret is there. Takes the branch's lock."""
        if not branch.cluster.new_password or not branch.life.secret.over(self.now):
            return
        with self.lock(branch.id):
            password = branch.cluster.new_password
            if not password or branch.terminated:
                return
            try:
                self.databases.set_password(branch.id, password)
            except Exception as error:
                raise messages.internal(f"the password could not be set: {type(error).__name__}") from error
            branch.cluster.password, branch.cluster.new_password = password, ""
            self._changed = True

    def remove_database(self, branch: Branch) -> None:
        """End the branch's connections and drop its database, where it has one. The branch's lock is held."""
        if branch.id in self.without_database:
            return
        for listener in list(self.gone_listeners):
            listener(branch.id)
        try:
            self.databases.drop(branch.id)
        except Exception as error:
            raise messages.internal(f"the database could not be dropped: {type(error).__name__}") from error

    def tell(self) -> None:
        """Call the listeners about what happened since the last time. No lock may be held."""
        with self.mutex:
            asleep, self._asleep = self._asleep, []
            changed, self._changed = self._changed, False
        for branch in asleep:
            for listener in list(self.sleep_listeners):
                listener(branch)
        for notice in list(self.change_listeners) if changed else ():
            notice()

    def identifier(self, prefix: str) -> str:
        """A new identifier with a prefix."""
        return ids.prefixed(prefix, self.source)

    def snapshot(self) -> dict[str, Any]:
        """The memory as data that JSON can hold; it has passwords."""
        with self.mutex:
            return {
                "ahead": self._ahead,
                "organizations": [asdict(organization) for organization in self.organizations.values()],
                "projects": [asdict(project) for project in self.projects.values()],
                "branches": [branch_to_dict(branch) for branch in self.branches.values()],
            }

    def restore(self, data: dict[str, Any]) -> None:
        """Take over a snapshot's memory; the databases are as they are."""
        with self.mutex:
            self._ahead = data["ahead"]
            self.organizations = {one["id"]: Organization(**one) for one in data["organizations"]}
            self.projects = {one["id"]: project_from_dict(one) for one in data["projects"]}
            self.branches = {one["id"]: branch_from_dict(one) for one in data["branches"]}


def _require_text(identifier: str) -> None:
    """Fail as the real database does on a NUL character and on bytes that are no UTF-8."""
    if "\0" in identifier or any("\ud800" <= character <= "\udfff" for character in identifier):
        raise messages.internal("the identifier is no text")
