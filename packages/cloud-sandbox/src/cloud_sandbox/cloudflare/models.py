"""What an account holds: Workers, their versions and deployments. Plain data, as JSON in a snapshot."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Binding = dict[str, Any]
Bindings = dict[str, Binding]
"""Name to binding, values of secrets included; `name` is in the binding too."""

WHOLE = 100
BASELINE_DATE = "2021-11-02"
"""What a script without a compatibility date is run as."""


def new_id() -> str:
    """An id as versions and deployments have it."""
    return str(uuid.uuid4())


def new_tag() -> str:
    """An id as Workers have it."""
    return uuid.uuid4().hex


def moment(seconds: float) -> str:
    """A time as the API writes it."""
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(frozen=True, kw_only=True)
class Module:
    """A file of a script. `content` is base64, so that any file fits into a snapshot."""

    name: str
    type: str
    content: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Script:
    """Code and how it is to be run. `main` is empty for an upload without code (a version of static assets)."""

    main: str = ""
    modules: tuple[Module, ...] = ()
    compatibility_date: str = ""
    compatibility_flags: tuple[str, ...] = ()
    service_worker: bool = False
    """Whether `main` is a script of the old kind, with listeners instead of exports."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """Code and bindings at one moment; never changed once made."""

    id: str
    number: int
    created: float
    script: Script
    bindings: Bindings = field(default_factory=dict, repr=False)
    annotations: dict[str, str] = field(default_factory=dict)
    source: str = "api"
    extra: dict[str, Any] = field(default_factory=dict)
    """Limits, placement and whatever else was sent with it and only has to be told again."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Which versions get which share of the traffic, since when."""

    id: str
    created: float
    shares: tuple[tuple[str, float], ...]
    annotations: dict[str, str] = field(default_factory=dict)
    source: str = "api"

    @property
    def main_version(self) -> str:
        """The version with the greatest share: the one that is run here."""
        return max(self.shares, key=lambda share: share[1])[0]


@dataclass(kw_only=True)
class Worker:
    """A Worker: versions in the order of their making, deployments likewise."""

    id: str
    name: str
    created: float
    modified: float
    versions: list[Version] = field(default_factory=list)
    deployments: list[Deployment] = field(default_factory=list)
    subdomain: dict[str, bool] = field(default_factory=lambda: {"enabled": False, "previews_enabled": False})
    settings: dict[str, Any] = field(default_factory=dict)
    """Not versioned: tags, logpush, observability, tail_consumers."""
    deployed_from: str = "api"

    @property
    def latest(self) -> Version | None:
        """The version made last."""
        return self.versions[-1] if self.versions else None

    @property
    def active(self) -> Version | None:
        """The version that answers."""
        return self.version(self.deployments[-1].main_version) if self.deployments else None

    @property
    def latest_is_deployed(self) -> bool:
        """Whether the newest version gets all the traffic."""
        latest = self.latest
        return bool(latest and self.deployments and self.deployments[-1].shares == ((latest.id, WHOLE),))

    def version(self, version_id: str) -> Version | None:
        """One version by its id."""
        return next((version for version in self.versions if version.id == version_id), None)


def dump(workers: Mapping[str, Worker]) -> list[dict[str, Any]]:
    """Workers as JSON-able data, values of secrets included."""
    return [asdict(worker) for worker in workers.values()]


def load(data: list[dict[str, Any]]) -> dict[str, Worker]:
    """What `dump` made of them."""
    workers = (_worker(item) for item in data)
    return {worker.name: worker for worker in workers}


def _worker(data: dict[str, Any]) -> Worker:
    lists = {
        "versions": [Version(**{**item, "script": _script(item["script"])}) for item in data["versions"]],
        "deployments": [Deployment(**{**item, "shares": _shares(item["shares"])}) for item in data["deployments"]],
    }
    known = {one.name for one in fields(Worker)}  # a snapshot from before may hold more
    return Worker(**{**{name: value for name, value in data.items() if name in known}, **lists})


def _shares(shares: list[list[Any]]) -> tuple[tuple[str, float], ...]:
    return tuple((str(version), percentage) for version, percentage in shares)


def _script(data: dict[str, Any]) -> Script:
    modules = tuple(Module(**module) for module in data["modules"])
    return Script(**{**data, "modules": modules, "compatibility_flags": tuple(data["compatibility_flags"])})
