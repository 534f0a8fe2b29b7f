"""What the stand-in remembers. Times are whole microseconds since 1970, as precise as the real server's."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Sleep = Literal["", "manual", "inactive"]


@dataclass(kw_only=True)
class ScaleToZero:
    """When to sleep."""

    enabled: bool = False
    minutes: int = 30


@dataclass(kw_only=True)
class Backup:
    """The schedule: `time` as `D:HH:MM`, retention in days."""

    time: str
    days: int


@dataclass(kw_only=True)
class Wait:
    """A step that is not done yet: so many looks at it, and not before a moment."""

    reads: int = 0
    due: int = 0

    def over(self, now: int) -> bool:
        """Whether the step is done."""
        return self.reads <= 0 and now >= self.due

    def read(self) -> None:
        """Count one look at it."""
        self.reads = max(0, self.reads - 1)


@dataclass(kw_only=True)
class Life:
    """Where a branch's cluster is in its life.

    `blocked`: the parent was not ready when it was made. `started` ends HIBERNATED, `healthy` ends TRANSIENT,
    `secret` makes the credentials readable, `restorable` is the first restore point. `used` is the last connection.
    `fault` is a status forced from outside (`FAULT: text`), `gone` a cluster that was lost behind the service's back.
    """

    blocked: bool = False
    started: Wait = field(default_factory=Wait)
    healthy: Wait = field(default_factory=Wait)
    secret: Wait = field(default_factory=Wait)
    restorable: Wait = field(default_factory=Wait)
    restorable_since: int = 0
    asleep: Sleep = ""
    woken: bool = False
    used: int = 0
    fault: str = ""
    gone: bool = False


@dataclass(kw_only=True)
class Cluster:
    """What runs behind a branch. `password` is the present one; `new_password` waits for its secret."""

    image: str
    size: str
    replicas: int
    storage: int
    parameters: dict[str, str]
    libraries: list[str]
    scale: ScaleToZero
    backup: Backup | None
    password: str = field(repr=False)
    new_password: str = field(default="", repr=False)


@dataclass(kw_only=True)
class Branch:
    """A branch. A terminated one is kept: it counts for the limits of the last hour."""

    id: str
    project: str
    name: str
    parent: str | None
    description: str | None
    region: str
    depth: int
    created: int
    updated: int
    cluster: Cluster
    life: Life
    terminated: bool = False


@dataclass(kw_only=True)
class Project:
    """A project with its defaults for new branches."""

    id: str
    organization: str
    name: str
    created: int
    updated: int
    base: ScaleToZero
    child: ScaleToZero
    filtering: bool = False
    cidrs: list[dict[str, str]] = field(default_factory=list)
    terminated: bool = False


def branch_to_dict(branch: Branch) -> dict[str, Any]:
    """A branch as data that JSON can hold. It has the password: the file it goes to must be private."""
    return asdict(branch)


def branch_from_dict(data: dict[str, Any]) -> Branch:
    """The reverse."""
    cluster, life = dict(data["cluster"]), dict(data["life"])
    cluster["scale"] = ScaleToZero(**cluster["scale"])
    cluster["backup"] = Backup(**cluster["backup"]) if cluster["backup"] else None
    for step in ("started", "healthy", "secret", "restorable"):
        life[step] = Wait(**life[step])
    return Branch(**{**data, "cluster": Cluster(**cluster), "life": Life(**life)})


def project_from_dict(data: dict[str, Any]) -> Project:
    """A project back from its data."""
    return Project(**{**data, "base": ScaleToZero(**data["base"]), "child": ScaleToZero(**data["child"])})
