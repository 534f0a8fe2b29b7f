"""The state of the account and the few ways in which it changes: versions are made, deployed, Workers removed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cloud_sandbox.cloudflare import bindings as rules
from cloud_sandbox.cloudflare import errors
from cloud_sandbox.cloudflare.models import WHOLE, Deployment, Script, Version, Worker, new_id, new_tag
from cloud_sandbox.cloudflare.runtime import Runtime, ScriptError
from cloud_sandbox.cloudflare.uploads import read_json
from cloud_sandbox.standin import Asked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cloud_sandbox.cloudflare.models import Bindings
    from cloud_sandbox.cloudflare.settings import Settings, Token

PAGE_SIZE = 50
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}")


@dataclass(frozen=True, kw_only=True)
class Call(Asked):
    """A request that may be made: the values of its path, its query, and whose token it is."""

    token: Token

    @property
    def body(self) -> dict[str, Any]:
        """The body's JSON object.

        Raises:
            ApiError: It is none.
        """
        return read_json(self.request.body)

    @property
    def source(self) -> str:
        """Which tool calls, as the API tells it of a version."""
        return "wrangler" if self.request.headers.get("user-agent", "").startswith("wrangler/") else "api"


@dataclass(frozen=True, kw_only=True)
class Enveloped:
    """What an operation answers: a result for the envelope, or a body of its own."""

    result: Any = None
    status: int = 200
    info: dict[str, Any] | None = None
    body: bytes | None = field(default=None, repr=False)
    type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def page(items: Sequence[Any], call: Call, *, size: int = PAGE_SIZE) -> tuple[list[Any], dict[str, int]]:
    """The part of a list that was asked for, and what is told of the whole."""
    per_page, number = _number(call.query.get("per_page"), size), _number(call.query.get("page"), 1)
    found = list(items[(number - 1) * per_page : number * per_page])
    pages = -(-len(items) // per_page)
    info = {"page": number, "per_page": per_page, "count": len(found), "total_count": len(items), "total_pages": pages}
    return found, info


def listed(items: Sequence[Any], call: Call) -> Enveloped:
    """A list in pages as a whole answer."""
    found, info = page(items, call)
    return Enveloped(result=found, info=info)


def _number(text: str | None, default: int) -> int:
    """A number from the query; what is none, or below one, does not count."""
    return int(text) if text and text.isascii() and text.isdecimal() and int(text) else default


@dataclass(kw_only=True)
class World:
    """All there is. Whoever calls holds the service's lock."""

    settings: Settings
    runtime: Runtime
    clock: Callable[[], float]
    workers: dict[str, Worker] = field(default_factory=dict)
    subdomain: str = ""

    def worker(self, name_or_id: str) -> Worker:
        """A Worker.

        Raises:
            ApiError: 10007.
        """
        by_id = (worker for worker in self.workers.values() if worker.id == name_or_id)
        found = self.workers.get(name_or_id) or next(by_id, None)
        if found is None:
            raise errors.worker_not_found()
        return found

    def create(self, name: str) -> Worker:
        """A new Worker without code.

        Raises:
            ApiError: 10016.
        """
        if not NAME.fullmatch(name):
            raise errors.invalid_name(name)
        now = self.clock()
        worker = self.workers[name] = Worker(id=new_tag(), name=name, created=now, modified=now)
        return worker

    def add_version(
        self,
        worker: Worker,
        script: Script,
        bindings: Bindings,
        *,
        source: str,
        annotations: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Version:
        """The next version of a Worker, not deployed.

        Raises:
            ApiError: 10021, 10054 or 10055: the bindings break a rule.
        """
        rules.check(bindings, self.settings)
        latest = worker.latest
        version = Version(
            id=new_id(),
            number=latest.number + 1 if latest else 1,
            created=self.clock(),
            script=script,
            bindings=bindings,
            annotations=dict(annotations or {}),
            source=source,
            extra=dict(extra or {}),
        )
        worker.versions.append(version)
        worker.modified = version.created
        return version

    def deploy(
        self,
        worker: Worker,
        shares: tuple[tuple[str, float], ...],
        *,
        source: str,
        annotations: Mapping[str, str] | None = None,
    ) -> Deployment:
        """Give versions their shares of the traffic; the one with the greatest is run.

        Raises:
            ApiError: 10021: the runtime does not accept the script.
        """
        deployment = Deployment(
            id=new_id(), created=self.clock(), shares=shares, annotations=dict(annotations or {}), source=source
        )
        version = worker.version(deployment.main_version)
        if version is None:
            raise errors.version_not_found(deployment.main_version)
        self.run(worker.name, version.script, version.bindings)
        worker.deployments.append(deployment)
        worker.deployed_from = source
        worker.modified = deployment.created
        return deployment

    def release(self, worker: Worker, script: Script, bindings: Bindings, **told: Any) -> Version:
        """A new version that gets all the traffic at once; nothing is left of it when it does not start.

        Raises:
            ApiError: The bindings break a rule, or the runtime does not accept the script.
        """
        extra = told.pop("extra", None)
        version = self.add_version(worker, script, bindings, extra=extra, **told)
        try:
            self.deploy(worker, ((version.id, WHOLE),), **told)
        except errors.ApiError:
            worker.versions.remove(version)
            raise
        return version

    def run(self, name: str, script: Script, bindings: Bindings) -> None:
        """Have the runtime answer from a script.

        Raises:
            ApiError: 10021.
        """
        try:
            self.runtime.deploy(name, script, bindings)
        except ScriptError as error:
            raise errors.invalid(str(error)) from error

    def remove(self, worker: Worker) -> None:
        """Remove a Worker."""
        self.runtime.remove(worker.name)
        del self.workers[worker.name]
