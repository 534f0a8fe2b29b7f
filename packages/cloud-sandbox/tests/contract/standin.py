"""The stand-in in this process, without databases and without a socket: the surface that contract tests look at."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

import httpx

from cloud_sandbox.transport import handler
from cloud_sandbox.xata.databases import NoDatabases
from cloud_sandbox.xata.service import Service
from cloud_sandbox.xata.settings import DEFAULT_ORGANIZATION, Key, Organization, Settings
from tests.contract.document import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud_sandbox.xata.models import Branch

ORGANIZATION = DEFAULT_ORGANIZATION
KEY = "xau_" + "contractkey" * 4
READER = "xau_" + "readeronly" * 4
NOBODY = "xau_" + "nothingatall" * 4
LOCAL = "http://127.0.0.1:1"
EDITIONS = ("april", "june", "august", "current")
PATIENT = {"maxBranchesPerHour": 10_000, "maxProjectsPerHour": 10_000, "maxBranchesPerProject": 10_000}
"""Limits that a long test does not meet."""


class StandIn:
    """A stand-in whose settings a test chooses.

    Args:
        clock: Seconds since 1970.
        sleep: What the stand-in waits with.
        more_keys: Keys besides those of this module.
        limits: Limits of the organization that differ from the tier's.
        settings: The rest, as `cloud_sandbox.xata.settings.Settings` has it.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = lambda _: None,
        limits: dict[str, int] | None = None,
        more_keys: tuple[Key, ...] = (),
        **settings: Any,
    ) -> None:
        keys = (
            Key(token=KEY),
            Key(token=READER, scopes=("project:read", "branch:read"), projects=("prj_none",)),
            Key(token=NOBODY, scopes=("keys:read",)),
            *more_keys,
        )
        organization = Organization(id=ORGANIZATION, limits=PATIENT if limits is None else limits)
        self.service = Service(
            Settings(organizations=(organization,), keys=keys, **settings),
            databases=NoDatabases(),
            clock=clock,
            sleep=sleep,
            source=random.Random(0),  # noqa: S311 - ids of a test
        )
        self.transport = httpx.MockTransport(handler(self.service, sleep=sleep))

    def http(self, transport: httpx.BaseTransport | None = None) -> httpx.Client:
        """A client that carries the key; `transport` goes in between."""
        return httpx.Client(
            transport=transport or self.transport, base_url=LOCAL, headers={"Authorization": f"Bearer {KEY}"}
        )

    def recorded(self) -> Recorder:
        """A transport to this stand-in that keeps what travels."""
        return Recorder(self.transport)

    def branches(self, project: str) -> list[Branch]:
        """What is there, seen from behind."""
        return self.service.world.branches_of(project)

    def passwords(self) -> set[str]:
        """Every password that a branch has or will have."""
        clusters = [branch.cluster for branch in self.service.world.branches.values()]
        return {word for one in clusters for word in (one.password, one.new_password) if word}
